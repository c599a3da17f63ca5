// Dynamic sparse training: a net keeps its number of connections, and moves them while it trains.
// As a hook of train(), or step by step in a loop of one's own. Works on masked weights (masks.h) and on
// sparse ones (convert.h), which train faster: random_mask() draws the first connections. Plain weights stay
// as they are.
#pragma once
#include <memory>

#include "nn/train.h"
#include "sparse/criteria.h"
#include "sparse/updates.h"

namespace sparlet::sparse {

// The first value of a grown connection; all but zeros are divided by DynamicOptions::divisor.
enum class Fresh {
  zeros,
  initial,        // as a fresh layer's: U(±1/sqrt(fan_in))
  normal,         // deviation that of the weight's connections
  uniform,        // U(± the mean magnitude of them)
  gradient,       // one step down: -gradient
  gradient_sign,  // -sign(gradient)
};

struct UpdateReport {
  int64_t step = 0;
  double drop_fraction = 0;
  struct Of {
    std::string name;
    // dropped and grown again: counted in both, keeps its value and optimiser state.
    int64_t size, before, dropped, grown, regrown, after;
    std::vector<int32_t> at;  // the connections after it
  };
  std::vector<Of> weights;
};

struct DynamicOptions {
  Updates updates = {};
  Keep keep = keep_magnitude();
  Grow grow = grow_gradient();
  // How growth is shared between the weights, exact to the last connection; none: each grows what it
  // dropped.
  Share share = {};
  // Scores are compared between weights, not within each.
  bool keep_together = false, grow_together = false;
  // With `share`: a weight less than 20 % sparse that matters more than the mean drops no larger a
  // fraction than its sparsity (the reference code of Dettmers & Zettlemoyer).
  bool spare_dense = false;
  // Numbers to drop are rounded up, not down.
  bool round_up = false;
  Fresh fresh = Fresh::zeros;
  double divisor = 1;
  // Optimiser state of grown connections is 0, but its first value this × gradient (masked weights only).
  float fresh_slot = 0;
  // The update takes the place of the optimiser's step (Evci et al., algorithm 1), or follows it.
  bool replaces_step = false;
  // > 0: a dense momentum m = momentum × m + gradient is kept, for criteria that want it: over those steps
  // before an update that it still feels (momentum^n > 2^-24, at 0.9 the last 158). Costs 4 bytes a dense
  // weight all the time, and a dense gradient at each of these steps. It is part of checkpoints.
  float momentum = 0;
  // Connections come and go in whole blocks of rows × columns (a row an output), by the means of their
  // scores: mask_blocks() makes the first ones. Blocks that the edges cut off stay as they are.
  int64_t block_rows = 1, block_columns = 1;
  // > 0: every so many columns of a row, counted from the first, keep their number of connections, as
  // mask_every() leaves them (2 of 4: 4). Not with `share`, `grow_together` or blocks.
  int64_t every_m = 0;
  std::vector<std::string> keep_out = {};  // weights whose connections stay
  uint64_t seed = 1;
  std::function<void(const UpdateReport&)> report = {};
};

// --- the papers' settings
// Mocanu et al. 2018: the least 30 % for random ones, each epoch, to the end.
DynamicOptions set_options();
// Dettmers & Zettlemoyer 2019: magnitude, momentum growth and redistribution, half of the connections
// at first, each epoch. Keeps dense momentum.
DynamicOptions snfs_options();
// Evci et al. 2020: 30 % at first, cosine to 0 at three quarters of training, every 100 steps.
DynamicOptions rigl_options();
// Liu et al. 2021 (in-time over-parameterisation): RigL with a constant half, to the end.
DynamicOptions rigl_itop_options();
// "static" (no updates), "set", "snfs", "rigl", "rigl-itop"; throws Error for another, with the nearest.
DynamicOptions dynamic_from(std::string_view word);

// Throws Error for options out of range, and at the first update for a name in keep_out that is none.
Hook dynamic(const DynamicOptions&);
inline Hook set(const DynamicOptions& o = set_options()) { return dynamic(o); }
inline Hook snfs(const DynamicOptions& o = snfs_options()) { return dynamic(o); }
inline Hook rigl(const DynamicOptions& o = rigl_options()) { return dynamic(o); }

// For a loop of one's own: step() in place of Executor::step(), after backward(). It does what train()
// does with the hook. Both live at least as long as this.
class Dynamic {
 public:
  Dynamic(Executor&, const Optimizer&, const DynamicOptions&);
  // Any other hook: snip, gradual, feedback, variational, gradual_channels. What it sees as the number of all
  // steps is step / fraction, rounded.
  Dynamic(Executor&, const Optimizer&, Hook);
  ~Dynamic();

  // `step` from 1; `fraction` of training that is done with it, 1 at the last one. True where the
  // connections changed (the executor then holds the net that has them, or is another one).
  bool step(int64_t step, double fraction);
  // Of the steps to come; at first the optimiser's.
  void set_rate(float rate);
  // Several batches make one step: call this after each backward() but the last, with the number of its
  // samples, and step() with that of the last. The params' mean gradient is the caller's business.
  void add(int64_t step, double fraction, int64_t samples);
  bool step(int64_t step, double fraction, int64_t samples);
  // What it costs beyond sparse training: bytes of dense state between steps, and rows of dense gradients
  // made so far (none but at updates where no dense momentum is kept). 0 with a hook.
  int64_t dense_bytes() const;
  int64_t dense_rows() const;
  // What it remembers from step to step, to go on in another process. load() throws Error for other bytes.
  std::vector<uint8_t> saved() const;
  void load(std::span<const uint8_t>);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sparlet::sparse
