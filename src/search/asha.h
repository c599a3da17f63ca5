// Which trial to train further: asynchronous successive halving (Li et al., "A system for massively
// parallel hyperparameter tuning", MLSys 2020, algorithm 2) for several objectives. Fidelity is
// epochs; trials wait at rungs, and the best of a rung go on to the next.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "search/pareto.h"

namespace sparlet::search {

// least, least × eta, ... and `most`, which takes the place of a rung nearer to it than a factor of
// sqrt(eta). Throws Error unless 1 <= least <= most and eta > 1.
std::vector<int> rungs_of(int least, int most, double eta);

// Positions of the rows from the best to the worst: by non-dominated rank, within a rank by what
// each adds to its rank's hypervolume, which is taken anew after each is chosen (the one that adds
// most first). The box ends a tenth beyond the worst of the rows in each objective, so that early
// results far from any reference are told apart. NaN comes last; of equals the first. `count`: only
// so many of the best.
std::vector<size_t> promotion_order(const std::vector<Values>& rows, size_t count = SIZE_MAX);

// What has been reported so far decides: same reports, same answers.
class Asha {
 public:
  // Rungs rise. Of the n at a rung, floor(n / eta) go on. `exact`: by objective, whether training
  // does not change it; what is beyond the reference of such a one (1, normalised) can add nothing,
  // however long it trains, and comes after all that may. Empty: none is. REQUIRES at least one
  // rung
  Asha(std::vector<int> rungs, double eta, std::vector<bool> exact = {});

  const std::vector<int>& rungs() const { return rungs_; }
  // Normalised objectives of a trial that has been trained to this rung. A trial that cannot go on
  // (it failed or diverged) is reported with NaN. `promoted`: it has gone on already.
  void report(int trial, size_t rung, Values, bool promoted = false);

  struct Promotion {
    int trial = 0;
    size_t rung = 0;  // to be trained to
  };
  // All that may be trained further, of the highest rung first, the best of a rung first.
  std::vector<Promotion> candidates() const;
  // The first of them, taken as begun, or none: begin a new one.
  std::optional<Promotion> next();

 private:
  struct Entry {
    int trial = 0;
    Values values;
    bool promoted = false;
  };
  std::vector<size_t> best_of(const std::vector<Entry>&, size_t count) const;
  std::vector<int> rungs_;
  double eta_;
  std::vector<bool> exact_;
  std::vector<std::vector<Entry>> reached_;  // by rung
};

}  // namespace sparlet::search
