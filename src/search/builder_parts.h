// What builders are made of: parameters read by prefix, scopes of names, and layers that fit any
// map, so that every point of a space can be built.
#pragma once
#include "nn/layers.h"
#include "search/point.h"

namespace sparlet::search {

// Reads the parameters of one prefix: at("filters") is "block_1_layer_2_filters". Each throws Error
// naming the parameter where a value is of the wrong kind or out of range.
struct Scope {
  const Point& point;
  std::string prefix;

  std::string at(std::string_view name) const { return prefix + std::string(name); }
  Scope inner(std::string_view more) const { return {point, at(more)}; }
  int64_t integer(std::string_view name, int64_t fallback, int64_t least) const;
  // Of blocks and layers: every one is a node or more. At most 64.
  int64_t count(std::string_view name, int64_t fallback, int64_t least) const;
  double fraction(std::string_view name, double fallback) const;
  bool flag(std::string_view name, bool fallback) const { return point.flag(at(name), fallback); }
  std::string word(std::string_view name, std::string_view fallback) const {
    return point.word(at(name), fallback);
  }
  [[noreturn]] void reject(std::string_view name, std::string_view word,
                           const std::vector<std::string>& known) const;
};

// Names of nodes made while it lives begin with `name.`
class NameScope {
 public:
  NameScope(NetBuilder& builder, std::string name) : builder_(builder) {
    builder_.push_scope(std::move(name));
  }
  ~NameScope() { builder_.pop_scope(); }
  NameScope(const NameScope&) = delete;
  NameScope& operator=(const NameScope&) = delete;

 private:
  NetBuilder& builder_;
};

// A convolution with a rectangular kernel and no bias. Where `same` holds the map is padded so that
// it keeps its size at stride 1, also under even kernels (the odd one goes to the bottom and the
// right); else nothing is padded.
struct Rectangle {
  int64_t out = 1, kernel_h = 3, kernel_w = 3, stride_h = 1, stride_w = 1, groups = 1;
  bool same = true;
};
Var conv(Var x, const std::string& name, const Rectangle&);
// Each channel by `multiplier` filters of its own.
Var depthwise_conv(Var x, const std::string& name, Rectangle, int64_t multiplier = 1);
Var pointwise(Var x, const std::string& name, int64_t out);

// A pool whose window is never larger than the map; x itself where that would do nothing.
struct Window2 {
  int64_t size_h = 2, size_w = 2, stride_h = 0, stride_w = 0;  // stride 0: size
};
Var clipped_pool(Var x, bool average, const Window2&);
// Max-pooled to exactly h × w, from a map at least as large: stride floor(in / out), and the window
// that reaches the end.
Var pool_to(Var x, int64_t h, int64_t w);

// Dropout of this rate; none where it is 0. Throws Error for 1, naming the parameter.
Var drop(Var x, const Scope&, std::string_view name);

}  // namespace sparlet::search
