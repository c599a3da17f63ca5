#include <toml++/toml.h>

#include <cmath>
#include <filesystem>

#include "cost/cost.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::cost {
namespace {

// Effective multiply-accumulates a second of portable int8 code: clock / cycles a MAC. The cycles
// are in the middle of what MLPerf Tiny submissions reach without vendor libraries: 3.0 on a
// Cortex-M4 at 120 MHz, 10 on an M0+ at 64 MHz, 1.75 on an M7 at 280 MHz.
const Device kKnown[] = {
    {.name = "cortex-m0", .macs_per_second = 6.4e6},
    {.name = "cortex-m4", .macs_per_second = 4e7},
    {.name = "cortex-m7", .macs_per_second = 1.6e8},
    {.name = "host", .macs_per_second = 1e9},
};

Device read(const std::string& path) {
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    fail("{}:{}: {}", path, error.source().begin.line, error.description());
  }
  static const std::vector<std::string> keys{"name", "macs_per_second"};
  for (const auto& [key, value] : table)
    require(key == keys[0] || key == keys[1], "{}:{}: no key '{}'{}", path,
            value.source().begin.line, key.str(), did_you_mean(key.str(), keys));
  Device device;
  device.name = table["name"].value_or(std::filesystem::path(path).stem().string());
  const auto rate = table["macs_per_second"].value<double>();
  require(rate && std::isfinite(*rate) && *rate > 0, "{}: wants macs_per_second, a number above 0",
          path);
  device.macs_per_second = *rate;
  return device;
}

}  // namespace

Device Device::load(const std::string& name) {
  std::string known;
  for (const Device& device : kKnown) {
    if (device.name == name) return device;
    known += (known.empty() ? "" : ", ") + device.name;
  }
  if (name.ends_with(".toml") || std::filesystem::is_regular_file(name)) return read(name);
  fail("device: no '{}'; one of {}, or a TOML file", name, known);
}

}  // namespace sparlet::cost
