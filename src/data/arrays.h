// A data set of the user's own, out of NumPy: an .npz with
//
//   X [N, ...]  samples, u1 (kept) or any other number (made f32)     required
//   y [N]       labels, whole numbers from 0                          required
//   lengths [N] how many of the first steps are real                  optional
//   group [N]   whose sample it is                                    optional
//
// and the same with _validation and _test behind the name, where those parts are fixed.
#pragma once
#include <filesystem>
#include <optional>

#include "data/dataset.h"

namespace sparlet {

struct ArrayParts {
  Dataset train;
  std::optional<Dataset> validation, test;
  int classes = 0;  // the largest label of train + 1
};

// Throws Error "PATH:MEMBER.npy: found ..., wanted ..." for what npy.h refuses, an unknown member,
// a missing X or y, counts that differ, NaN and infinite values, lengths out of range, a class
// without a sample in train, and validation or test samples of another shape, type or class.
ArrayParts read_arrays(const std::filesystem::path&);

}  // namespace sparlet
