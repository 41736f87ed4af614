#pragma once

#include <string>

// Reads a file, or what comes from standard input where the path is "-". What
// gzip packed is unpacked. Throws std::runtime_error.
std::string read_all(const std::string &path);
