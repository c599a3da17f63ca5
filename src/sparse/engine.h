// One update of the connections of a net, for dynamic.cpp: what to drop, how much to grow where, what
// to grow, and what becomes of values and optimiser state.
#pragma once
#include <map>

#include "sparse/dynamic.h"

namespace sparlet::sparse {

class Engine {
 public:
  explicit Engine(const DynamicOptions&);

  // After backward() on `samples` of batch `batch` of `batches`: what an update, or the dense momentum,
  // needs of it.
  void gather(const Executor&, const Moment&, int batch, int batches, int64_t samples);
  // The net with other connections, where an update is due. Optimiser state of the executor's masked
  // weights is moved along; that of sparse ones by whoever goes on with the net (nn/slots.h).
  std::optional<Net> update(Executor&, const Moment&);

  bool due(const Moment& now) const { return sparse::due(options_.updates, now); }
  const DynamicOptions& options() const { return options_; }
  int64_t dense_bytes() const;
  int64_t dense_rows() const { return dense_rows_; }
  // The dense momentum, for checkpoints.
  std::vector<uint8_t> saved() const;
  void load(std::span<const uint8_t>);

 private:
  struct Layer;
  std::vector<Weight> weights(const Graph&) const;
  // Rows of the last batch's dense gradient.
  Tensor made(const Executor&, const Weight&, int64_t begin, int64_t end) const;
  Tensor gradient(const Executor&, const Weight&, int64_t begin, int64_t end) const;
  std::vector<Layer> layers(Executor&, const Net&, const std::vector<Weight>&, int64_t step);
  void choose_dropped(std::vector<Layer>&, double fraction) const;
  std::vector<int64_t> growth(const std::vector<Layer>&) const;
  template <class F>
  void each_score(const Layer&, const F&) const;
  void choose_grown(std::vector<Layer>&) const;
  void grow_every(Layer&) const;
  void fill(Layer&, const Executor&) const;

  DynamicOptions options_;
  // By weight name, dense: over all steps; of the batches of this step so far.
  std::map<std::string, Tensor> momentum_, sums_;
  int64_t samples_ = 0;
  mutable int64_t dense_rows_ = 0;
};

}  // namespace sparlet::sparse
