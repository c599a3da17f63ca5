// The memory plan: where each value lives. ONE function: the Executor allocates it, cost reports
// it, deploy writes it, the device's arena is it.
#pragma once
#include "autograd/graph.h"

namespace sparlet {

struct PlanOptions {
  int64_t batch = 1;
  int64_t align = 4;      // bytes, of every offset
  bool keep_all = false;  // training: every value lives to the end, nothing shares
  // By Id, with keep_all: values that no backward reads. The one node that reads such a value may
  // stand on it all the same; empty: there are none.
  std::vector<bool> passing = {};
  std::vector<int64_t> scratch =
      {};  // bytes by Id while the node runs; empty: OpDef::scratch × batch
  // By Id: the later node that this one is run with, having no memory of its own; -1 or empty: none.
  std::vector<Id> run_with = {};
};

struct Plan {
  std::vector<int64_t> offset;   // bytes by Id; -1 for what is not batched (weights lie elsewhere)
  std::vector<int64_t> scratch;  // offset of each node's scratch; -1 for none
  std::vector<int64_t> bytes;    // of each value, whole batch; 0 where offset is -1
  int64_t size = 0;              // highest byte used + 1
};

// Values whose lives do not overlap share memory. Inputs live from the start to their last reader,
// the output to the end. First fit by size, by birth and by life, the best of them improved by
// swaps of the placing order until it meets the lower bound or no swap helps. An output may stand
// on its input where OpDef::in_place says so. Deterministic.
Plan plan_memory(const Graph&, const PlanOptions& = {});

// The bytes that are alive while each node runs, by Id: for reports.
std::vector<int64_t> live_bytes(const Graph&, const PlanOptions& = {});

}  // namespace sparlet
