// What a dynamic method keeps, grows, and how it shares growth between weights. Each criterion is a
// function; one's own do as well.
#pragma once
#include <functional>
#include <span>

#include "sparse/weights.h"
#include "tensor/rng.h"

namespace sparlet::sparse {

// What a criterion sees of one weight at an update.
struct Seen {
  const Weight& weight;
  std::span<const int32_t> at;   // its connections, ascending places in the dense weight
  std::span<const float> value;  // their values
  // Rows [begin, end) of the dense gradient (of the step's mean loss), as made when asked for.
  std::function<Tensor(int64_t begin, int64_t end)> gradient;
  // Of the dense momentum, where the method keeps one (DynamicOptions::momentum), else an Error.
  std::function<Tensor(int64_t begin, int64_t end)> momentum;
  // The optimiser's value `k` of each connection (momentum; Adam's mean and variance).
  std::function<std::vector<float>(int k)> slot;
  Rng& rng;  // of this step and weight alone
};

// A score for each connection; the least are dropped, of equal ones the first.
using Keep = std::function<std::vector<float>(const Seen&)>;
// A score for each place of rows [begin, end); of the places that are not kept the greatest are grown,
// of equal ones the first. Must not depend on how the rows are cut.
using Grow = std::function<std::vector<float>(const Seen&, int64_t begin, int64_t end)>;
// How much of the growth this weight takes, relative to the others.
using Share = std::function<double(const Seen&)>;

Keep keep_magnitude();    // |w|
Keep keep_by_sign();      // of the positive the least, of the negative the greatest: Mocanu et al. 2018
Keep keep_sensitive();    // |w g|
Grow grow_random();       // Mocanu et al. 2018
Grow grow_gradient();     // |g|: Evci et al. 2020
Grow grow_flat();         // -|g|, to see whether the gradient tells anything
Grow grow_momentum();     // |dense momentum|: Dettmers & Zettlemoyer 2019
Grow grow_busy_neurons(); // |momentum| × its row's mean
Share share_momentum();   // mean |momentum| of the connections: Dettmers & Zettlemoyer 2019
Share share_magnitude();  // mean |w|
Share share_connections();  // their number
Share share_variance();     // mean of Adam's variance

}  // namespace sparlet::sparse
