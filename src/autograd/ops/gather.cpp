#include "autograd/ops/gather.h"

#include <algorithm>

namespace sparlet {
namespace {

// Numbers that lie together in the operand and in the result.
struct Run {
  int32_t to, from, count;  // from: -1 where the value is fixed
};

std::vector<Run> runs_of(const std::vector<int32_t>& from) {
  std::vector<Run> runs;
  for (int32_t i = 0; i < int32_t(from.size()); ++i) {
    const int32_t source = from[size_t(i)];
    if (!runs.empty()) {
      Run& last = runs.back();
      if (source < 0 ? last.from < 0 : last.from >= 0 && last.from + last.count == source) {
        ++last.count;
        continue;
      }
    }
    runs.push_back({i, source, 1});
  }
  return runs;
}

class Gather final : public Kernel {
 public:
  Gather(std::vector<int32_t> from, int64_t in_size, float fixed)
      : from_(std::move(from)),
        out_size_(int64_t(from_.size())),
        in_size_(in_size),
        fixed_(fixed),
        runs_(runs_of(from_)) {
    if (runs_.size() * 4 <= from_.size())  // worth a call each
      from_.clear();
    else
      runs_.clear();
  }

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    if (x == y) return;  // in place: nothing moves
    for (int64_t s = 0, n = io.out.size() / out_size_; s < n; ++s, x += in_size_, y += out_size_) {
      for (const Run& run : runs_)
        if (run.from < 0)
          std::fill_n(y + run.to, run.count, fixed_);
        else
          std::copy_n(x + run.from, run.count, y + run.to);
      for (size_t i = 0; i < from_.size(); ++i) y[i] = from_[i] < 0 ? fixed_ : x[from_[i]];
    }
  }

  void backward(const Io&, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    const float* g = dy.f32();
    float* dx = din[0].f32();
    std::fill_n(dx, din[0].size(), 0.f);
    for (int64_t s = 0, n = dy.size() / out_size_; s < n; ++s, dx += in_size_, g += out_size_) {
      for (const Run& run : runs_)
        for (int32_t i = 0; run.from >= 0 && i < run.count; ++i) dx[run.from + i] += g[run.to + i];
      for (size_t i = 0; i < from_.size(); ++i)
        if (from_[i] >= 0) dx[from_[i]] += g[i];
    }
  }

 private:
  std::vector<int32_t> from_;  // or, where they are long, runs_
  const int64_t out_size_, in_size_;
  const float fixed_;
  std::vector<Run> runs_;
};

}  // namespace

std::vector<int64_t> strides_of(const Shape& shape) {
  std::vector<int64_t> strides(size_t(shape.rank()), 1);
  for (int i = shape.rank() - 2; i >= 0; --i)
    strides[size_t(i)] = strides[size_t(i) + 1] * shape[i + 1];
  return strides;
}

Origins origins_of(const Shape& result,
                   const std::function<int64_t(std::span<const int64_t>)>& origin) {
  Origins origins;
  std::vector<int64_t> at(size_t(result.rank()), 0);
  for (int64_t i = 0, size = count(result); i < size; ++i) {
    origins.push_back(int32_t(origin(at)));
    for (int axis = result.rank() - 1; axis >= 0 && ++at[size_t(axis)] == result[axis]; --axis)
      at[size_t(axis)] = 0;
  }
  return origins;
}

std::vector<int32_t> in_memory(const Origins& origins, const Placement& result,
                               const Shape& result_shape, const Placement& operand,
                               const Shape& operand_shape) {
  std::vector<int32_t> place;  // of the operand's plain element in its memory
  const std::vector<int32_t> order = memory_order(operand, operand_shape);
  place.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) place[size_t(order[i])] = int32_t(i);
  const std::vector<int32_t> plain = memory_order(result, result_shape);
  std::vector<int32_t> from(origins.size());
  for (size_t i = 0; i < from.size(); ++i) {
    const int32_t origin = origins[plain.empty() ? i : size_t(plain[i])];
    from[i] = origin < 0 || place.empty() ? origin : place[size_t(origin)];
  }
  return from;
}

std::unique_ptr<Kernel> make_gather(const Node& node, const MakeContext& context,
                                    const Origins& origins, float fixed) {
  const Shape& x = context.in[0]->type.shape;
  return std::make_unique<Gather>(
      in_memory(origins, context.placement, node.type.shape, context.in_placement[0], x), count(x),
      fixed);
}

}  // namespace sparlet
