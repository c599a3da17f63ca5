// IDX: the file format of MNIST and Fashion-MNIST, plain or gzipped.
//
//   00 00 08 rank | rank sizes, 4 bytes each, big endian | unsigned bytes, last size fastest
//
// Images have rank 3 (count, rows, columns), labels rank 1 (count). Whether a file is gzipped is
// told by its content, not by its name. Every Error reads "PATH: found ..., wanted ...".
#pragma once
#include <filesystem>

#include "data/dataset.h"

namespace sparlet {

// [N, 1, rows, columns] u8. Sizes are checked against the file's own before anything is allocated;
// throws Error for a wrong magic, no images, absurd sizes, too few or too many bytes, damaged gzip.
Tensor read_idx_images(const std::filesystem::path&);

// [N] i32, each 0 .. classes-1; throws Error as above and for a label out of range.
Tensor read_idx_labels(const std::filesystem::path&, int classes = 10);

// Both, in the files' order; throws Error also when their counts differ.
Dataset read_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                 int classes = 10);

}  // namespace sparlet
