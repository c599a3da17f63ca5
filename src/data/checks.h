// What every loader asks of its samples.
#pragma once
#include <string>

#include "data/dataset.h"

namespace sparlet {

// Throws Error that begins with `where` unless each class 0 .. classes-1 has a sample.
void check_classes(const Dataset&, int classes, const std::string& where);
// Throws Error that begins with `where` and names the first NaN or infinite value, if there is one.
void check_finite(const Tensor&, const std::string& where);

}  // namespace sparlet
