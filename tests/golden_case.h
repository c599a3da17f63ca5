// A reference case computed by PyTorch: a folder with case.json and .npy files.
#pragma once
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "tensor/kernels/kernels.h"
#include "tensor/tensor.h"

namespace sparlet::golden {

// Whole numbers of 64 bits become i32. Throws Error for what is no .npy file of f32 or i64.
Tensor read_npy(const std::filesystem::path&);

struct Case {
  std::string name, op;
  nlohmann::json attrs;
  std::map<std::string, Tensor> in, out, grad_out, grad;
};
Case read_case(const std::filesystem::path& folder);

// Throws Error, naming `what`, where the largest difference, relative to the largest element of
// `wanted`, is above the tolerance.
void expect_close(std::string_view what, const Tensor& found, const Tensor& wanted,
                  double tolerance);
constexpr double kForward = 1e-5, kGradient = 1e-4, kLosses = 1e-3;
// Outputs after 20 steps: where rounding turns one relu or max over, paths part by this much.
constexpr double kTrained = 1e-2;

// Whether a runner knows the case's op; each throws Error where a number is wrong.
bool run_layer(const Case&, const Kernels&);     // golden_layers.cpp: ops of the graph
bool run_attention(const Case&, const Kernels&); // golden_attention.cpp
bool run_recurrent(const Case&, const Kernels&);  // golden_recurrent.cpp: lstm, gru, rnn
bool run_training(const Case&, const Kernels&);  // golden_training.cpp: optimisers, train
bool run_loss(const Case&);                      // golden_losses.cpp

}  // namespace sparlet::golden
