#include "tokens.hpp"

#include <regex>

void for_each_word(std::string_view text, const std::function<void(std::string)> &visit)
{
	static const std::regex word("[A-Za-z]+(?:'[A-Za-z]+)?");

	for (std::cregex_iterator match(text.data(), text.data() + text.size(), word), end; match != end; ++match) {
		std::string token = match->str();

		for (char &letter : token)
			if (letter >= 'A' && letter <= 'Z')
				letter += 'a' - 'A';
		visit(std::move(token));
	}
}
