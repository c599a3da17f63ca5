// The subcommands: each takes its arguments as plain data and prints. They throw Error for what the
// user can mend.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/load.h"

namespace sparlet::cli {

struct SearchArgs {
  std::filesystem::path config, out;
  std::optional<uint64_t> seed;
  std::optional<int> workers, trials;
  std::optional<double> minutes;
  std::optional<std::string> method;
  std::vector<std::string> set;
  bool dry_run = false, json = false;
};
void search(const SearchArgs&);

struct ShowArgs {
  std::filesystem::path run;
  std::optional<int> arm;
  std::string where, sort;
  bool all = false, json = false;
  std::filesystem::path svg;
};
void show(const ShowArgs&);

struct TestArgs {
  std::filesystem::path run;
  int arm = 0, seeds = 3;
  int epochs = 0;  // 0: as many as the arm and its ancestors had
  std::filesystem::path save;
  bool json = false;
};
void test(const TestArgs&);

struct TrainArgs {
  std::string net = "lenet5";
  DataOptions data;
  int epochs = 5;
  double prune = 0;
  // Given as "train.optimizer=sgd": --optimizer, --schedule, --batch and --rate come first.
  std::vector<std::string> set;
  std::string sparse, distribution = "erk";  // a method of sparse training; none: dense
  std::optional<double> density;  // not given: 0.1; with variational what its threshold leaves
  std::filesystem::path sparse_log, sparse_pictures;  // a file, a folder
  uint64_t seed = 1;
  std::filesystem::path out = "model.spt";
  bool json = false;
};
void train(const TrainArgs&);

struct OptimizeArgs {
  std::filesystem::path space, store;
  int trials = 100, init = 0, batch = 1;
  uint64_t seed = 1;
  std::string method = "ehvi";
  double tolerance = 0;
  bool timing = false;
};
void optimize(const OptimizeArgs&);

struct PruneArgs {
  std::filesystem::path model, out;
  double sparsity = 0, channels = 0;
  std::string distribution;    // global: ranked over the whole net
  std::string pattern, block;  // "2:4", "1x4"
  std::vector<std::string> keep, keep_layers;
  bool biases = false, propagate = false, compact = false;
};
void prune(const PruneArgs&);

struct EvalArgs {
  std::filesystem::path model;
  DataOptions data;
  std::string split = "test";
  bool json = false;
};
void eval(const EvalArgs&);

struct PredictArgs {
  std::filesystem::path model, out;
  DataOptions data;
  std::string split = "test";
};
void predict(const PredictArgs&);

struct CostArgs {
  std::filesystem::path model;  // or
  std::string net;
  double sparsity = 0;  // of a net that is not yet trained
  std::string device;
  DataOptions data;  // gives a named net its shape
  bool json = false;
};
void cost(const CostArgs&);

struct ExportArgs {
  std::filesystem::path model, out;
  std::string format = "spt";
  DataOptions data;
  int64_t calibration = 512;
};
void export_model(const ExportArgs&);

struct ConvertArgs {
  std::filesystem::path model, out, mask, weights;
  std::string format, only;  // only: masks or weights
  std::optional<double> density;
  std::vector<std::string> layers;
  int64_t batch = 1;
  bool json = false;
};
void convert(const ConvertArgs&);

struct BenchArgs {
  bool sparse = false, model = false;
  std::vector<int64_t> sizes{512, 1024}, batches{1, 8, 64};
  std::vector<double> densities{0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01};
  double milliseconds = 30;
  std::filesystem::path resident;  // hidden
  bool json = false;
};
void bench(const BenchArgs&);

void worker(const std::filesystem::path& run);

}  // namespace sparlet::cli
