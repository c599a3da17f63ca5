// Masks that do not come from magnitudes: drawn, given, taken from another net; and weights that fit them.
// A mask is part of its net: it is stored and loaded with it, and enforced until unmask() (prune.h).
#pragma once
#include "sparse/distributions.h"
#include "tensor/rng.h"

namespace sparlet::sparse {

// How the places of a weight's connections are drawn. Rows are outputs (axis 0), columns all else.
enum class Places {
  random,             // any
  bernoulli,          // each by itself with this probability: the count is not exact
  per_neuron,         // every row the same number, to one
  per_neuron_inputs,  // and no column without any, while there are as many connections
  symmetric,          // every row the same columns: the count is rounded to whole columns
};
struct RandomMask {
  double sparsity = 0.9;
  Distribution distribution = uniform();
  Places places = Places::random;
  std::vector<std::string> keep = {};  // weights that stay dense, without a mask, and are not counted
};
// Gives every prunable weight a mask with exactly connection_counts() ones, in place of one it has, and
// zeroes what it closes. Throws Error as mask() does.
Net random_mask(const Net&, const RandomMask&, Rng&);

// This weight with a mask of one's own (1: open, 0: closed; any structure), values elsewhere zeroed.
// Throws Error for another name, shape or value.
Net with_mask(const Net&, const std::string& weight, const Tensor& mask);
// The masks of `from`, by weight name, and the weights of `net`; and the other way round: all params and
// states of `from`, the masks of `net` (a lottery ticket's rewind). Either net may be a stored one, of any
// form, `from` also one of the two below. A sparse weight gets or keeps its entries likewise. Throws Error
// for a name or shape that does not fit, and where there is nothing to take.
Net with_masks_of(const Net& net, const Net& from);
Net with_values_of(const Net& net, const Net& from);
// For files that hold masks only ("f1.w.mask", u8, of masked and sparse weights) or weights only (params and
// states, dense, without masks): nets of leaves, which nothing reads. Throws Error for a net without masks.
Net masks_alone(const Net&);
Net values_alone(const Net&);
// The places of each mask drawn anew, their number kept; values stay where they are.
Net shuffled_masks(const Net&, Rng&);
// Closes the connections of dead units, masked or sparse, and of the units that then die: those of linear
// layers and convolutions that nobody reads lose their inputs, those whose inputs are all closed their
// readers; if such a unit is a number other than 0 (its bias, a norm's shift), that goes into the biases
// behind it, or where it cannot (a border of zeros, no bias) the unit stays. Outputs (of inference) stay the
// same to rounding. Open connections of value 0 may learn: they keep a unit alive. compact() of channels.h
// removes dead units for real.
Net propagated_masks(const Net&);

// Fresh weights for masked nets: variance gain / fan, where the fan is that of the connections (Evci et
// al. 2022, "Gradient flow in sparse neural networks", eq. 3), not of the dense layer.
struct SparseInit {
  // Of this output's inputs, of this input's outputs, of both; layer: the dense fan-in × density.
  enum class Fan { in, out, average, layer } fan = Fan::in;
  bool normal = true;  // else uniform of the same variance
  double gain = 2;     // for layers before a relu
};
// Draws all connections of masked weights anew; all else stays.
Net sparse_initialized(const Net&, const SparseInit&, Rng&);

}  // namespace sparlet::sparse
