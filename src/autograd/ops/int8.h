// What the int8 ops share: checks, geometry in the runtime's words, and a kernel that goes sample
// by sample.
#pragma once
#include "autograd/ops/check.h"
#include "autograd/ops/ops_i8.h"
#include "autograd/ops/window.h"
#include "runtime/format.h"
#include "runtime/kernels.h"

namespace sparlet::int8 {

// Throws Error naming the node unless there are `wanted` inputs and input 0 is batched i8.
void check_inputs(const Node&, std::span<const Type> in, size_t wanted);
// Throws Error naming the node unless input k is unbatched, of this element type and shape.
void check_constant(const Node&, std::span<const Type> in, size_t k, DType, const Shape&);

uint32_t bits_of(float);
rt::Quantized quantized(const Quant&);
// (c,h,w), or (c) as one position.
rt::Map map_of(const Shape&);

struct Geometry {
  rt::Map in, out;
  rt::Window window;
};
Geometry geometry_of(const Window&, int64_t out_channels);

// Interleaved as the runtime reads them.
std::vector<rt::Channel> channels_of(const View& bias, const View& scale);
// The weights of a bitmask layer, zeros in place. Throws Error naming the node for too few values.
std::vector<int8_t> unpack(const std::string& name, const View& bits, const View& values,
                           int64_t n);

int over_first(const Node&, std::span<const Type>);  // in_place: 0

// Calls one(inputs of a sample, its output) for every sample.
class Kernel : public sparlet::Kernel {
 public:
  void forward(const Io&) final;

 protected:
  // At the first forward after make() or operands_changed().
  virtual void load(const Io&) {}
  virtual void one(std::span<const int8_t* const> x, int8_t* y) = 0;

 private:
  void operands_changed() final { loaded_ = false; }
  bool loaded_ = false;
};

}  // namespace sparlet::int8
