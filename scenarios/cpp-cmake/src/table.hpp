#pragma once

#include <ostream>
#include <vector>

#include "count.hpp"

void print_table(std::ostream &out, const std::vector<Count::Row> &rows);
