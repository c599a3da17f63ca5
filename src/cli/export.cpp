#include "cli/commands.h"
#include "cli/model.h"
#include "deploy/spt.h"
#include "quant/quantize.h"
#include "sparse/prune.h"
#include "tensor/error.h"

namespace sparlet::cli {

void export_model(const ExportArgs& args) {
  require(args.format == "spt", "--format: '{}' is unknown; known: spt", args.format);
  require(args.calibration >= 1, "--calibration: {} is not at least 1", args.calibration);
  deploy::check_target(args.out);
  std::error_code ignored;
  require(!std::filesystem::equivalent(args.model, args.out, ignored),
          "--out: {} is the model to export; another name is wanted", args.out.string());
  Net net = deploy::load(args.model);
  if (!quant::is_int8(net.graph)) {
    const Data data = load_data(args.data);
    check_fit(net, data, args.model);
    const Net folded = quant::fold_norms(sparse::unmask(net));
    net = quant::to_int8(folded, quant::observe(folded, data.train.spread(args.calibration)));
  }
  deploy::save(net, args.out);
  fmt::print("{}: {} B, int8\n", args.out.string(), std::filesystem::file_size(args.out));
}

}  // namespace sparlet::cli
