#include "table.hpp"

#include <algorithm>
#include <iomanip>

void print_table(std::ostream &out, const std::vector<Count::Row> &rows)
{
	std::size_t width = 0;

	for (const auto &[word, times] : rows)
		width = std::max(width, word.size());
	for (const auto &[word, times] : rows)
		out << std::left << std::setw(static_cast<int>(width)) << word << "  " << times << '\n';
}
