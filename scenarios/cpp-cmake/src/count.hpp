#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

// How often each word was seen.
class Count {
public:
	using Row = std::pair<std::string, std::size_t>;

	void add(std::string word);

	// At most so many rows, the most frequent first, equal ones by alphabet.
	std::vector<Row> most_frequent(std::size_t rows) const;

private:
	std::unordered_map<std::string, std::size_t> times;
};
