// What the ops' infer functions share: an op is refused with its node's name, what was wanted and
// what was found (law 7).
#pragma once
#include <algorithm>
#include <initializer_list>
#include <string>

#include "autograd/op.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet {

// "c1 (conv2d)"
inline std::string place(const Node& node) {
  return fmt::format("{} ({})", node.name, node.op->name);
}

// How the op is called, "x, w[, b]", and how many inputs that allows.
struct Wanted {
  std::string_view inputs;
  size_t least, most;
  std::initializer_list<std::string_view> attrs = {};
};

// Throws Error for a wrong number of inputs or an unknown attribute.
inline void check_call(const Node& node, std::span<const Type> in, const Wanted& wanted) {
  require(in.size() >= wanted.least && in.size() <= wanted.most,
          "{}: wants inputs ({}), found {} of them", place(node), wanted.inputs, in.size());
  for (const auto& [key, value] : node.attrs)
    require(std::ranges::find(wanted.attrs, key) != wanted.attrs.end(), "{}: no attribute '{}'{}",
            place(node), key, did_you_mean(key, std::span<const std::string_view>(wanted.attrs)));
}

inline void check_f32(const Node& node, std::span<const Type> in, size_t i) {
  require(in[i].dtype == DType::f32, "{}: input {} is {}, wanted f32", place(node), i,
          name_of(in[i].dtype));
}

// Throws Error for a wrong number of inputs, an input that is not f32, or an unknown attribute.
inline void check(const Node& node, std::span<const Type> in, const Wanted& wanted) {
  check_call(node, in, wanted);
  for (size_t i = 0; i < in.size(); ++i) check_f32(node, in, i);
}

// Throws unless the input is a map (c,h,w) that differs from sample to sample.
inline void check_map(const Node& node, const Type& x) {
  require(x.batched && x.shape.rank() == 3, "{}: wants a map (c,h,w) of each sample, found {}{}",
          place(node), to_string(x.shape), x.batched ? "" : " that is the same for all");
}

inline int64_t no_macs(const Node&, std::span<const Type>) { return 0; }

}  // namespace sparlet
