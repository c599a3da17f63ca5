#include "deploy/float_file.h"

#include "autograd/op.h"
#include "deploy/bytes.h"
#include "tensor/error.h"

namespace sparlet::deploy {
namespace {

bool has_value(const Node& node) { return is_leaf(*node.op) && node.op != &input_op; }

// Bytes of a leaf, or nothing where they are more than `limit` (or than fit a number).
std::optional<size_t> bytes_within(const Type& type, size_t limit) {
  uint64_t bytes = uint64_t(bytes_of(type.dtype));
  for (int64_t size : type.shape)
    if (__builtin_mul_overflow(bytes, uint64_t(size), &bytes) || bytes > limit) return {};
  return size_t(bytes);
}

}  // namespace

std::vector<uint8_t> write_float(const Net& net) {
  std::vector<uint8_t> file = begin_file(rt::Kind::float_net);
  const std::string text = to_text(net.graph);
  append(file, uint32_t(text.size()));
  append_bytes(file, text.data(), text.size());
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) {
    const Node& node = net.graph[id];
    if (!has_value(node)) continue;
    const Tensor& value = net.params[size_t(id)];
    require(value && value.shape() == node.type.shape && value.dtype() == node.type.dtype,
            "{} ({}): has no value of its shape and type", node.name, node.op->name);
    append_bytes(file, value.raw(), size_t(value.bytes()));
  }
  seal(file);
  return file;
}

Net read_float(std::span<const uint8_t> file, std::string_view where) {
  require(file[6] == 0 && file[7] == 0, "{}: unknown flags", where);
  require(file.size() >= prefix_bytes + 4, "{}: cut short before its text", where);
  const size_t text_bytes = read_at<uint32_t>(file, prefix_bytes);
  size_t at = prefix_bytes + 4;
  require(text_bytes <= file.size() - at, "{}: a text of {} bytes in {}", where, text_bytes,
          file.size() - at);
  Net net;
  net.graph = from_text({reinterpret_cast<const char*>(file.data()) + at, text_bytes}, where);
  at += text_bytes;
  net.params.resize(net.graph.nodes.size());
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) {
    const Node& node = net.graph[id];
    if (!has_value(node)) continue;
    const auto bytes = bytes_within(node.type, file.size() - at);
    require(bytes.has_value(), "{}: cut short in {} {}", where, node.name,
            to_string(node.type.shape));
    Tensor value(node.type.shape, node.type.dtype);
    std::memcpy(value.raw_write(), file.data() + at, *bytes);
    net.params[size_t(id)] = std::move(value);
    at += *bytes;
  }
  require(at == file.size(), "{}: {} bytes after the last tensor", where, file.size() - at);
  check_patterns(net, where);
  return net;
}

}  // namespace sparlet::deploy
