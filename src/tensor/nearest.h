// The word a user most likely meant: for messages about unknown keys, ops, layers and options.
#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace sparlet {

// Least number of inserted, removed, replaced or swapped neighbouring letters that turns `a` into
// `b` (Damerau 1964, optimal string alignment); upper and lower case differ by nothing.
int edit_distance(std::string_view a, std::string_view b);

// The candidate at the least distance from `word`, the first of equals; "" of none.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
std::string_view nearest(std::string_view word, std::span<const std::string> candidates);
std::string_view nearest(std::string_view word, std::initializer_list<std::string_view> candidates);

}  // namespace sparlet
