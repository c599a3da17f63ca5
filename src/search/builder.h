// Builders make the net of a point; inherit() gives it the weights of its parent.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "nn/builder.h"
#include "search/point.h"

namespace sparlet::search {

// Throws Error naming the node where the design is infeasible (a map smaller than its kernel).
using Builder = std::function<Net(const Point&, const DataSpec&, Rng&)>;

// How the weights of a child came about; names of leaves.
struct Inheritance {
  std::vector<std::string> copied;  // whole
  std::vector<std::string> partly;  // an overlap
  std::vector<std::string> fresh;   // nothing to take
  int64_t elements = 0, total = 0;  // trainable weights inherited, of all
};
std::string summary(const Inheritance&);  // "12 copied, 3 partly, 2 new; 81 % of the weights"

struct Inherited {
  Net net;
  Inheritance report;
};

// Child with the parent's values where leaves of the same name, kind and rank overlap: leading
// channels, kernels centred on one another; weights of a linear layer behind `flatten` by channel
// and place. Params, states, and constants that are masks ("c1.w.mask", whose new entries are 1, so
// give the child masks of ones first). Other values stay the child's.
Inherited inherit(const Net& parent, Net child);

}  // namespace sparlet::search
