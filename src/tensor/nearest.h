// The nearest known word to a misspelt one, for error messages.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sparlet {

// By edit distance (Levenshtein); empty where nothing is near (more than half of the word differs).
std::string nearest(std::string_view word, std::span<const std::string_view> known);
// "; did you mean 'x'?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace sparlet
