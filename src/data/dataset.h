// Datasets: samples and labels in memory, as they came (bytes stay bytes), and their splits.
#pragma once
#include <string>
#include <vector>

#include "tensor/rng.h"
#include "tensor/tensor.h"

namespace sparlet {

// What a network needs to know of its data before it sees any.
struct DataSpec {
  Shape shape;  // of one sample, (c,h,w) or (features)
  int classes = 0;
  DType dtype = DType::u8;  // of the stored samples
  // real = (value - mean) / deviation, fitted on train; for u8 data mean is a whole number, so that
  // int8 networks fold it exactly.
  float mean = 0, deviation = 1;
};

// A selection of samples of shared storage; copies are cheap.
struct Dataset {
  Tensor x;                    // [N, ...shape], u8 or f32, NCHW
  Tensor y;                    // [N] i32, 0 .. classes-1
  std::vector<int32_t> index;  // which of them, in which order

  int64_t size() const { return int64_t(index.size()); }
  Shape shape() const;  // of one sample
  // The whole of x and y. Throws Error when they disagree.
  static Dataset all(Tensor x, Tensor y);
  Dataset take(int64_t n) const;  // the first n (or all)
  Dataset subset(const std::vector<int32_t>& positions) const;
  int32_t label(int64_t i) const { return y.read<int32_t>()[size_t(index[size_t(i)])]; }
  // Copies samples positions[0..n) side by side into x_out (dtype of x) and their labels.
  void gather(std::span<const int32_t> positions, void* x_out, int32_t* y_out) const;
  // All samples side by side: [size, ...shape].
  Tensor gathered() const;
};

struct Data {
  std::string name;
  Dataset train, validation, test;
  DataSpec spec;
};

// Class-wise random split of `all`: `fraction` of each class goes to the second part (rounded, at
// least one where the class has two).
std::pair<Dataset, Dataset> stratified_split(const Dataset& all, double fraction, Rng&);
// Exactly n samples in the first part, n/all.size() of each class (what rounding leaves goes to the
// largest remainders); the others in the second. Throws Error when there are fewer than n.
std::pair<Dataset, Dataset> stratified_take(const Dataset& all, int64_t n, Rng&);
// mean and deviation over all elements of the training samples.
void fit_normalization(Data&);

}  // namespace sparlet
