#include "data/checks.h"

#include <cmath>

#include "tensor/error.h"

namespace sparlet {

void check_classes(const Dataset& data, int classes, const std::string& where) {
  std::vector<char> seen(size_t(classes), 0);
  for (int64_t i = 0; i < data.size(); ++i) seen[size_t(data.label(i))] = 1;
  for (int c = 0; c < classes; ++c)
    require(seen[size_t(c)], "{}: found no sample of class {}, wanted at least one of each 0 to {}",
            where, c, classes - 1);
}

void check_finite(const Tensor& x, const std::string& where) {
  if (x.dtype() != DType::f32) return;
  const std::span<const float> values = x.read();
  const int64_t each = x.size() / x.shape()[0];
  for (int64_t i = 0; i < x.size(); ++i)
    require(std::isfinite(values[size_t(i)]),
            "{}: found {} in sample {} at {}, wanted a finite number", where, values[size_t(i)],
            i / each, i % each);
}

}  // namespace sparlet
