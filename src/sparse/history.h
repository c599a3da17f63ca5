// Where a net's connections have been while it trained, and pictures of it.
#pragma once
#include "sparse/dynamic.h"
#include "sparse/weights.h"

namespace sparlet::sparse {

// Takes 4 bytes a connection and update. Hands on what dynamic() reports:
//   MaskHistory history(net);
//   options.report = [&](const UpdateReport& r) { history.add(r); };
class MaskHistory {
 public:
  // One weight; at[0] are the connections that `net` begins with, then those after each update.
  struct Of {
    std::string name;
    Shape shape;
    std::vector<std::vector<int32_t>> at;
  };

  // Of all weights with a pattern, masked or sparse.
  explicit MaskHistory(const Net&);
  // A weight that the report leaves out stays as it was. Throws Error for one that the net has not.
  void add(const UpdateReport&);

  const std::vector<Of>& weights() const { return weights_; }
  // Of the updates, in training steps; as long as each Of::at but for the first.
  const std::vector<int64_t>& steps() const { return steps_; }

 private:
  std::vector<Of> weights_;
  std::vector<int64_t> steps_;
};

// The share of the records in which each place of the dense weight was open, 0 .. 1.
std::vector<float> presence(const MaskHistory::Of&);

// A picture as a PPM file (P6): a row an output (axis 0), a column all else, each place `scale`
// pixels wide and high. Black: never open. Else as bright as it was often open; white what is there
// at the start and at the end, green what was grown, red what was dropped, blue what came and went.
// Throws Error for a scale below 1, or pictures above 2^28 pixels.
std::string picture(const MaskHistory::Of&, int scale = 1);

}  // namespace sparlet::sparse
