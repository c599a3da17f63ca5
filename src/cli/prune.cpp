#include "sparse/prune.h"

#include <charconv>

#include "cli/commands.h"
#include "deploy/spt.h"
#include "quant/quantize.h"
#include "sparse/channels.h"
#include "sparse/masks.h"
#include "sparse/patterns.h"
#include "sparse/report.h"
#include "tensor/error.h"

namespace sparlet::cli {

namespace {

// "2:4"
std::pair<int64_t, int64_t> two_numbers(const char* option, const std::string& text, char between) {
  const size_t at = text.find(between);
  int64_t first = -1, second = -1;
  if (at != std::string::npos) {
    const char *begin = text.data(), *end = begin + text.size();
    const auto one = std::from_chars(begin, begin + at, first);
    const auto two = std::from_chars(begin + at + 1, end, second);
    if (one.ec != std::errc() || one.ptr != begin + at) first = -1;
    if (two.ec != std::errc() || two.ptr != end) second = -1;
  }
  require(first >= 1 && second >= 1 && first <= 65535 && second <= 65535,
          "{}: '{}', wanted two numbers as 2{}4", option, text, between);
  return {first, second};
}

// What --sparsity, --block, --pattern, --distribution, --keep and --biases say.
Net masked(const Net& net, const PruneArgs& args) {
  if (!args.pattern.empty()) {
    const auto [n, m] = two_numbers("--pattern", args.pattern, ':');
    return sparse::mask_every(net, {.n = n, .m = m, .keep = args.keep});
  }
  if (args.sparsity == 0) return net;
  if (!args.block.empty()) {
    const auto [rows, columns] = two_numbers("--block", args.block, 'x');
    return sparse::mask_blocks(
        net, {.sparsity = args.sparsity, .rows = rows, .columns = columns, .keep = args.keep});
  }
  return sparse::mask(net,
                      {.sparsity = args.sparsity,
                       .keep = args.keep,
                       .distribution = args.distribution.empty() || args.distribution == "global"
                                           ? sparse::Distribution{}
                                           : sparse::distribution_from(args.distribution),
                       .biases = args.biases});
}

}  // namespace

void prune(const PruneArgs& args) {
  require(args.sparsity >= 0 && args.sparsity <= 1, "--sparsity: {} is not in 0 .. 1",
          args.sparsity);
  require(args.channels >= 0 && args.channels < 1, "--channels: {} is not in 0 .. 1",
          args.channels);
  require(args.sparsity > 0 || !args.pattern.empty() || args.channels > 0 || args.propagate ||
              args.compact,
          "prune: nothing to do; give --sparsity, --pattern, --channels, --propagate or --compact");
  deploy::check_target(args.out);
  Net net = deploy::load(args.model);
  require(!quant::is_int8(net.graph), "{}: is an int8 model; the float one beside it can be pruned",
          args.model.string());
  if (args.channels > 0)
    net = sparse::prune_channels(net, {.fraction = args.channels, .keep = args.keep_layers});
  net = masked(net, args);
  if (args.propagate) net = sparse::propagated_masks(net);
  if (args.compact) net = sparse::compact(net);
  deploy::save(net, args.out);
  fmt::print("{}{}: written\n", sparse::sparsity_table(net), args.out.string());
}

}  // namespace sparlet::cli
