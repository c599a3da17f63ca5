#include "cost/cost.h"

#include "cli/commands.h"
#include "cli/model.h"
#include "cli/table.h"
#include "deploy/spt.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

// The shape of the samples, without drawing or reading more than a few of them.
DataSpec spec_of(DataOptions data) {
  if (data.source == "digits") {
    data.train = data.train ? data.train : 100;
    data.validation = data.validation ? data.validation : 20;
    data.test = data.test ? data.test : 20;
  }
  return load_data(data).spec;
}

}  // namespace

void cost(const CostArgs& args) {
  require(args.model.empty() != args.net.empty(), "cost: give a model or --net, one of them");
  require(args.sparsity >= 0 && args.sparsity < 1, "--sparsity: {} is not in 0 .. 1",
          args.sparsity);
  const cost::Device device =
      args.device.empty() ? cost::Device{} : cost::Device::load(args.device);
  cost::Cost cost;
  if (!args.model.empty()) {
    cost = cost::measure(deploy::load(args.model), device);
  } else {
    Rng rng(1);
    const DataSpec spec = is_net_file(args.net) ? DataSpec{} : spec_of(args.data);
    cost = cost::predict(fresh_net(args.net, spec, rng), args.sparsity, device);
  }
  if (args.json) {
    nlohmann::json out = to_json(cost);
    out["device"] = device.name;
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("{}\n{}", layer_table(cost).text(), cost_summary(cost));
}

}  // namespace sparlet::cli
