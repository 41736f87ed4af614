#include "count.hpp"

#include <algorithm>

void Count::add(std::string word)
{
	++times[std::move(word)];
}

std::vector<Count::Row> Count::most_frequent(std::size_t rows) const
{
	std::vector<Row> sorted(times.begin(), times.end());

	std::sort(sorted.begin(), sorted.end(), [](const Row &left, const Row &right) {
		return left.second != right.second ? left.second > right.second : left.first < right.first;
	});
	if (sorted.size() > rows)
		sorted.resize(rows);
	return sorted;
}
