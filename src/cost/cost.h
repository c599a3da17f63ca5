// What a network costs on a device: numbers from a net, without running it.
#pragma once
#include <string>

#include "quant/quantize.h"

namespace sparlet::cost {

struct Device {
  std::string name = "cortex-m4";
  double macs_per_second = 4e7;  // effective MACs; the first latency model
  // "cortex-m0", "cortex-m4", "cortex-m7" or "host", or a TOML file with the keys name and
  // macs_per_second. Throws Error that names the known ones.
  static Device load(const std::string& name);
};

struct LayerCost {
  std::string name, op;
  Shape out;
  int64_t weights = 0, nonzeros = 0;  // of conv, linear and recurrent layers, biases apart
  std::string encoding;               // dense, bitmask, float, csr, coo; empty without weights
  int64_t bytes = 0;                  // in the file
  int64_t macs = 0, effective_macs = 0;
  int64_t live_bytes = 0;  // while it runs
};

struct Cost {
  int64_t size = 0;          // bytes of the .spt file
  int64_t weight_bytes = 0;  // non-zeros × bits / 8, the literature's figure
  int64_t memory = 0;        // arena at batch 1, align 4, input and output included
  int64_t memory_without_input = 0;
  int64_t macs = 0;            // dense
  int64_t effective_macs = 0;  // on the non-zeros of sparse encodings
  double latency = 0;          // ms
  double sparsity = 0;         // of the layers' weights
  std::vector<LayerCost> layers;
};

// Of a net as it stands, float or int8. memory_without_input: the arena when the input lies
// elsewhere. size and memory are read off the file that serialize() makes; a float net's memory is
// its plan in float32.
Cost measure(const Net&, const Device& = {});
// Of the int8 net that `net` will be once trained, pruned to `sparsity` and quantised: memory and
// MACs exact, size within 2 %. The weights are pruned as they are now, by global magnitude
// (predict.cpp).
Cost predict(const Net& net, double sparsity, const Device& = {});

// A table of the layers, then the totals.
std::string to_text(const Cost&);

}  // namespace sparlet::cost
