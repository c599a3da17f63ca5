// A training run between two epochs: all that train() needs to go on as if it had never stopped.
//
//   "SPTC" | version u32 = 2 | bytes u64 (of the whole file) | crc32 u32 (of all behind it) | body
//
// little endian. The body: the numbers below in their order, then two nets (the graph's text, the
// leaves' values in order of Id), the optimiser's slots, the order of samples, the history, what each
// hook that remembers something has saved.
#pragma once
#include <filesystem>

#include "nn/train.h"

namespace sparlet {

struct Checkpoint {
  int64_t step = 0;
  int epoch = 0;  // done
  uint64_t rng = 0, seed = 0, executor_rng = 0;
  float first_loss = 0;
  Plateau plateau;
  double validation_error = 1;  // of `best`
  int best_epoch = -1, epochs_without = 0;
  bool has_best = false;
  Net net, best;                           // as it is (weights, masks, states); what counts so far
  std::vector<std::vector<Tensor>> slots;  // by param in order of Id; none without optimiser slots
  std::vector<int32_t> order;              // of the samples, as the last epoch took them
  std::vector<EpochReport> history;        // without seconds
  std::vector<std::vector<uint8_t>> hooks = {};  // of those that save, in their order
};

std::vector<uint8_t> to_bytes(const Checkpoint&);
// `where` begins the messages. Throws Error for what is no checkpoint, another version, a file that
// was cut or damaged.
Checkpoint checkpoint_from(std::span<const uint8_t>, std::string_view where);

// Written beside the place first, then moved there: a file is whole or the one before.
void save(const Checkpoint&, const std::filesystem::path&);
Checkpoint load_checkpoint(const std::filesystem::path&);

}  // namespace sparlet
