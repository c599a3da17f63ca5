// Executor: makes a net's kernels and one arena, then runs it forwards, backwards, and updates it.
// Nothing is allocated between steps. One thread.
#pragma once
#include <memory>

#include "autograd/op.h"
#include "autograd/plan.h"
#include "tensor/kernels/update.h"

namespace sparlet {

struct ExecutorOptions {
  int64_t batch = 1;                 // the most samples a call may have
  Mode mode = Mode::infer;           // infer: memory by the plan, constants folded; train: all kept
  const Kernels* kernels = nullptr;  // null: default_kernels()
  int64_t align = 64;
  int slots = 0;      // optimiser values a weight: UpdateRule::slots
  uint64_t seed = 0;  // of random ops (dropout)
  // Runs some neighbours as one (fusion.h). The values and gradients between them are not kept.
  bool fuse = true;
  // Infer mode: after its first run the executor lets go of the tensors that its kernels have
  // packed. Their memory is free once no other Net shares them; net() and value() no longer have
  // them, load() brings new ones.
  bool release = false;
};

class Executor {
 public:
  // The net's tensors are shared where they are only read. Throws Error for a node that cannot be
  // made (in train mode: a node on the way to a param that has no gradient).
  Executor(const Net&, const ExecutorOptions&);
  ~Executor();
  Executor(Executor&&) noexcept;
  Executor& operator=(Executor&&) noexcept;

  // Copies n samples (plain order: [n, ...type.shape]) into an input. u8 samples given to a float
  // input become 0..255; given to an int8 input, value - 128. f32 samples given to an int8 input
  // are quantised by its attributes: round(v / scale) + zero, halves away from zero, saturated.
  // Otherwise the types must agree.
  void set_input(Id input, View samples);
  // Runs n samples, all of whose inputs are set. The view: [n, ...shape] in memory order
  // (layout.h), good until the next call.
  View forward(int64_t n);
  // Of the last forward; only what the plan keeps (train: everything but what lies inside of fused
  // nodes, for which it is empty, and what stands before the first param, which later nodes may
  // overwrite).
  View value(Id) const;
  // The output's last value, [n, ...], in plain order.
  Tensor output() const;

  // Train mode. Fill output_grad() with dLoss/dOutput of the last forward, then call backward().
  View output_grad();
  void backward();
  // Of the last backward, until the next forward; memory order. Empty where none is kept: of what
  // differs between samples, but for the output.
  View grad(Id) const;
  // Every param p := rule(p, grad, slots). `step` counts from 1 (Adam's bias correction).
  void step(const UpdateRule&, float rate, int64_t step);
  // The net with params and state as they are now (a deep copy).
  Net trained() const;
  // New values for all leaves of the same graph; optimiser slots stay.
  void load(const Net&);

  // Optimiser slots of a param, in plain order, for checkpoints and remapping.
  Tensor slot(Id param, int index) const;
  void set_slot(Id param, int index, const Tensor&);
  // Rows [begin, end) of dLoss/dWeight (plain order) of a layer's weight, masked or not, after
  // backward(): what RigL grows by. `operand`: which of the node's inputs; of a sparse weight its
  // values, and the rows are those of the dense weight, computed for this call alone.
  Tensor dense_weight_grad(Id node, int64_t begin, int64_t end, int operand = 1) const;

  int64_t arena_bytes() const;  // all memory allocated at construction, for values
  std::span<const std::byte> arena() const;
  const Plan& plan() const;
  const Net& net() const;
  const ExecutorOptions& options() const;
  Rng& rng();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Outputs of a net on n plain samples, in batches of at most `batch`: [n, ...]. A net that is moved
// in holds no weight twice while it runs (ExecutorOptions::release).
Tensor run(Net, View samples, int64_t batch = 64, const Kernels* = nullptr);

}  // namespace sparlet
