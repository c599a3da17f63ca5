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
  std::vector<std::string> copied;    // whole
  std::vector<std::string> partly;    // an overlap
  std::vector<std::string> fresh;     // nothing to take
  std::vector<std::string> identity;  // of a new layer, made to pass its input through
  int64_t elements = 0, total = 0;    // trainable weights inherited, of all
};
std::string summary(const Inheritance&);  // "12 copied, 3 partly, 2 new; 81 % of the weights"

struct Inherited {
  Net net;
  Inheritance report;
};

// preserve: what an inherited output reads anew (more channels, a larger kernel) starts at 0, and a
// new layer passes its input through where its kind and shape allow (Chen, Goodfellow & Shlens,
// "Net2Net", ICLR 2016): a child that is only wider or deeper than its parent then gives the same
// outputs in infer mode. Not a deeper recurrent net, nor one whose pools, strides or types differ.
struct InheritOptions {
  bool preserve = true;
};

// Child with the parent's values where leaves of the same name, kind and rank overlap: leading
// channels (by group), gates one by one, kernels centre on centre; weights of a linear layer behind
// `flatten` by channel and place. Params, states, and constants that are masks ("c1.w.mask", whose
// new entries are 1, so give the child masks of ones first). Other values stay the child's.
Inherited inherit(const Net& parent, Net child, const InheritOptions& = {});

}  // namespace sparlet::search
