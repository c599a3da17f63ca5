// Successive halving on the digits space, replayed from a table of trained networks (digits_table):
// what share of the hypervolume of training everything in full it reaches, at what share of the
// epochs. Objectives error, size, memory in the box of examples/digits.toml. Promotions see the
// float net's validation error at the rung and the predicted costs; the hypervolume counts what the
// int8 nets measured, of trials that reached the last rung.
// With --model promotions see what a model expects of the full training instead. Networks whose
// predicted size or memory is beyond the box are not begun, as the search does not begin them;
// --all begins them too.
//   asha_replay TABLE.csv[,MORE.csv] [eta=4] [least epochs=1] [seeds=5] [config] [--model] [--all]
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "digits_rows.h"
#include "search/asha.h"
#include "search/surrogate.h"
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

// The same where promotions rank what a model of the error, of all trainings so far with their
// epochs as an input, expects after the last epoch. It is asked again after every few trainings.
class ByModel {
 public:
  ByModel(const std::vector<DigitsRow>& rows, const Config& config, int least, double eta,
          uint64_t seed)
      : rows_(rows),
        objectives_(config.objectives),
        space_(config.parameters, config.constraints),
        rungs_(rungs_of(least, int(rows[0].errors.size()), eta)),
        eta_(eta),
        rng_(seed),
        models_(space_, config.objectives, {true, false, false}, {.known = [this](const Point& p) {
                  const DigitsRow& row = *at_.at(to_text(p));
                  return std::optional(std::vector<double>{NAN, row.size, row.memory});
                }}) {
    for (const DigitsRow& row : rows) at_[to_text(row.point)] = &row;
    order_.resize(rows.size());
    std::iota(order_.begin(), order_.end(), 0);
    rng_.shuffle(order_);
  }

  Outcome run() {
    for (size_t begun = 0;;) {
      std::vector<Asha::Promotion> next = candidates();
      if (next.empty())
        for (int i = 0; i < kAtOnce && begun < order_.size(); ++i)
          next.push_back({order_[begun++], 0});
      if (next.empty()) break;
      next.resize(std::min(next.size(), size_t(kAtOnce)));
      for (const auto& [trial, rung] : next) train(trial, rung);
      models_.update(seen_, rng_);
    }
    out_.volume = study::box_volume(finished_);
    out_.finished = int(finished_.size());
    return out_;
  }

 private:
  static constexpr int kAtOnce = 8;

  std::vector<Asha::Promotion> candidates() const {
    Asha asha(rungs_, eta_, {false, true, true});
    if (seen_.empty()) return {};
    std::vector<Features> x;
    for (const auto& [trial, rung] : reached_)
      x.push_back(models_.features(rows_[size_t(trial)].point));
    const std::vector<double> error = models_.models()[0].means(x);
    size_t at = 0;
    for (const auto& [trial, highest] : reached_) {
      const DigitsRow& row = rows_[size_t(trial)];
      Values values = normalised(objectives_, std::vector<double>{0, row.size, row.memory});
      values[0] = error[at++];
      for (size_t rung = 0; rung <= highest; ++rung)
        asha.report(trial, rung, values, rung < highest);
    }
    return asha.candidates();
  }

  void train(int trial, size_t rung) {
    const DigitsRow& row = rows_[size_t(trial)];
    const int epochs = rungs_[rung], most = rungs_.back();
    out_.epochs += epochs - (rung ? rungs_[rung - 1] : 0);
    reached_[trial] = rung;
    seen_.push_back(
        {row.point, {row.errors[size_t(epochs) - 1], row.size, row.memory}, double(epochs) / most});
    if (epochs == most) finished_.push_back(row.final);
  }

  const std::vector<DigitsRow>& rows_;
  const std::vector<Objective> objectives_;
  const Space space_;
  const std::vector<int> rungs_;
  const double eta_;
  Rng rng_;
  std::map<std::string, const DigitsRow*> at_ = {};
  Models models_;
  std::vector<int> order_ = {};
  std::map<int, size_t> reached_ = {};  // by trial: its highest rung
  std::vector<Observation> seen_ = {};
  std::vector<Values> finished_ = {};
  Outcome out_ = {};
};

}  // namespace

int main(int argc, char** argv) try {
  bool by_model = false, begin_all = false;
  for (; argc > 2 && std::string_view(argv[argc - 1]).starts_with("--"); --argc) {
    const std::string_view option = argv[argc - 1];
    require(option == "--model" || option == "--all", "asha_replay: unknown option '{}'", option);
    (option == "--model" ? by_model : begin_all) = true;
  }
  if (argc < 2) {
    fmt::print(stderr,
               "asha_replay TABLE.csv[,MORE.csv] [eta] [least epochs] [seeds] [config] [--model] "
               "[--all]\n");
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
  std::vector<DigitsRow> begun;
  for (const DigitsRow& row : rows)
    if (begin_all || !beyond(config.objectives, std::vector<double>{NAN, row.size, row.memory}))
      begun.push_back(row);
  if (!begin_all)
    fmt::print("{} of them within the box by what is known: {:.1f} % of the epochs\n", begun.size(),
               100 * double(begun.size()) / double(rows.size()));
  double worst = std::numeric_limits<double>::infinity();
  for (int seed = 1; seed <= seeds; ++seed) {
    const Outcome o = by_model ? ByModel(begun, config, least, eta, uint64_t(seed)).run()
                               : replay(begun, config.objectives, least, eta, uint64_t(seed));
    worst = std::min(worst, o.volume / full);
    fmt::print("seed {}: {:.2f} % of the hypervolume, {:.1f} % of the epochs, {} trained in full\n",
               seed, 100 * o.volume / full, 100 * double(o.epochs) / double(most), o.finished);
    std::fflush(stdout);
  }
  fmt::print("worst of {} seeds: {:.2f} %\n", seeds, 100 * worst);
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
