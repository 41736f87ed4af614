#pragma once

#include <functional>
#include <string>
#include <string_view>

// Calls back with each word of the text, in small letters.
void for_each_word(std::string_view text, const std::function<void(std::string)> &visit);
