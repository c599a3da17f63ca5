// Peak memory of training LeNet-5 on a synthetic batch, and of a program that is linked to the same
// libraries and does nothing: each in a process of its own.
//   peak_memory                            both
//   peak_memory lenet [batch=128] [steps=50]
//   peak_memory empty
#include <sys/wait.h>
#include <unistd.h>

#include "nn/models.h"
#include "nn/train.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

void train_lenet(int64_t batch, int steps) {
  Rng rng(1);
  const Net net = nn::lenet5({.shape = {1, 28, 28}, .classes = 10, .dtype = DType::f32}, rng);
  Executor executor(net, {.batch = batch, .mode = Mode::train, .slots = 2});
  Tensor x({batch, 1, 28, 28});
  for (float& value : x.write()) value = float(rng.normal());
  executor.set_input(net.graph.at("x"), {x.shape(), x.dtype(), x.raw_write()});
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < batch; ++i) labels.push_back(int32_t(i % 10));
  float last = 0;
  for (int step = 1; step <= steps; ++step) {
    last = loss(CrossEntropy{}, executor.forward(batch), labels, executor.output_grad());
    executor.backward();
    executor.step(rule_of(Adam{}), 1e-3f, step);
  }
  fmt::print("LeNet-5, batch {}, {} steps of Adam, loss {:.3f}: ", batch, steps, last);
}

// This program once more, with one argument.
bool run(const char* what) {
  const pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "peak_memory", what, nullptr);
    _exit(1);
  }
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string what = argc > 1 ? argv[1] : "both";
  if (what == "both") return run("empty") && run("lenet") ? 0 : 1;
  require(what == "empty" || what == "lenet", "wanted lenet or empty, found '{}'", what);
  if (what == "lenet")
    train_lenet(argc > 2 ? std::atoll(argv[2]) : 128, argc > 3 ? std::atoi(argv[3]) : 50);
  else
    fmt::print("an empty program: ");
  fmt::print("peak {:.1f} MB\n", study::peak_megabytes());
} catch (const Error& error) {
  fmt::print(stderr, "peak_memory: {}\n", error.what());
  return 1;
}
