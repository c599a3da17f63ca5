// Runs one op on its own, outside of an Executor: operands in, result and gradients out, all in
// plain order. What the table tests and the golden cases are made of.
#pragma once
#include <fmt/core.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "autograd/op.h"
#include "autograd/ops/ops.h"

namespace sparlet {

// A graph of leaves in0, in1, ... and the node "op" that reads them.
inline Graph sample_graph(const OpDef& op, const Sample& sample) {
  Graph graph;
  std::vector<Id> in;
  for (const Sample::Input& input : sample.in) {
    Attrs attrs = input.attrs;
    attrs["shape"] = attr(input.shape);
    if (input.dtype != DType::f32) attrs["dtype"] = std::string(name_of(input.dtype));
    in.push_back(graph.add(find_op(input.leaf), fmt::format("in{}", in.size()), {}, attrs));
  }
  graph.add(op, "op", in, sample.attrs);
  return graph;
}

template <class T>
void fill_with(Tensor& tensor, Fill fill, Rng& rng) {
  for (T& v : tensor.write<T>())
    v = fill == Fill::normal     ? T(rng.normal())
        : fill == Fill::positive ? T(rng.uniform(0.5, 1.5))
        : fill == Fill::length   ? T(1 + rng.below(3))
                                 : T(rng.below(21) - (std::is_unsigned_v<T> ? 0 : 10));
}

inline Tensor filled(const Shape& shape, DType dtype, Fill fill, Rng& rng) {
  Tensor tensor(shape, dtype);
  switch (dtype) {
    case DType::f32:
      fill_with<float>(tensor, fill, rng);
      break;
    case DType::i8:
      fill_with<int8_t>(tensor, Fill::integer, rng);
      break;
    case DType::u8:
      fill_with<uint8_t>(tensor, Fill::integer, rng);
      break;
    case DType::i16:
      fill_with<int16_t>(tensor, Fill::integer, rng);
      break;
    case DType::u16:
      fill_with<uint16_t>(tensor, Fill::integer, rng);
      break;
    case DType::i32:
      fill_with<int32_t>(tensor, fill == Fill::length ? fill : Fill::integer, rng);
      break;
  }
  return tensor;
}

// A leaf of exactly these numbers.
inline Tensor exact(const Shape& shape, DType dtype, const std::vector<int32_t>& values) {
  Tensor tensor(shape, dtype);
  for (size_t i = 0; i < values.size(); ++i)
    if (dtype == DType::u8)
      tensor.write<uint8_t>()[i] = uint8_t(values[i]);
    else if (dtype == DType::u16)
      tensor.write<uint16_t>()[i] = uint16_t(values[i]);
    else
      tensor.write<int32_t>()[i] = values[i];
  return tensor;
}

// Values of a sample's operands for n samples.
inline std::vector<Tensor> sample_values(const Graph& graph, const Sample& sample, int64_t n,
                                         uint64_t seed) {
  Rng rng(seed);
  std::vector<Tensor> values;
  for (size_t i = 0; i < sample.in.size(); ++i) {
    const Type& type = graph.nodes[i].type;
    if (!sample.in[i].values.empty())
      values.push_back(exact(type.shape, type.dtype, sample.in[i].values));
    else
      values.push_back(filled(type.batched ? batched(n, type.shape) : type.shape, type.dtype,
                            sample.in[i].fill, rng));
  }
  return values;
}

// Sample `index` of n of them.
inline Tensor one_sample(const Type& type, const Tensor& all, int64_t index) {
  if (!type.batched) return all;
  Tensor one(batched(1, type.shape), type.dtype);
  std::memcpy(one.raw_write(), all.raw() + index * one.bytes(), size_t(one.bytes()));
  return one;
}

class OpRunner {
 public:
  struct Options {
    int64_t batch = 4;
    Mode mode = Mode::infer;
    const Kernels* kernels = nullptr;
    bool in_place = false;  // the result stands on the operand that OpDef::in_place names
  };

  OpRunner(const Graph& graph, const Options& options)
      : graph_(graph), options_(options), placement_(choose_layouts(graph)) {
    if (!options_.kernels) options_.kernels = all_kernels().front();
    MakeContext context{options.batch, options.mode, options_.kernels, {}, {}, placement_.back()};
    for (Id in : node().in) {
      context.in.push_back(&graph_[in]);
      context.in_placement.push_back(placement_[size_t(in)]);
      operands_.push_back(buffer(graph_[in].type));
      grads_.push_back(buffer(graph_[in].type));
    }
    out_ = buffer(node().type);
    dy_ = buffer(node().type);
    kernel_ = node().op->make(node(), context);
    scratch_ = Tensor({kernel_->scratch_bytes() + 64}, DType::u8);
  }

