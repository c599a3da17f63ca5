#include <algorithm>
#include <bit>

#include "autograd/ops/window.h"
#include "autograd/plan.h"
#include "autograd/rewrite.h"
#include "deploy/bytes.h"
#include "deploy/int8_file.h"
#include "deploy/int8_names.h"
#include "runtime/record.h"
#include "runtime/runtime.h"
#include "tensor/error.h"

namespace sparlet::deploy {
namespace {

// Each op's leaves stand right before it, so that the plan (which goes by the order of nodes) is
// the same for the net that is read back.
Net in_file_order(const Net& net) {
  return rewrite(net, [](Rewriter& to, Id id) {
    const Node& node = to.old(id);
    if (node.op == &input_op) return to.copy(id);
    if (is_leaf(*node.op)) return Id(-1);
    for (Id in : node.in)
      if (is_leaf(*to.old(in).op) && to.old(in).op != &input_op)
        to.set_now(in, to.leaf(constant_op, fmt::format("{}.{}.{}", node.name, in, id),
                               to.from().params[size_t(in)]));
    return to.copy(id);
  });
}

struct Writer {
  const Net& net;
  const Graph& graph = net.graph;
  Plan plan = plan_memory(graph, {.batch = 1, .align = 4});
  std::vector<uint32_t> index = {};  // of the value of a node
  std::vector<uint8_t> channels = {}, records = {}, weights = {};
  uint32_t values = 0, channel_count = 0;

  std::vector<uint8_t> run() {
    index.resize(graph.nodes.size());
    for (Id id = 0; id < Id(graph.nodes.size()); ++id)
      if (graph[id].type.batched) value(id);
    std::vector<uint8_t> file = begin_file(rt::Kind::int8_net);
    append(file, uint32_t(plan.size));
    append(file, uint16_t(values));
    append(file, uint16_t(records.size()));
    append(file, channel_count);
    require(values <= UINT16_MAX && records.size() <= UINT16_MAX,
            "{}: {} values in {} bytes of records are too many for the model file",
            graph.nodes.back().name, values, records.size());
    for (const auto* part : {&channels, &records, &weights})
      file.insert(file.end(), part->begin(), part->end());
    seal(file);
    return file;
  }

  void value(Id id) {
    const Node& node = graph[id];
    const Quant quant = quant_of(node);
    rt::Record record;
    const FileOp* op = op_of(node);
    record.op = op ? op->code : rt::Op::input;
    record.offset = uint32_t(plan.offset[size_t(id)]);
    shape(node, record);
    record.scale = std::bit_cast<uint32_t>(quant.scale);
    record.zero = quant.zero;
    if (quant.low != -128 || quant.high != 127) record.flags |= rt::record_clamped;
    record.low = quant.low;
    record.high = quant.high;
    if (op) {
      inputs(node, record);
      details(node, op, record);
    }
    uint8_t bytes[rt::max_record_bytes];
    append_bytes(records, bytes, rt::encode(record, bytes));
    index[size_t(id)] = values++;
  }

  const FileOp* op_of(const Node& node) {
    if (node.op == &input_op) {
      require(values == 0, "{} (input): an int8 model file has one input", node.name);
      return nullptr;
    }
    for (const FileOp& op : file_ops())
      if (op.op == node.op || op.bitmask == node.op) return &op;
    fail("{} ({}): no op of an int8 model file", node.name, node.op->name);
  }

  void shape(const Node& node, rt::Record& record) {
    const Shape& s = node.type.shape;
    require(node.type.dtype == DType::i8 && (s.rank() == 1 || s.rank() == 3),
            "{} ({}): {} {}, an int8 model file holds i8 (n) and (c,h,w)", node.name, node.op->name,
            name_of(node.type.dtype), to_string(s));
    record.c = uint32_t(s[0]);
    if (s.rank() == 1)
      record.flags |= rt::record_flat;
    else
      record.h = uint32_t(s[1]), record.w = uint32_t(s[2]);
  }

