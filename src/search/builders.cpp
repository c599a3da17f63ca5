#include "search/builders.h"

#include <deque>

#include "search/branch_cnn.h"
#include "search/chain_cnn.h"
#include "search/row_cnn.h"
#include "search/sparse_nets.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {
namespace {

// A deque: what was handed out stays where it is.
std::deque<BuilderInfo>& table() {
  static std::deque<BuilderInfo> list = {
      {"chain_cnn", grow_chain_cnn, chain_cnn_names()},
      {"sparse_cnn", grow_sparse_cnn, sparse_cnn_names()},
      {"sparse_cnn_rnn", grow_sparse_cnn_rnn, sparse_cnn_rnn_names()},
      {"sparse_rnn", grow_sparse_rnn, sparse_rnn_names()},
      {"branch_cnn", grow_branch_cnn, branch_cnn_names()},
      {"row_cnn", grow_row_cnn, row_cnn_names(), Layout::rows},
      {"mlp", grow_mlp, mlp_names()},
  };
  return list;
}

}  // namespace

std::vector<std::string> builder_names() {
  std::vector<std::string> names;
  for (const BuilderInfo& info : table()) names.push_back(info.name);
  return names;
}

const BuilderInfo& builder_info(const std::string& name) {
  for (const BuilderInfo& info : table())
    if (info.name == name) return info;
  std::string known;
  for (const std::string& one : builder_names()) known += (known.empty() ? "" : ", ") + one;
  fail("builder '{}': not known; there are {}{}", name, known, did_you_mean(name, builder_names()));
}

Builder builder_named(const std::string& name) {
  return [grow = builder_info(name).grow](const Point& point, const DataSpec& spec, Rng& rng) {
    return build(grow, point, spec, rng);
  };
}

void add_builder(BuilderInfo info) {
  for (const BuilderInfo& other : table())
    require(other.name != info.name, "builder '{}': the name is taken", info.name);
  table().push_back(std::move(info));
}

Net build(const Architecture& grow, const Point& point, const DataSpec& spec, Rng& rng,
          NetBuilder::Leaves leaves) {
  NetBuilder builder(rng, leaves);
  return builder.finish(grow(builder, point, spec));
}

}  // namespace sparlet::search
