// Builders by name, and what each reads of a point. Hosts add their own.
#pragma once
#include "search/builder.h"

namespace sparlet::search {

// Grows a net and gives its output. Throws Error naming the node or the parameter.
using Architecture = std::function<Var(NetBuilder&, const Point&, const DataSpec&)>;

// How samples come to a builder. rows: sequences (steps, channels) as maps (channels, 1, steps).
enum class Layout { as_is, rows };

struct BuilderInfo {
  std::string name;
  Architecture grow;
  std::vector<std::string> parameters;  // that it reads, '#' for a number from 1
  Layout layout = Layout::as_is;
};

// Of the library: chain_cnn, sparse_cnn, sparse_cnn_rnn, sparse_rnn, branch_cnn, row_cnn, mlp. Each
// is described where it is written: src/search/NAME.h.
std::vector<std::string> builder_names();
// Throws Error naming the known ones and the nearest.
const BuilderInfo& builder_info(const std::string& name);
Builder builder_named(const std::string& name);
// For configs of this process and its forks. Throws Error for a name that is taken.
void add_builder(BuilderInfo);

// The net of a point: a NetBuilder, the architecture, its output.
Net build(const Architecture&, const Point&, const DataSpec&, Rng&,
          NetBuilder::Leaves = NetBuilder::Leaves::values);

}  // namespace sparlet::search
