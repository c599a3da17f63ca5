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

// "c1 (conv2d)", written only where there is a message: a check that holds costs no text. A search
// builds hundreds of nets a proposal.
struct Place {
  const Node& node;
  operator std::string() const;
};
inline Place place(const Node& node) { return {node}; }

}  // namespace sparlet

template <>
struct fmt::formatter<sparlet::Place> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  template <class Context>
  auto format(const sparlet::Place& p, Context& context) const {
    return fmt::format_to(context.out(), "{} ({})", p.node.name, p.node.op ? p.node.op->name : "?");
  }
};

namespace sparlet {

inline Place::operator std::string() const { return fmt::format("{}", *this); }

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
    if (std::ranges::find(wanted.attrs, key) == wanted.attrs.end())
      fail("{}: no attribute '{}'{}", place(node), key,
           did_you_mean(key, std::span<const std::string_view>(wanted.attrs)));
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
  if (!x.batched || x.shape.rank() != 3)
    fail("{}: wants a map (c,h,w) of each sample, found {}{}", place(node), to_string(x.shape),
         x.batched ? "" : " that is the same for all");
}

inline int64_t no_macs(const Node&, std::span<const Type>) { return 0; }

}  // namespace sparlet
