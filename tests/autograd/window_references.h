// Convolution and pooling of 1 to 3 axes for layer_references.cpp, and what those share.
#pragma once
#include "layer_references.h"

namespace sparlet::reference {

using Values = std::vector<double>;
using Index = std::vector<int64_t>;

// Calls visit(coordinates, number) for all elements.
template <class Visit>
void each(const Shape& shape, Visit visit) {
  Index at(size_t(shape.rank()), 0);
  for (int64_t i = 0; i < count(shape); ++i) {
    int64_t rest = i;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      at[size_t(axis)] = rest % shape[axis];
      rest /= shape[axis];
    }
    visit(at, i);
  }
}
inline int64_t number(const Shape& shape, const Index& at) {
  int64_t i = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) i = i * shape[axis] + at[size_t(axis)];
  return i;
}

// An attribute as a list; `fallback` where it is missing.
inline Values list(const Node& node, std::string_view key, Values fallback) {
  const auto found = node.attrs.find(key);
  if (found == node.attrs.end()) return fallback;
  if (const auto* one = std::get_if<double>(&found->second)) return {*one};
  return std::get<Values>(found->second);
}

Values convolution(const Node&, const std::vector<Array>&);
Values transposed(const Node&, const std::vector<Array>&);
Values max_pool(const Node&, const std::vector<Array>&);
Values avg_pool(const Node&, const std::vector<Array>&);
Values adaptive(const Node&, const std::vector<Array>&);

}  // namespace sparlet::reference
