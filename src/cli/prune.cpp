#include "sparse/prune.h"

#include "cli/commands.h"
#include "deploy/spt.h"
#include "quant/quantize.h"
#include "sparse/channels.h"
#include "sparse/report.h"
#include "tensor/error.h"

namespace sparlet::cli {

void prune(const PruneArgs& args) {
  require(args.sparsity >= 0 && args.sparsity <= 1, "--sparsity: {} is not in 0 .. 1",
          args.sparsity);
  require(args.channels >= 0 && args.channels < 1, "--channels: {} is not in 0 .. 1",
          args.channels);
  require(args.sparsity > 0 || args.channels > 0 || args.compact,
          "prune: nothing to do; give --sparsity, --channels or --compact");
  deploy::check_target(args.out);
  Net net = deploy::load(args.model);
  require(!quant::is_int8(net.graph), "{}: is an int8 model; the float one beside it can be pruned",
          args.model.string());
  if (args.channels > 0)
    net = sparse::prune_channels(net, {.fraction = args.channels, .keep = args.keep_layers});
  if (args.sparsity > 0)
    net = sparse::mask(net,
                       {.sparsity = args.sparsity,
                        .keep = args.keep,
                        .distribution = args.distribution.empty() || args.distribution == "global"
                                            ? sparse::Distribution{}
                                            : sparse::distribution_from(args.distribution),
                        .biases = args.biases});
  if (args.compact) net = sparse::compact(net);
  deploy::save(net, args.out);
  fmt::print("{}{}: written\n", sparse::sparsity_table(net), args.out.string());
}

}  // namespace sparlet::cli
