#include "sparse/report.h"

#include <fmt/format.h>

#include "autograd/op.h"

namespace sparlet::sparse {

std::vector<WeightCost> weight_costs(const Net& net) {
  const std::vector<Weight> weights = weights_of(net.graph);
  std::vector<WeightCost> rows;
  for (const Weight& weight : weights) {
    const Node& reader = net.graph[weight.reader];
    int64_t together = 0;
    for (const Weight& other : weights)
      if (other.reader == weight.reader) together += other.size();
    const int64_t all = reader.op->macs(reader, net.graph.types_of(reader.in));
    const double macs = double(all) * double(weight.size()) / double(together);
    const int64_t there = connection_count(net, weight);
    rows.push_back({weight.name, weight.shape, weight.size(), there, int64_t(macs + 0.5),
                    macs * double(there) / double(weight.size())});
  }
  return rows;
}

std::string sparsity_table(const Net& net) {
  std::vector<WeightCost> rows = weight_costs(net);
  WeightCost sum{.name = "all", .shape = {}};
  for (const WeightCost& row : rows) {
    sum.size += row.size;
    sum.connections += row.connections;
    sum.macs += row.macs;
    sum.effective += row.effective;
  }
  rows.push_back(sum);
  std::string text =
      fmt::format("{:<24} {:>16} {:>10} {:>11} {:>9} {:>12} {:>12}\n", "weight", "shape", "weights",
                  "connections", "sparsity", "macs", "effective");
  for (const WeightCost& row : rows) {
    const double sparsity = row.size == 0 ? 0 : 1 - double(row.connections) / double(row.size);
    text += fmt::format("{:<24} {:>16} {:>10} {:>11} {:>8.2f}% {:>12} {:>12.0f}\n", row.name,
                        &row == &rows.back() ? "" : to_string(row.shape), row.size, row.connections,
                        100 * sparsity, row.macs, row.effective);
  }
  return text;
}

double training_macs(const Net& net, int64_t every) {
  double total = 0;
  for (const WeightCost& row : weight_costs(net)) {
    total += 3 * row.effective;
    if (every > 0) total += (double(row.macs) - row.effective) / double(every);
  }
  return total;
}

}  // namespace sparlet::sparse
