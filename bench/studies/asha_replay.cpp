// Successive halving on the digits space, replayed from a table of trained networks (digits_table):
// what share of the hypervolume of training everything in full it reaches, at what share of the
// epochs. Objectives error, size, memory in the box of examples/digits.toml. Promotions see the
// float net's validation error at the rung and the predicted costs; the hypervolume counts what the
// int8 nets measured, of trials that reached the last rung.
//   asha_replay TABLE.csv[,MORE.csv] [eta=4] [least epochs=1] [seeds=5] [config]
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "digits_rows.h"
#include "search/asha.h"
#include "tensor/rng.h"

using namespace sparlet;
using namespace sparlet::search;
using study::DigitsRow;

namespace {

struct Outcome {
  double volume = 0;
  int64_t epochs = 0;
  int finished = 0;
};

Outcome replay(const std::vector<DigitsRow>& rows, const std::vector<Objective>& objectives,
               int least, double eta, uint64_t seed) {
  Rng rng(seed);
  std::vector<int> order;
  for (int i = 0; i < int(rows.size()); ++i) order.push_back(i);
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[size_t(rng.below(int64_t(i)))]);
  const int most = int(rows[0].errors.size());
  Asha asha(rungs_of(least, most, eta), eta, {false, true, true});
  Outcome out;
  std::vector<Values> finished;
  for (size_t begun = 0;;) {
    const auto go = asha.next();
    if (!go && begun == order.size()) break;
    const int trial = go ? go->trial : order[begun++];
    const size_t rung = go ? go->rung : 0;
    const DigitsRow& row = rows[size_t(trial)];
    const int epochs = asha.rungs()[rung];
    out.epochs += epochs - (rung ? asha.rungs()[rung - 1] : 0);
    asha.report(trial, rung,
                normalised(objectives, std::vector<double>{row.errors[size_t(epochs) - 1], row.size,
                                                           row.memory}));
    if (epochs == most) finished.push_back(row.final);
  }
  out.volume = study::box_volume(finished);
  out.finished = int(finished.size());
  return out;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    fmt::print(stderr, "asha_replay TABLE.csv[,MORE.csv] [eta] [least epochs] [seeds] [config]\n");
    return 1;
  }
  const double eta = argc > 2 ? std::atof(argv[2]) : 4;
  const int least = argc > 3 ? std::atoi(argv[3]) : 1, seeds = argc > 4 ? std::atoi(argv[4]) : 5;
  const Config config = load_config(argc > 5 ? argv[5] : "examples/digits.toml");
  const std::vector<DigitsRow> rows = study::digits_rows(argv[1], config.objectives);
  std::vector<Values> all;
  for (const DigitsRow& row : rows) all.push_back(row.final);
  const double full = study::box_volume(all);
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
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
