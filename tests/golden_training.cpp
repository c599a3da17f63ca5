// Golden cases around the graph: optimisers, and 20 steps of training.
#include "autograd/executor.h"
#include "golden_case.h"
#include "nn/layers.h"
#include "nn/train.h"
#include "tensor/error.h"

namespace sparlet::golden {
namespace {

View view(const Tensor& tensor) {
  return {tensor.shape(), tensor.dtype(), const_cast<std::byte*>(tensor.raw())};
}
Optimizer optimizer_of(const nlohmann::json& a) {
  const std::string kind = a["kind"];
  const float rate = a["lr"], decay = a["weight_decay"];
  if (kind.starts_with("sgd"))
    return Sgd{
        .rate = rate, .momentum = a["momentum"], .weight_decay = decay, .nesterov = a["nesterov"]};
  if (kind == "rmsprop") {
    require(a["centered"] == false, "centred");
    return RmsProp{.rate = rate,
                   .alpha = a["alpha"],
                   .epsilon = a["eps"],
                   .weight_decay = decay,
                   .momentum = a["momentum"]};
  }
  const float beta1 = a["betas"][0], beta2 = a["betas"][1], epsilon = a["eps"];
  if (kind == "adamw")
    return AdamW{
        .rate = rate, .beta1 = beta1, .beta2 = beta2, .epsilon = epsilon, .weight_decay = decay};
  require(kind.starts_with("adam"), "unknown optimiser {}", kind);
  return Adam{
      .rate = rate, .beta1 = beta1, .beta2 = beta2, .epsilon = epsilon, .weight_decay = decay};
}

void run_optimizer(const Case& test, const Kernels& kernels) {
  const Optimizer optimizer = optimizer_of(test.attrs);
  const UpdateRule rule = rule_of(optimizer);
  Tensor w = test.in.at("w0"), slots[2] = {Tensor(w.shape()), Tensor(w.shape())};
  const Tensor& grads = test.in.at("grads");
  Tensor history(grads.shape());
  const int64_t size = w.size();
  for (int64_t step = 0; step < grads.shape()[0]; ++step) {
    kernels.update(rule, {.weight = w.write().data(),
                          .grad = grads.read().data() + step * size,
                          .slot = {slots[0].write().data(), slots[1].write().data()},
                          .count = size,
                          .rate = rate_of(optimizer),
                          .step = step + 1});
    std::ranges::copy(w.read(), history.write().begin() + step * size);
  }
  expect_close("w", history, test.out.at("w"), kForward);
}

Net lenet(const Case& test) {
  Rng rng(1);
  NetBuilder builder(rng);
  Var x = builder.input("x", {1, 28, 28});
  x = nn::max_pool(nn::relu(nn::conv2d(x, "0", {.out = 6, .kernel = 5, .pad = 2})));
  x = nn::max_pool(nn::relu(nn::conv2d(x, "3", {.out = 16, .kernel = 5})));
  x = nn::relu(nn::linear(nn::flatten(x), "7", {.out = 120}));
  x = nn::relu(nn::linear(x, "9", {.out = 84}));
  Net net = builder.finish(nn::linear(x, "11", {.out = 10}));
  for (const char* layer : {"0", "3", "7", "9", "11"}) {
    const std::string name = layer;
    net.params[size_t(net.graph.at(name + ".w"))] = test.in.at(name + "_weight");
    net.params[size_t(net.graph.at(name + ".b"))] = test.in.at(name + "_bias");
  }
  return net;
}

void run_train(const Case& test, const Kernels& kernels) {
  require(test.attrs["net"] == "lenet5" && test.attrs["optimizer"] == "adam", "another net");
  const Net net = lenet(test);
  const Tensor &x = test.in.at("x"), &labels = test.in.at("labels");
  const int64_t n = x.shape()[0];
  const Adam adam{.rate = test.attrs["lr"]};
  Executor executor(net, {.batch = n, .mode = Mode::train, .kernels = &kernels, .slots = 2});
  std::vector<float> losses;
  for (int step = 1; step <= test.attrs["steps"].get<int>(); ++step) {
    executor.set_input(net.graph.at("x"), view(x));
    const View y = executor.forward(n);
    losses.push_back(cross_entropy(y, labels.read<int32_t>(), {}, executor.output_grad()));
    executor.backward();
    executor.step(rule_of(adam), adam.rate, step);
  }
  executor.forward(n);
  expect_close("losses", Tensor({int64_t(losses.size())}, losses), test.out.at("losses"), kLosses);
  expect_close("logits", executor.output(), test.out.at("logits"), kTrained);
}

}  // namespace

bool run_training(const Case& test, const Kernels& kernels) {
  if (test.op == "optimizer")
    run_optimizer(test, kernels);
  else if (test.op == "train")
    run_train(test, kernels);
  else
    return false;
  return true;
}

}  // namespace sparlet::golden
