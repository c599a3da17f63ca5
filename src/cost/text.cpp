#include <fmt/core.h>

#include "cost/cost.h"

namespace sparlet::cost {

std::string to_text(const Cost& cost) {
  std::string text = fmt::format(
      "{:<20} {:<18} {:>14} {:>9} {:>9} {:>8} {:>8} {:>10} {:>10} {:>8}\n", "layer", "op", "output",
      "weights", "non-zero", "encoding", "bytes", "MACs", "effective", "live");
  const auto blank = [](bool show, int64_t value) { return show ? fmt::format("{}", value) : ""; };
  for (const LayerCost& layer : cost.layers)
    text += fmt::format("{:<20} {:<18} {:>14} {:>9} {:>9} {:>8} {:>8} {:>10} {:>10} {:>8}\n",
                        layer.name, layer.op, to_string(layer.out),
                        blank(layer.weights > 0, layer.weights),
                        blank(layer.weights > 0, layer.nonzeros), layer.encoding, layer.bytes,
                        blank(layer.macs > 0, layer.macs),
                        blank(layer.macs > 0, layer.effective_macs), layer.live_bytes);
  text += fmt::format(
      "size {} B (weights {} B, sparsity {:.1f} %), memory {} B ({} B without input), "
      "{} MACs ({} effective), {:.3f} ms\n",
      cost.size, cost.weight_bytes, 100 * cost.sparsity, cost.memory, cost.memory_without_input,
      cost.macs, cost.effective_macs, cost.latency);
  return text;
}

}  // namespace sparlet::cost