  void inputs(const Node& node, rt::Record& record) {
    for (Id in : node.in)
      if (graph[in].type.batched) record.input[record.inputs++] = index[size_t(in)];
    const Quant mine = quant_of(node), first = quant_of(graph[node.in[0]]);
    if (node.op != &softmax_i8_op && mine.scale == first.scale && mine.zero == first.zero)
      record.flags |= rt::record_like_input;
    if (record.has(rt::record_like_input)) record.scale = 0, record.zero = 0;
  }

  void details(const Node& node, const FileOp* op, rt::Record& record) {
    const Shape& x = graph[node.in[0]].type.shape;
    if (op->code == rt::Op::max_pool || op->code == rt::Op::avg_pool)
      window(pool_window(node, x), record);
    if (op->code == rt::Op::avg_pool && node.integer("count_pad", 1) != 0)
      record.flags |= rt::record_include_pad;
    if (op->code == rt::Op::part) record.start = uint32_t(node.integer("begin", 0));
    if (op->code == rt::Op::conv2d) {
      auto kernel = node.pair("kernel", 1);
      if (node.op == op->op) {
        const Shape& w = graph[node.in[1]].type.shape;
        kernel = {w[1], w[2]};
      }
      window(window_of(node, x, kernel[0], kernel[1]), record);
      record.groups = uint32_t(node.integer("groups", 1));
    }
    if (op->bitmask) layer(node, node.op == op->bitmask, record);
  }

  static void window(const Window& w, rt::Record& record) {
    record.kernel_h = uint32_t(w.kh), record.kernel_w = uint32_t(w.kw);
    record.stride_h = uint32_t(w.stride[0]), record.stride_w = uint32_t(w.stride[1]);
    record.pad_top = uint32_t(w.pad[0]), record.pad_bottom = uint32_t(w.pad[1]);
    record.pad_left = uint32_t(w.pad[2]), record.pad_right = uint32_t(w.pad[3]);
    record.dilation_h = uint32_t(w.dilation[0]), record.dilation_w = uint32_t(w.dilation[1]);
  }

  void layer(const Node& node, bool bitmask, rt::Record& record) {
    const auto leaf = [&](size_t k) -> const Tensor& { return net.params[size_t(node.in[k])]; };
    const size_t bias = bitmask ? 3 : 2;
    const int64_t out = node.type.shape[0];
    for (int64_t o = 0; o < out; ++o) {
      append(channels, leaf(bias).read<int32_t>()[size_t(o)]);
      append(channels, leaf(bias + 1).read()[size_t(o)]);
    }
    channel_count += uint32_t(out);
    if (!bitmask) {
      append_bytes(weights, leaf(1).raw(), size_t(leaf(1).bytes()));
      return;
    }
    const Tensor &bits = leaf(1), &values = leaf(2);
    const int64_t set = count_bits(bits.read<uint8_t>().data(), bits.size() * 8);
    require(set <= values.size(), "{} ({}): {} weights by its bits, but only {} values", node.name,
            node.op->name, set, values.size());
    append_bytes(weights, bits.raw(), size_t(bits.bytes()));
    append_bytes(weights, values.raw(), size_t(set));
    record.flags |= rt::record_bitmask;
    record.values = uint32_t(set);
  }
};

}  // namespace

std::vector<uint8_t> write_int8(const Net& net) {
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) {
    const Node& node = net.graph[id];
    require(!is_leaf(*node.op) || node.op == &input_op || net.params[size_t(id)],
            "{} ({}): has no value", node.name, node.op->name);
  }
  const Net ordered = in_file_order(net);
  const std::vector<uint8_t> file = Writer{ordered}.run();
  rt::Model model;
  const rt::Status status = rt::open(model, file.data(), file.size(), nullptr, SIZE_MAX);
  require(status == rt::Status::ok, "{}: the int8 net breaks a limit of the model file ({})",
          net.graph.nodes.back().name, rt::describe(status));
  return file;
}

}  // namespace sparlet::deploy