  const Node& node() const { return graph_.nodes.back(); }
  Kernel& kernel() { return *kernel_; }

  // The result for n samples, [n, ...] in plain order.
  Tensor forward(int64_t n, const std::vector<Tensor>& values) {
    n_ = n;
    kernel_->operands_changed();
    for (size_t i = 0; i < operands_.size(); ++i)
      to_memory(placement_[size_t(node().in[i])], type_of(i), samples(type_of(i)), values[i].raw(),
                operands_[i].raw_write());
    const int k = options_.in_place ? node().op->in_place(node(), graph_.types_of(node().in)) : -1;
    out_at_ = k >= 0 ? operands_[size_t(k)].raw_write() : out_.raw_write();
    kernel_->forward(io());
    return plain(node().type, placement_.back(), out_at_);
  }

  // After forward: the gradients of the operands, given that of the result. Those that are not
  // float, or of states, are none.
  std::vector<Tensor> backward(const Tensor& dy) {
    to_memory(placement_.back(), node().type, samples(node().type), dy.raw(), dy_.raw_write());
    std::vector<View> din;
    for (size_t i = 0; i < grads_.size(); ++i) {
      const bool wanted = type_of(i).dtype == DType::f32 && graph_[node().in[i]].op != &state_op;
      if (wanted)  // what was there must not matter
        for (float& v : grads_[i].write()) v = 1e30f;
      din.push_back(wanted ? view(type_of(i), grads_[i].raw_write()) : View{});
    }
    din_ = din;
    repeat_backward();
    std::vector<Tensor> result;
    for (size_t i = 0; i < grads_.size(); ++i)
      result.push_back(din[i] ? plain(type_of(i), placement_[size_t(node().in[i])], din[i].data)
                              : Tensor());
    return result;
  }

  // The kernel alone, once more on the operands of the last call.
  void repeat_forward() { kernel_->forward(io()); }
  void repeat_backward() { kernel_->backward(io(), view(node().type, dy_.raw_write()), din_); }

  // Operand i as it is now, in plain order (a state that forward wrote).
  Tensor operand(size_t i) {
    return plain(type_of(i), placement_[size_t(node().in[i])], operands_[i].raw_write());
  }

 private:
  const Type& type_of(size_t i) const { return graph_[node().in[i]].type; }
  int64_t samples(const Type& type) const { return type.batched ? n_ : 1; }
  Tensor buffer(const Type& type) const {
    return Tensor(type.batched ? batched(options_.batch, type.shape) : type.shape, type.dtype);
  }
  View view(const Type& type, void* data) const {
    return {type.batched ? batched(n_, type.shape) : type.shape, type.dtype, data};
  }
  Tensor plain(const Type& type, const Placement& placement, const void* memory) const {
    Tensor tensor(type.batched ? batched(n_, type.shape) : type.shape, type.dtype);
    to_plain(placement, type, samples(type), memory, tensor.raw_write());
    return tensor;
  }
  Io io() {
    views_.clear();
    for (size_t i = 0; i < operands_.size(); ++i)
      views_.push_back(view(type_of(i), operands_[i].raw_write()));
    rng_ = Rng(7);  // the same draws at every call
    return {n_, views_, view(node().type, out_at_), scratch_.raw_write(), &rng_};
  }

  const Graph graph_;
  Options options_;
  std::vector<Placement> placement_;
  std::vector<Tensor> operands_, grads_;
  Tensor out_, dy_, scratch_;
  std::vector<View> views_, din_;
  std::byte* out_at_ = nullptr;
  std::unique_ptr<Kernel> kernel_;
  int64_t n_ = 0;
  Rng rng_{7};
};

// The largest difference, relative to the largest element (of at least 1e-6).
inline double difference(const Tensor& a, const Tensor& b) {
  double top = 1e-6, worst = 0;
  for (size_t i = 0; i < a.read().size(); ++i) {
    top = std::max(top, double(std::abs(b.read()[i])));
    const double d = std::abs(double(a.read()[i]) - b.read()[i]);
    worst = d <= worst ? worst : d;  // NaN counts
  }
  return worst / top;
}

}  // namespace sparlet
