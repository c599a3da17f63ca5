// part(x): the elements from `begin` on of a value of rank 1 or 2, as `shape` (of rank 1 or 2).
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"begin", "shape"}});
  const Shape shape = node.shape("shape");
  const int64_t begin = node.integer("begin", 0), size = count(in[0].shape);
  require(in[0].shape.rank() <= 2 && shape.rank() <= 2,
          "{}: takes parts of values of rank 1 or 2, found {} of {}", place(node), to_string(shape),
          to_string(in[0].shape));
  require(begin >= 0 && begin + count(shape) <= size, "{}: elements {} to {} of x {}, which has {}",
          place(node), begin, begin + count(shape), to_string(in[0].shape), size);
  return {shape, DType::f32, in[0].batched};
}

class Part final : public Kernel {
 public:
  Part(int64_t begin, int64_t size, int64_t whole) : begin_(begin), size_(size), whole_(whole) {}

  void forward(const Io& io) override {
    for (int64_t s = 0, n = io.out.size() / size_; s < n; ++s)
      std::copy_n(io.in[0].f32() + s * whole_ + begin_, size_, io.out.f32() + s * size_);
  }
  void backward(const Io&, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    std::fill_n(din[0].f32(), din[0].size(), 0.f);
    for (int64_t s = 0, n = dy.size() / size_; s < n; ++s)
      std::copy_n(dy.f32() + s * size_, size_, din[0].f32() + s * whole_ + begin_);
  }

 private:
  const int64_t begin_, size_, whole_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Part>(node.integer("begin", 0), count(node.type.shape),
                                count(context.in[0]->type.shape));
}

}  // namespace

const OpDef part_op{
    .name = "part",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {{"rows", {{{5, 4}}}, {{"begin", 8.0}, {"shape", std::vector<double>{2, 4}}}},
                {"last", {{{5, 4}}}, {{"begin", 16.0}, {"shape", std::vector<double>{4}}}},
                {"features", {{{9}}}, {{"begin", 0.0}, {"shape", std::vector<double>{3}}}}}};

}  // namespace sparlet
