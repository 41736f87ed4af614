// words: prints the words that a text has most often.

#include <exception>
#include <iostream>

#include "count.hpp"
#include "options.hpp"
#include "reader.hpp"
#include "table.hpp"
#include "tokens.hpp"
#include "version.hpp"

int main(int argc, char **argv)
try {
	const Options options = parse_options(argc, argv);

	if (options.version) {
		std::cout << version() << '\n';
		return 0;
	}
	Count count;
	for (const std::string &path : options.paths)
		for_each_word(read_all(path), [&](std::string word) { count.add(std::move(word)); });
	print_table(std::cout, count.most_frequent(options.rows));
	return 0;
} catch (const std::exception &error) {
	std::cerr << "words: " << error.what() << '\n';
	return 1;
}
