#include "options.hpp"

#include <charconv>
#include <stdexcept>
#include <string_view>

namespace {

std::size_t parse_rows(std::string_view text)
{
	std::size_t rows = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rows);

	if (error != std::errc() || end != text.data() + text.size())
		throw std::runtime_error("not a number of rows: " + std::string(text));
	return rows;
}

} // namespace

Options parse_options(int argc, char **argv)
{
	Options options;

	for (int i = 1; i < argc; i++) {
		const std::string_view argument = argv[i];

		if (argument == "--version")
			options.version = true;
		else if (argument == "-n" && i + 1 < argc)
			options.rows = parse_rows(argv[++i]);
		else if (argument.size() > 1 && argument.front() == '-')
			throw std::runtime_error("usage: words [--version] [-n ROWS] [FILE]...");
		else
			options.paths.emplace_back(argument);
	}
	if (options.paths.empty())
		options.paths.emplace_back("-");
	return options;
}
