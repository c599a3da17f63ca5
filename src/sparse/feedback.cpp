#include "sparse/feedback.h"

#include <algorithm>

#include "sparse/magnitude.h"
#include "sparse/prune.h"
#include "tensor/error.h"

namespace sparlet::sparse {

Hook feedback(const Feedback& o) {
  const Gradual plan{.target = o.target,
                     .begin = o.begin,
                     .end = o.end,
                     .every = o.every,
                     .initial = o.initial,
                     .power = o.power};
  gradual(plan);  // throws for what is out of range
  return Hook(
      [o, plan](const TrainState& state) -> std::optional<Net> {
        const int64_t step = state.step;
        const bool due = step == o.end || (step - o.begin) % o.every == 0;
        if (!due || step < o.begin || step > o.end) return {};
        const Net net = state.executor.trained();
        const std::vector<Weight> weights = weights_of(net.graph, o.keep);
        return with_masks(net, weights,
                          greatest(net, weights,
                                   {.sparsity = sparsity_at(plan, step),
                                    .distribution = o.distribution,
                                    .regrow = true}));
      },
      [o](const TrainState& state) {
        if (state.step > o.end) return false;
        for (const Weight& weight : weights_of(state.executor.net().graph, o.keep)) {
          if (weight.mask < 0) continue;
          const View all = state.executor.grad(weight.product),
                     to = state.executor.grad(weight.param);
          std::copy_n(all.f32(), all.size(), to.f32());
        }
        return false;
      });
}

}  // namespace sparlet::sparse
