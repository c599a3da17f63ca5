// sparlet bench: what sparse layers save here, in time and in memory. Times are of inference
// through the Executor, on one thread; the forms take turns, so that a change of the machine's
// speed meets all of them.
#include <fmt/format.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "autograd/executor.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "deploy/spt.h"
#include "nn/layers.h"
#include "sparse/layers.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

using sparse::Format;

// Processor time of this thread in microseconds: what other programs take of the core does not
// count.
double now() {
  timespec time;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) * 1e6 + double(time.tv_nsec) * 1e-3;
}

// A net ready to run on `batch` samples.
class Ready {
 public:
  Ready(const Net& net, int64_t batch, bool release = false)
      : executor_(net, {.batch = batch, .release = release}), batch_(batch) {
    const Id input = inputs(net.graph)[0];
    Tensor x(batched(batch, net.graph[input].type.shape));
    Rng rng(1);
    for (float& v : x.write()) v = float(rng.normal());
    executor_.set_input(input, {x.shape(), x.dtype(), x.raw_write()});
    executor_.forward(batch);  // packs
  }
  // Microseconds of one forward, the mean of at least `milliseconds`.
  double time(double milliseconds) {
    const double start = now();
    int runs = 0;
    double us = 0;
    while (us < milliseconds * 1e3) {
      executor_.forward(batch_);
      ++runs;
      us = now() - start;
    }
    return us / runs;
  }

 private:
  Executor executor_;
  const int64_t batch_;
};

double median(std::vector<double> v) {
  std::ranges::nth_element(v, v.begin() + std::ptrdiff_t(v.size() / 2));
  return v[v.size() / 2];
}

// Medians of all in microseconds; they take turns.
std::vector<double> times(std::vector<Ready>& ready, double milliseconds) {
  constexpr int kRounds = 9;
  std::vector<std::vector<double>> all(ready.size());
  for (int round = 0; round < kRounds; ++round)
    for (size_t i = 0; i < ready.size(); ++i)
      all[i].push_back(ready[i].time(milliseconds / kRounds));
  std::vector<double> result;
  for (const auto& one : all) result.push_back(median(one));
  return result;
}

int64_t weight_bytes(const Net& net) {
  int64_t bytes = 0;
  for (const sparse::Stored& one : sparse::stored(net)) bytes += one.bytes;
  return bytes;
}

void sparse_table(const BenchArgs& args) {
  Table table{{"shape", "batch", "density", "dense us", "csr us", "speed-up", "dense B", "csr B"},
              {}};
  nlohmann::json json = nlohmann::json::array();
  for (int64_t n : args.sizes)
    for (int64_t batch : args.batches)
      for (double density : args.densities) {
        Rng rng(1);
        NetBuilder b(rng);
        const Net csr =
            b.finish(sparse::linear(b.input("x", {n}), "fc", {.out = n, .density = density}));
        const Net dense = sparse::convert(csr, Format::dense);
        std::vector<Ready> both;
        both.emplace_back(dense, batch);
        both.emplace_back(csr, batch);
        const std::vector<double> us = times(both, args.milliseconds);
        table.rows.push_back({fmt::format("{}x{}", n, n), fmt::format("{}", batch),
                              fmt::format("{}", density), fmt::format("{:.1f}", us[0]),
                              fmt::format("{:.1f}", us[1]), fmt::format("{:.2f}", us[0] / us[1]),
                              fmt::format("{}", weight_bytes(dense)),
                              fmt::format("{}", weight_bytes(csr))});
        json.push_back({{"out", n},
                        {"in", n},
                        {"batch", batch},
                        {"density", density},
                        {"dense_us", us[0]},
                        {"csr_us", us[1]},
                        {"speed_up", us[0] / us[1]},
                        {"dense_bytes", weight_bytes(dense)},
                        {"csr_bytes", weight_bytes(csr)}});
      }
  fmt::print("{}\n", args.json ? json.dump(2) : table.text());
}

// The classifier of VGG11 with batch-norm on CIFAR-10, of random weights.
Net classifier(double density) {
  Rng rng(1);
  NetBuilder b(rng);
  Var x = b.input("x", {512});
  x = nn::relu(sparse::linear(x, "fc1", {.out = 4096, .density = density}));
  x = nn::relu(sparse::linear(x, "fc2", {.out = 4096, .density = density}));
  return b.finish(sparse::linear(x, "fc3", {.out = 10, .density = density}));
}

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// Of a fresh process that loads the model and runs one sample: what it holds beyond an empty one.
int64_t resident_bytes_of(const std::filesystem::path& model) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command = fmt::format("'{}' bench --resident '{}'", self, model.string());
  std::FILE* pipe = ::popen(command.c_str(), "r");
  require(pipe != nullptr, "bench: cannot start {}", self);
  long long bytes = -1;
  const int found = std::fscanf(pipe, "%lld", &bytes);
  require(::pclose(pipe) == 0 && found == 1, "bench: {} gave no answer", command);
  return bytes;
}

void model_report(const BenchArgs& args) {
  nlohmann::json report{{"model", "VGG11-BN classifier 512-4096-4096-10"}, {"batch", 1}};
  const auto folder = std::filesystem::temp_directory_path();
  for (double density : {0.1, 0.01}) {
    const Net csr = classifier(density);
    const std::pair<const char*, Net> forms[] = {{"dense", sparse::convert(csr, Format::dense)},
                                                 {"coo", sparse::convert(csr, Format::coo)},
                                                 {"csr", csr}};
    std::vector<Ready> ready;
    for (const auto& [name, net] : forms) ready.emplace_back(net, 1);
    const std::vector<double> us = times(ready, 10 * args.milliseconds);
    nlohmann::json one{{"sparsity", 1 - density}};
    for (size_t i = 0; i < std::size(forms); ++i) {
      const auto& [name, net] = forms[i];
      const auto file = folder / fmt::format("sparlet-bench-{}-{}.spt", ::getpid(), name);
      deploy::save(net, file);
      one[name] = {{"us", us[i]},
                   {"speed_up", us[0] / us[i]},
                   {"weight_bytes", weight_bytes(net)},
                   {"file_bytes", std::filesystem::file_size(file)},
                   {"resident_bytes", resident_bytes_of(file)}};
      std::filesystem::remove(file);
    }
    report["sparsities"].push_back(std::move(one));
  }
  fmt::print("{}\n", report.dump(2));
}

// Hidden: see resident_bytes_of().
void resident(const std::filesystem::path& model) {
  const int64_t before = resident_bytes();
  Ready ready(deploy::load(model), 1, true);
  ready.time(0.1);
#if defined(__GLIBC__)
  ::malloc_trim(0);  // what loading and packing have freed
#endif
  fmt::print("{}\n", resident_bytes() - before);
}

void check(const BenchArgs& args) {
  require(args.sparse + args.model + !args.resident.empty() == 1,
          "bench: give --sparse or --model, one of them");
  require(args.milliseconds > 0, "--milliseconds: {} is not above 0", args.milliseconds);
  for (int64_t n : args.sizes) require(n >= 1 && n <= 16384, "--size: {} is not in 1 .. 16384", n);
  for (int64_t n : args.batches) require(n >= 1 && n <= 4096, "--batch: {} is not in 1 .. 4096", n);
  for (double d : args.densities)
    require(d > 0 && d <= 1, "--density: {} is not above 0, at most 1", d);
}

}  // namespace

void bench(const BenchArgs& args) {
  check(args);
  if (!args.resident.empty()) return resident(args.resident);
  args.model ? model_report(args) : sparse_table(args);
}

}  // namespace sparlet::cli
