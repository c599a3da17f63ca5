// The sparse measurements. The last part of a name is the sparsity in percent; s0 of a group is the
// best dense kernel of the library on the same shape, and "onednn" oneDNN's inner product by
// itself, where the build has it:
//   spmm/{auto,csr,coo}/nN/bB/sS   Y [n][b] = S X [n][b] by the kernel; auto is the dense one where
//                                  Format::automatic takes it
//   sparse_linear/nN/bB/sS         a linear layer in a Net, inference through the Executor
//   sparse_train_step/mlp/b32/sS   784-300-100-10: forward, cross-entropy, backward, Adam
//   sparse_conv/{3x3_64_16,1x1_128_16}/bB/sS   64 channels to 64, 128 to 128, on maps of 16 × 16
//   sparse_lstm/i64h128t50/bB/sS   64 inputs, 128 hidden, 50 steps; both in a Net, as sparse_linear
// Patterns are random and unstructured. The kernels are those that SPARLET_KERNELS names.
#pragma once
#include <functional>
#include <string>
#include <vector>

struct SparseCase {
  std::string group;    // "spmm/csr/n1024/b8"
  std::string variant;  // "s0" first, then "s50", ...
  // Makes all data and gives the step to be timed, which runs on the same data each time.
  std::function<std::function<void()>()> make;

  std::string name() const { return group + "/" + variant; }
};

std::vector<SparseCase> sparse_cases();        // all
std::vector<SparseCase> sparse_layer_cases();  // the layers that are not linear
