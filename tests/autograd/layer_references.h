// The ops once more, as their definitions say it: double precision, plain order, one sample, no
// thought for speed. What test_layers.cpp holds the kernels against.
#pragma once
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include "autograd/op.h"

namespace sparlet::reference {

struct Array {
  Shape shape;
  std::vector<double> v;
};
using Op = std::function<std::vector<double>(const Node&, const std::vector<Array>&)>;

// By name of the op. The result has the node's shape.
const std::map<std::string_view, Op>& ops();

}  // namespace sparlet::reference
