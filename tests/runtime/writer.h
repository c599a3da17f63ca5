// Makes model files by hand, for tests and for the example's built-in model.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/kernels.h"
#include "runtime/record.h"

struct Encoded {
  std::vector<uint8_t> mask;
  std::vector<int8_t> values;
};
Encoded to_bitmask(std::span<const int8_t> weights);

struct ModelWriter {
  std::vector<sparlet::rt::Record> records;
  std::vector<sparlet::rt::Channel> channels;
  std::vector<uint8_t> weights;

  uint32_t add(const sparlet::rt::Record&);  // its index
  // A conv2d or linear; as bitmask where the record says so (its `values` are set here).
  uint32_t add(sparlet::rt::Record, std::span<const int8_t> weights,
               std::span<const sparlet::rt::Channel>);
  std::vector<uint8_t> file() const;
};

void set_crc(std::span<uint8_t> file);

// Two small nets that together hold every op: a chain of layers with both encodings, and one with
// branches.
ModelWriter chain_model();
ModelWriter branch_model();
// The model built into examples/minimal_host.
ModelWriter tiny_model_writer();
