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
  // Where samples are sequences, (steps, ...): [N] i32, how many of the first steps are real, 1 ..
  // steps; the others are padding. None: all are.
  Tensor lengths = {};
  // [N] i32: whose sample it is (a subject), where that is known.
  Tensor group = {};

  int64_t size() const { return int64_t(index.size()); }
  Shape shape() const;  // of one sample
  // The whole of x and y. Throws Error when they disagree.
  static Dataset all(Tensor x, Tensor y);
  // As it is, with these; throws Error for another count than x has, or lengths out of range.
  Dataset with_lengths(Tensor) const;
  Dataset with_groups(Tensor) const;
  Dataset take(int64_t n) const;  // the first n (or all)
  // n samples (or all) spread evenly over the set, in its order: of a sorted set every class.
  // REQUIRES n >= 0
  Dataset spread(int64_t n) const;
  Dataset subset(const std::vector<int32_t>& positions) const;
  int32_t label(int64_t i) const { return y.read<int32_t>()[size_t(index[size_t(i)])]; }
  int64_t length(int64_t i) const {  // the number of steps where there are no lengths
    return lengths ? lengths.read<int32_t>()[size_t(index[size_t(i)])] : x.shape()[1];
  }
  // REQUIRES: group
  int32_t group_of(int64_t i) const { return group.read<int32_t>()[size_t(index[size_t(i)])]; }
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
// mean and deviation over all elements of the training samples, padding left out.
void fit_normalization(Data&);

}  // namespace sparlet
