#include <bit>

#include "autograd/rewrite.h"
#include "deploy/bytes.h"
#include "deploy/int8_file.h"
#include "deploy/int8_names.h"
#include "runtime/walk.h"
#include "tensor/error.h"

namespace sparlet::deploy {
namespace {

// Reads a file that rt::open has found good.
struct Reader {
  const uint8_t* file;
  std::string_view where;
  Net from = {};
  Rewriter to = Rewriter(from);
  std::vector<Id> value = {};
  const rt::Channel* channels = rt::channels_of(file);
  const uint8_t* weights = rt::weights_of(file);

  Net run() {
    const uint32_t count = rt::header_of(file).values;
    for (uint32_t i = 0; i < count; ++i) {
      const rt::Record record = rt::record_at(file, i);
      const rt::ValueInfo info = rt::info_of(file, record);
      const Id id = i == 0 ? input(info) : op(i, record, info);
      const Shape wanted = shape_of(info);
      require(to.to().graph[id].type.shape == wanted, "{}: value {} is {}, its op makes {}", where,
              i, to_string(wanted), to_string(to.to().graph[id].type.shape));
      value.push_back(id);
    }
    return std::move(to.to());
  }

  static Shape shape_of(const rt::ValueInfo& info) {
    if (info.flat) return {info.c};
    return {info.c, info.h, info.w};
  }
  static Attrs quantized(const rt::ValueInfo& info) {
    return {{"scale", double(std::bit_cast<float>(info.scale))}, {"zero", double(info.zero)}};
  }

  Id input(const rt::ValueInfo& info) {
    Attrs attrs = quantized(info);
    attrs["shape"] = attr(shape_of(info));
    attrs["dtype"] = std::string("i8");
    return to.add(input_op, "x", {}, attrs);
  }

  Id op(uint32_t index, const rt::Record& record, const rt::ValueInfo& info) {
    for (const FileOp& known : file_ops())
      if (known.code == record.op) return op(index, record, info, known);
    fail("{}: value {} has the unknown op {}", where, index, int(record.op));
  }

  Id op(uint32_t index, const rt::Record& record, const rt::ValueInfo& info, const FileOp& known) {
    const std::string name = fmt::format("op{}.{}", index, known.word);
    Attrs attrs = quantized(info);
    if (record.has(rt::record_clamped)) {
      if (record.low != -128) attrs["low"] = double(record.low);
      if (record.high != 127) attrs["high"] = double(record.high);
    }
    std::vector<Id> in;
    for (uint32_t k = 0; k < record.inputs; ++k) in.push_back(value[record.input[k]]);
    if (record.op == rt::Op::part || record.op == rt::Op::copy)
      attrs["shape"] = attr(shape_of(info));
    if (record.op == rt::Op::part) attrs["begin"] = double(record.start);
    if (record.op == rt::Op::avg_pool && !record.has(rt::record_include_pad))
      attrs["count_pad"] = 0.0;
    if (record.op == rt::Op::max_pool || record.op == rt::Op::avg_pool)
      attrs["size"] = pair(record.kernel_h, record.kernel_w);
    if (rt::has_window(record.op)) window(record, attrs);
    if (record.op == rt::Op::conv2d && record.groups != 1) attrs["groups"] = double(record.groups);
    const bool bitmask = record.has(rt::record_bitmask);
    if (rt::has_weights(record.op)) layer(name, record, in, attrs);
    return to.add(bitmask ? *known.bitmask : *known.op, name, in, attrs);
  }

  static Attr pair(uint32_t a, uint32_t b) {
    if (a == b) return double(a);
    return std::vector<double>{double(a), double(b)};
  }

  static void window(const rt::Record& r, Attrs& attrs) {
    const uint32_t usual_h = r.op == rt::Op::conv2d ? 1 : r.kernel_h;
    const uint32_t usual_w = r.op == rt::Op::conv2d ? 1 : r.kernel_w;
    if (r.stride_h != usual_h || r.stride_w != usual_w)
      attrs["stride"] = pair(r.stride_h, r.stride_w);
    if (r.dilation_h != 1 || r.dilation_w != 1)
      attrs["dilation"] = pair(r.dilation_h, r.dilation_w);
    const bool same =
        r.pad_top == r.pad_bottom && r.pad_top == r.pad_left && r.pad_top == r.pad_right;
    if (same && r.pad_top != 0) attrs["pad"] = double(r.pad_top);
    if (!same)
      attrs["pad"] = std::vector<double>{double(r.pad_top), double(r.pad_bottom),
                                         double(r.pad_left), double(r.pad_right)};
  }

  void layer(const std::string& name, const rt::Record& record, std::vector<Id>& in, Attrs& attrs) {
    const rt::ValueInfo x = rt::value_at(file, record.input[0]);
    const int64_t fan_in = int64_t(rt::fan_in_of(record, x)), out = record.c;
    const auto leaf = [&](const char* suffix, const Shape& shape, DType dtype, const void* data,
                          int64_t bytes) {
      Tensor tensor(shape, dtype);
      std::memcpy(tensor.raw_write(), data, size_t(bytes));
      in.push_back(to.leaf(constant_op, name + suffix, std::move(tensor)));
    };
    if (record.has(rt::record_bitmask)) {
      const int64_t mask = (out * fan_in + 7) / 8;
      leaf(".bits", {mask}, DType::u8, weights, mask);
      leaf(".values", {std::max<int64_t>(1, record.values)}, DType::i8, weights + mask,
           record.values);
      attrs["out"] = double(out);
      if (record.op == rt::Op::conv2d) attrs["kernel"] = pair(record.kernel_h, record.kernel_w);
    } else {
      Shape shape{out, fan_in};
      if (record.op == rt::Op::conv2d)
        shape = {out, record.kernel_h, record.kernel_w, fan_in / record.kernel_h / record.kernel_w};
      leaf(".weight", shape, DType::i8, weights, out * fan_in);
    }
    weights += rt::weight_bytes(record, x);
    Tensor bias({out}, DType::i32), scale({out});
    for (int64_t o = 0; o < out; ++o) {
      bias.write<int32_t>()[size_t(o)] = channels[o].bias;
      scale.write()[size_t(o)] = std::bit_cast<float>(channels[o].scale);
    }
    channels += out;
    in.push_back(to.leaf(constant_op, name + ".bias", std::move(bias)));
    in.push_back(to.leaf(constant_op, name + ".scale", std::move(scale)));
  }
};

}  // namespace

Net read_int8(std::span<const uint8_t> bytes, std::string_view where) {
  std::vector<uint32_t> aligned((bytes.size() + 3) / 4);
  std::memcpy(aligned.data(), bytes.data(), bytes.size());
  const auto* file = reinterpret_cast<const uint8_t*>(aligned.data());
  rt::Model model;
  const rt::Status status = rt::open(model, file, bytes.size(), nullptr, SIZE_MAX);
  require(status == rt::Status::ok, "{}: {}", where, rt::describe(status));
  try {
    return Reader{file, where}.run();
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(where)) throw;
    fail("{}: {}", where, error.what());
  }
}

}  // namespace sparlet::deploy
