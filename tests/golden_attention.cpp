// The golden case of nn::self_attention: a net of several ops, run by an Executor.
#include "autograd/executor.h"
#include "autograd/ops/ops.h"
#include "golden_case.h"
#include "nn/attention.h"
#include "tensor/error.h"

namespace sparlet::golden {
namespace {

View view(const Tensor& tensor) {
  return {tensor.shape(), tensor.dtype(), const_cast<std::byte*>(tensor.raw())};
}

// An Executor has no gradients of inputs: x + shift, with a trainable shift of 0, has x's.
Net attention(const Case& test) {
  Rng rng(1);
  NetBuilder builder(rng);
  const Shape& x = test.in.at("x").shape();
  const Var input = builder.input("x", {x[1], x[2]});
  const Var shifted = nn::add(input, builder.param("shift", Shape{x[1], x[2]}, Init::zeros));
  Net net = builder.finish(
      nn::self_attention(shifted, "a", {.heads = test.attrs["heads"].get<int64_t>()}));
  const auto set = [&](const char* ours, const char* theirs) {
    net.params[size_t(net.graph.at(ours))] = test.in.at(theirs);
  };
  set("a.in.w", "in_proj_weight");
  set("a.in.b", "in_proj_bias");
  set("a.out.w", "out_weight");
  set("a.out.b", "out_bias");
  return net;
}

Tensor gradient(const Executor& executor, const char* name) {
  const View grad = executor.grad(executor.net().graph.at(name));
  Tensor copy(grad.shape);
  std::ranges::copy(grad.span<float>(), copy.write().begin());
  return copy;
}

}  // namespace

bool run_attention(const Case& test, const Kernels& kernels) {
  if (test.op != "self_attention") return false;
  const Net net = attention(test);
  const Tensor &x = test.in.at("x"), &dy = test.grad_out.at("y");
  const int64_t n = x.shape()[0], size = x.size() / n;
  Executor executor(net, {.batch = n, .mode = Mode::train, .kernels = &kernels});
  executor.set_input(net.graph.at("x"), view(x));
  executor.forward(n);
  expect_close("y", executor.output(), test.out.at("y"), kForward);
  std::ranges::copy(dy.read(), executor.output_grad().f32());
  executor.backward();
  const std::pair<const char*, const char*> weights[] = {{"a.in.w", "in_proj_weight"},
                                                         {"a.in.b", "in_proj_bias"},
                                                         {"a.out.w", "out_weight"},
                                                         {"a.out.b", "out_bias"}};
  for (const auto& [ours, theirs] : weights)
    expect_close(std::string("gradient of ") + theirs, gradient(executor, ours),
                 test.grad.at(theirs), kGradient);
  Tensor dx(x.shape());
  for (int64_t s = 0; s < n; ++s) {  // the shift's gradient is the sum: one sample at a time
    const View g = executor.output_grad();
    std::fill_n(g.f32(), g.size(), 0.f);
    std::copy_n(dy.read().data() + s * size, size, g.f32() + s * size);
    executor.backward();
    std::ranges::copy(gradient(executor, "shift").read(), dx.write().begin() + s * size);
  }
  expect_close("gradient of x", dx, test.grad.at("x"), kGradient);
  return true;
}

}  // namespace sparlet::golden
