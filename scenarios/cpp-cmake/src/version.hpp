#pragma once

#include <string>

// What --version prints.
std::string version();
