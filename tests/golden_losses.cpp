// Golden cases of the losses. Targets have no gradient here: losses stand at the end.
#include "golden_case.h"
#include "nn/loss.h"
#include "tensor/error.h"

namespace sparlet::golden {
namespace {

View view(const Tensor& tensor) {
  return {tensor.shape(), tensor.dtype(), const_cast<std::byte*>(tensor.raw())};
}
View writable(Tensor& tensor) { return {tensor.shape(), tensor.dtype(), tensor.raw_write()}; }

// The losses' own gradients are those of the loss itself; the case's is times grad_outputs.
Tensor scaled(Tensor tensor, float factor) {
  for (float& v : tensor.write()) v *= factor;
  return tensor;
}

float value_of(const Case& test, View dx) {
  const View x = view(test.in.at("x"));
  if (test.op == "mse") return mean_squared_error(x, view(test.in.at("target")), dx);
  if (test.op == "bce_with_logits") return binary_cross_entropy(x, view(test.in.at("target")), dx);
  const std::span<const int32_t> labels = test.in.at("labels").read<int32_t>();
  if (test.op == "distillation")
    return distillation(x, labels, view(test.in.at("teacher")),
                        {.alpha = test.attrs["alpha"], .temperature = test.attrs["temperature"]},
                        dx);
  CrossEntropy options{.label_smoothing = test.attrs["label_smoothing"]};
  if (test.in.contains("class_weights")) {
    const std::span<const float> weights = test.in.at("class_weights").read();
    options.class_weights.assign(weights.begin(), weights.end());
  }
  return cross_entropy(x, labels, options, dx);
}

}  // namespace

bool run_loss(const Case& test) {
  const bool known = test.op == "mse" || test.op == "cross_entropy" ||
                     test.op == "bce_with_logits" || test.op == "distillation";
  if (!known) return false;
  Tensor dx(test.in.at("x").shape());
  const float value = value_of(test, writable(dx));
  if (test.attrs.contains("reduction"))
    require(test.attrs["reduction"] == "mean", "reduction {}", test.attrs["reduction"].dump());
  expect_close("y", Tensor(Shape{}, {value}), test.out.at("y"), kForward);
  const float outer = test.grad_out.at("y").read()[0];
  expect_close("gradient of x", scaled(dx, outer), test.grad.at("x"), kGradient);
  if (test.op == "mse")
    expect_close("gradient of target", scaled(dx, -outer), test.grad.at("target"), kGradient);
  return true;
}

}  // namespace sparlet::golden
