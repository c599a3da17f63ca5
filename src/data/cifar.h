// CIFAR-10 and CIFAR-100 in their binary form: 32 x 32 colour images.
//
//   record: label bytes (1; CIFAR-100: coarse, then fine) | 1024 red | 1024 green | 1024 blue
//
// Files have no header: their size is all that tells a good one. Plain or gzipped.
#pragma once
#include <filesystem>

#include "data/dataset.h"

namespace sparlet {

struct CifarFormat {
  int classes = 10;
  int label_bytes = 1;      // the last of them counts
  int64_t records = 10000;  // in each file, exactly
};

// One file: x [records,3,32,32] u8, y [records]. Throws Error for another size than
// records x (label_bytes + 3072) and for a label out of range.
Dataset read_cifar(const std::filesystem::path&, const CifarFormat& = {});

// A folder in the form it is unpacked to. CIFAR-10: data_batch_1.bin and those up to 5 that follow
// it without a gap, test_batch.bin. CIFAR-100: train.bin (50,000), test.bin, fine labels.
struct TrainAndTest {
  Dataset train, test;
};
TrainAndTest read_cifar10(const std::filesystem::path& folder);
TrainAndTest read_cifar100(const std::filesystem::path& folder);

}  // namespace sparlet
