#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/model.h"
#include "deploy/spt.h"
#include "nn/train.h"
#include "quant/quantize.h"
#include "tensor/error.h"

namespace sparlet::cli {

void eval(const EvalArgs& args) {
  const Net net = deploy::load(args.model);
  const Data data = load_data(args.data);
  check_fit(net, data, args.model);
  const Dataset& split = split_of(data, args.split);
  const double error = error_of(net, split);
  const int64_t wrong = std::llround(error * double(split.size()));
  if (args.json) {
    const nlohmann::json out = {
        {"model", args.model.string()},     {"data", data.name}, {"split", args.split},
        {"samples", split.size()},          {"error", error},    {"accuracy", 1 - error},
        {"int8", quant::is_int8(net.graph)}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("accuracy {:.2f} % on the {} {} samples of {} ({} wrong), {} model\n",
             100 * (1 - error), split.size(), args.split, data.name, wrong,
             quant::is_int8(net.graph) ? "int8" : "float");
}

void predict(const PredictArgs& args) {
  Net net = deploy::load(args.model);
  const Data data = load_data(args.data);
  check_fit(net, data, args.model);
  const Type type = net.graph[net.graph.output()].type;
  const Tensor samples = split_of(data, args.split).gathered();
  const View view{.shape = samples.shape(),
                  .dtype = samples.dtype(),
                  .data = const_cast<std::byte*>(samples.raw())};
  const Tensor out = run(std::move(net), view);
  std::ofstream file(args.out, std::ios::binary);
  file.write(reinterpret_cast<const char*>(out.raw()), std::streamsize(out.bytes()));
  file.flush();
  require(bool(file), "{}: cannot be written", args.out.string());
  fmt::print("{}: {} outputs of {} {} each\n", args.out.string(), out.shape()[0], count(type.shape),
             name_of(out.dtype()));
}

}  // namespace sparlet::cli
