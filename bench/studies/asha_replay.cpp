// Successive halving on the digits space, replayed from a table of trained networks (digits_table):
// what share of the hypervolume of training everything in full it reaches, at what share of the
// epochs. Objectives error, size, memory in the box of examples/digits.toml. Promotions see the
// float net's validation error at the rung and the predicted costs; the hypervolume counts what the
// int8 nets measured, of trials that reached the last rung.
//   asha_replay TABLE.csv[,MORE.csv] [eta=4] [least epochs=1] [seeds=5] [config]
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include "search/asha.h"
#include "search/config.h"
#include "tensor/error.h"
#include "tensor/rng.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

struct Row {
  std::vector<double> errors = {};  // after each epoch
  double size = 0, memory = 0;      // predicted
  Values final = {};                // measured, normalised
};

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

std::vector<Row> table_of(const std::string& paths, const std::vector<Objective>& objectives) {
  std::vector<Row> rows;
  for (const std::string& path : split(paths, ',')) {
    std::ifstream in(path);
    require(bool(in), "{}: cannot be read", path);
    std::string line;
    std::getline(in, line);
    const std::vector<std::string> names = split(line, ',');
    while (std::getline(in, line)) {
      const std::vector<std::string> fields = split(line, ',');
      if (fields.size() != names.size()) continue;  // the last line of a table being written
      std::map<std::string, std::string> at;
      for (size_t i = 0; i < names.size(); ++i) at[names[i]] = fields[i];
      Row row{.size = std::stod(at["predicted_size"]), .memory = std::stod(at["predicted_memory"])};
      for (int e = 1; at.contains(fmt::format("error_{}", e)); ++e)
        row.errors.push_back(std::stod(at[fmt::format("error_{}", e)]));
      row.final =
          normalised(objectives, std::vector<double>{std::stod(at["error"]), std::stod(at["size"]),
                                                     std::stod(at["memory"])});
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

double volume_of(std::vector<Values> rows) {
  for (Values& row : rows)
    for (double& v : row) v = std::max(v, 0.0);
  std::vector<Values> front;
  for (const size_t i : pareto_front(rows)) front.push_back(rows[i]);
  return hypervolume(front, Values(3, 1.0));
}

struct Outcome {
  double volume = 0;
  int64_t epochs = 0;
  int finished = 0;
};

Outcome replay(const std::vector<Row>& rows, const std::vector<Objective>& objectives, int least,
               double eta, uint64_t seed) {
  Rng rng(seed);
  std::vector<int> order;
  for (int i = 0; i < int(rows.size()); ++i) order.push_back(i);
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[size_t(rng.below(int64_t(i)))]);
  const int most = int(rows[0].errors.size());
  Asha asha(rungs_of(least, most, eta), eta);
  Outcome out;
  std::vector<Values> finished;
  for (size_t begun = 0;;) {
    const auto go = asha.next();
    if (!go && begun == order.size()) break;
    const int trial = go ? go->trial : order[begun++];
    const size_t rung = go ? go->rung : 0;
    const Row& row = rows[size_t(trial)];
    const int epochs = asha.rungs()[rung];
    out.epochs += epochs - (rung ? asha.rungs()[rung - 1] : 0);
    asha.report(trial, rung,
                normalised(objectives, std::vector<double>{row.errors[size_t(epochs) - 1], row.size,
                                                           row.memory}));
    if (epochs == most) finished.push_back(row.final);
  }
  out.volume = volume_of(finished);
  out.finished = int(finished.size());
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "asha_replay TABLE.csv[,MORE.csv] [eta] [least epochs] [seeds] [config]\n");
    return 1;
  }
  const double eta = argc > 2 ? std::atof(argv[2]) : 4;
  const int least = argc > 3 ? std::atoi(argv[3]) : 1, seeds = argc > 4 ? std::atoi(argv[4]) : 5;
  const Config config = load_config(argc > 5 ? argv[5] : "examples/digits.toml");
  const std::vector<Row> rows = table_of(argv[1], config.objectives);
  require(!rows.empty(), "{}: no rows", argv[1]);
  std::vector<Values> all;
  for (const Row& row : rows) all.push_back(row.final);
  const double full = volume_of(all);
  const int64_t most = int64_t(rows.size()) * int64_t(rows[0].errors.size());
  fmt::print("{} networks, {} epochs each; front {}, hypervolume {:.4f}\n", rows.size(),
             rows[0].errors.size(), pareto_front(all).size(), full);
  double worst = std::numeric_limits<double>::infinity();
  for (int seed = 1; seed <= seeds; ++seed) {
    const Outcome o = replay(rows, config.objectives, least, eta, uint64_t(seed));
    worst = std::min(worst, o.volume / full);
    fmt::print("seed {}: {:.2f} % of the hypervolume, {:.1f} % of the epochs, {} trained in full\n",
               seed, 100 * o.volume / full, 100 * double(o.epochs) / double(most), o.finished);
  }
  fmt::print("worst of {} seeds: {:.2f} %\n", seeds, 100 * worst);
}
