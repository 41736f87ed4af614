#pragma once

#include <cstddef>
#include <string>
#include <vector>

struct Options {
	bool version = false;
	std::size_t rows = 10;
	std::vector<std::string> paths;
};

// Throws std::runtime_error where the arguments are not understood.
Options parse_options(int argc, char **argv);
