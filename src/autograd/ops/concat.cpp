// concat(a, b, ...): one after the other along axis 0 of a sample: features (f) or the channels of
// maps (c,h,w).
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"a, b, ...", 1, SIZE_MAX, {"axis"}});
  require(node.integer("axis", 0) == 0, "{}: axis {}, wanted 0 (features or channels)", place(node),
          node.integer("axis", 0));
  const Shape& first = in[0].shape;
  require(first.rank() == 1 || first.rank() == 3,
          "{}: wants features (f) or maps (c,h,w), found {}", place(node), to_string(first));
  int64_t total = 0;
  for (const Type& type : in) {
    const Shape& s = type.shape;
    require(type.batched, "{}: wants inputs that differ between samples", place(node));
    require(s.rank() == first.rank() && (s.rank() == 1 || (s[1] == first[1] && s[2] == first[2])),
            "{}: {} does not fit beside {}", place(node), to_string(s), to_string(first));
    total += s[0];
  }
  return {first.rank() == 1 ? Shape{total} : Shape{total, first[1], first[2]}, DType::f32, true};
}

// In memory both are rows of channels, one row a pixel (or a sample).
class Concat final : public Kernel {
 public:
  explicit Concat(const MakeContext& context) {
    for (const Node* in : context.in) widths_.push_back(in->type.shape[0]);
    for (int64_t width : widths_) row_ += width;
  }

  void forward(const Io& io) override {
    const int64_t rows = io.out.size() / row_;
    float* column = io.out.f32();
    for (size_t i = 0; i < widths_.size(); column += widths_[i++])
      for (int64_t r = 0; r < rows; ++r)
        std::copy_n(io.in[i].f32() + r * widths_[i], widths_[i], column + r * row_);
  }
  void backward(const Io&, const View& dy, std::span<const View> din) override {
    const int64_t rows = dy.size() / row_;
    const float* column = dy.f32();
    for (size_t i = 0; i < widths_.size(); column += widths_[i++])
      for (int64_t r = 0; r < rows && din[i]; ++r)
        std::copy_n(column + r * row_, widths_[i], din[i].f32() + r * widths_[i]);
  }

 private:
  std::vector<int64_t> widths_;
  int64_t row_ = 0;
};

std::unique_ptr<Kernel> make(const Node&, const MakeContext& context) {
  return std::make_unique<Concat>(context);
}

}  // namespace

const OpDef concat_op{.name = "concat",
                      .infer = infer,
                      .macs = no_macs,
                      .make = make,
                      .samples = {{"maps", {{{3, 4, 5}}, {{2, 4, 5}}}},
                                  {"three", {{{1, 3, 3}}, {{4, 3, 3}}, {{2, 3, 3}}}},
                                  {"features", {{{5}}, {{8}}}},
                                  {"alone", {{{4}}}}}};

}  // namespace sparlet
