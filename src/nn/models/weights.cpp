#include <cmath>

#include "autograd/op.h"
#include "data/npy.h"
#include "nn/models.h"
#include "tensor/error.h"

namespace sparlet::nn {
namespace {

void check_finite(const Tensor& values, const std::string& where) {
  if (values.dtype() != DType::f32) return;
  for (int64_t i = 0; i < values.size(); ++i)
    require(std::isfinite(values.read()[size_t(i)]), "{}: found {} at {}, wanted a finite number",
            where, values.read()[size_t(i)], i);
}

}  // namespace

Net load_weights(const Net& net, const std::filesystem::path& path) {
  const std::map<std::string, Tensor> arrays = read_npz(path);
  Net loaded = net;
  for (const auto& [name, tensor] : arrays) {
    const std::string where = fmt::format("{}:{}.npy", path.string(), name);
    const std::optional<Id> id = net.graph.find(name);
    if (!id) {
      try {
        net.graph.at(name);
      } catch (const Error& error) {  // names the nearest node
        fail("{}: {}", where, error.what());
      }
    }
    const Node& node = net.graph[*id];
    require(is_leaf(*node.op) && node.op != &input_op, "{}: {} ({}) is no leaf with a value", where,
            node.name, node.op->name);
    require(tensor.shape() == node.type.shape && tensor.dtype() == node.type.dtype,
            "{}: found {} {}, wanted {} {}", where, name_of(tensor.dtype()),
            to_string(tensor.shape()), name_of(node.type.dtype), to_string(node.type.shape));
    check_finite(tensor, where);
    loaded.params[size_t(*id)] = tensor;
  }
  for (const Node& node : net.graph.nodes)
    require(node.op != &param_op || arrays.contains(node.name), "{}: found no array {}, wanted {}",
            path.string(), node.name, to_string(node.type.shape));
  return loaded;
}

}  // namespace sparlet::nn
