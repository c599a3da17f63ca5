#include "sparse/convert.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "deploy/spt.h"
#include "quant/quantize.h"
#include "sparse/masks.h"
#include "sparse/prune.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

nlohmann::json to_json(const sparse::Stored& one) {
  return {{"layer", one.layer},
          {"op", one.op},
          {"weight", one.weight},
          {"format", one.format},
          {"shape", std::vector<int64_t>(one.shape.begin(), one.shape.end())},
          {"density", one.density},
          {"entries", one.entries},
          {"bytes", one.bytes}};
}

}  // namespace

void convert(const ConvertArgs& args) {
  const sparse::Format format =
      args.only.empty() ? sparse::format_from(args.format) : sparse::Format::masked;
  require(args.batch >= 1, "--batch: {} is not at least 1", args.batch);
  require(!args.density || (*args.density >= 0 && *args.density <= 1),
          "--density: {} is not in 0 .. 1", args.density.value_or(0));
  deploy::check_target(args.out);
  Net net = deploy::load(args.model);
  require(!quant::is_int8(net.graph),
          "{}: is int8, which has encodings of its own; wanted a float model", args.model.string());
  require(args.only.empty() || args.only == "masks" || args.only == "weights",
          "--only: '{}' is neither masks nor weights", args.only);
  if (!args.mask.empty()) net = sparse::with_masks_of(net, deploy::load(args.mask));
  if (!args.weights.empty()) net = sparse::with_values_of(net, deploy::load(args.weights));
  if (args.density) net = sparse::mask(net, {.sparsity = 1 - *args.density});
  if (args.only.empty())
    net = sparse::convert(net, format, {.layers = args.layers, .batch = args.batch});
  const auto before = std::filesystem::file_size(args.model);  // may be the same file
  deploy::save(args.only.empty()      ? net
               : args.only == "masks" ? sparse::masks_alone(net)
                                      : sparse::values_alone(net),
               args.out);
  const auto after = std::filesystem::file_size(args.out);
  if (!args.json) {
    fmt::print("{}{}: {} B, before {} B\n", sparse::describe(net), args.out.string(), after,
               before);
    return;
  }
  nlohmann::json out{{"out", args.out.string()}, {"size", after}, {"size_before", before}};
  for (const sparse::Stored& one : sparse::stored(net)) out["layers"].push_back(to_json(one));
  fmt::print("{}\n", out.dump(2));
}

}  // namespace sparlet::cli
