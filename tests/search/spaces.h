// A chain-CNN space as the examples have it, for tests.
#pragma once
#include <fmt/core.h>

#include "search/space.h"

namespace test {

using namespace sparlet;
using namespace sparlet::search;

inline Space chain_space() {
  std::vector<Parameter> p = {{.name = "blocks", .kind = Kind::integer, .low = 1, .high = 3}};
  for (int b = 1; b <= 3; ++b) {
    const std::string block = fmt::format("block_{}_", b), when = fmt::format("blocks >= {}", b);
    p.push_back(
        {.name = block + "layers", .kind = Kind::integer, .low = 1, .high = 2, .when = when});
    for (int l = 1; l <= 2; ++l) {
      const std::string layer = fmt::format("{}layer_{}_", block, l);
      const std::string active = fmt::format("{} and {}layers >= {}", when, block, l);
      p.push_back({.name = layer + "type",
                   .kind = Kind::choice,
                   .values = {"conv", "separable", "bottleneck"},
                   .when = active});
      p.push_back({.name = layer + "filters",
                   .kind = Kind::log_integer,
                   .low = 2,
                   .high = 12,
                   .when = active});
      p.push_back({.name = layer + "kernel",
                   .kind = Kind::integer,
                   .low = 3,
                   .high = 5,
                   .step = 2,
                   .when = active});
      p.push_back(
          {.name = layer + "stride", .kind = Kind::integer, .low = 1, .high = 2, .when = active});
      p.push_back({.name = layer + "ratio",
                   .kind = Kind::real,
                   .low = 0.25,
                   .high = 0.75,
                   .when = active + fmt::format(" and {}type == bottleneck", layer)});
    }
    p.push_back({.name = block + "pool",
                 .kind = Kind::choice,
                 .values = {"none", "max", "avg"},
                 .when = when});
    p.push_back(
        {.name = block + "dropout", .kind = Kind::real, .low = 0, .high = 0.3, .when = when});
  }
  p.push_back({.name = "head", .kind = Kind::choice, .values = {"global_average", "flatten"}});
  p.push_back({.name = "dense_layers", .kind = Kind::integer, .low = 0, .high = 1});
  p.push_back({.name = "dense_1_units",
               .kind = Kind::log_integer,
               .low = 8,
               .high = 32,
               .when = "dense_layers >= 1"});
  p.push_back({.name = "learning_rate", .kind = Kind::log_real, .low = 1e-3, .high = 1e-1});
  p.push_back({.name = "nesterov", .kind = Kind::flag});
  p.push_back({.name = "batch_size", .kind = Kind::fixed, .fixed = 64.0});
  return Space(p, {{.expression = "block_1_layer_1_filters <= block_2_layer_1_filters"}});
}

}  // namespace test
