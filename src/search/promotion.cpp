// Which paused trial goes on, and what it competes with.
#include <cmath>

#include "search/round.h"

namespace sparlet::search {
namespace {

// Work of a sample whatever the net, in MACs: data, small kernels, the optimiser.
constexpr double kOverhead = 50000;

}  // namespace

std::vector<Asha::Promotion> Proposer::promotions(const Round& round,
                                                  const Surrogate* model) const {
  if (plan_.rungs.empty()) return {};
  std::vector<bool> exact = learned_;
  exact.flip();
  Asha asha(plan_.rungs, plan_.eta, exact);
  std::map<int, int> highest;  // rung that a trial has been sent to
  for (const Trial& t : round.trials) highest[t.arm] = t.rung;
  std::vector<const Trial*> known = round.view.seen;
  for (const Trial* t : round.view.pending)  // seen when they were sent on
    if (t->rung < highest[t->arm]) known.push_back(t);
  for (const Trial* t : known) {
    if (!terminal(t->status)) continue;
    Values row = trained(t->status)
                     ? normalised(config_.objectives, values_of(*t, config_.objectives))
                     : Values(config_.objectives.size(), NAN);
    if (model && trained(t->status))
      for (size_t k = 0, at = 0; k < row.size(); ++k)
        if (learned_[k])
          row[k] = model->models().models()[at++].means({model->models().features(t->point)})[0];
    // Done below the last rung: it blew up where it was to go on.
    const bool gone = highest[t->arm] > t->rung || t->status == Status::done;
    asha.report(t->arm, size_t(t->rung), std::move(row), gone);
  }
  return asha.candidates();
}

// Training of so many epochs, in MACs a sample: a model of time that is the same on every machine.
double Proposer::work(const Point& point, double epochs) {
  known(point);
  return (kOverhead + double(cache_[to_text(point)].macs)) * epochs;
}

// Halving gives every rung the same share of the work. Half of what is due to those above the first
// goes there whatever the model thinks of it: else morphs of hardly trained nets, which cost an
// epoch each, can win every time, and the model never learns what training on brings.
bool Proposer::owes_promotions(const Round& round) {
  double first = 0, later = 0;
  for (const Trial& t : round.trials) {
    if (t.status == Status::infeasible) continue;
    const int begun = t.before.empty() ? t.epochs : t.before.front().epochs;
    first += work(t.point, begun);
    later += work(t.point, t.epochs - begun);
  }
  return later < 0.5 * double(plan_.rungs.size() - 1) * first;
}

// Each candidate's expected improvement, over what has been achieved, of its full training, for
// the work that is to be expected of what is left until then: the next share for certain, of the
// rest what halving lets through. It then gets its next share of epochs, and competes again. Cf.
// Swersky, Snoek & Adams, "Freeze-thaw Bayesian optimization", 2014 (arXiv:1406.3896).
void Proposer::automatic(Round& round) {
  const bool more = trained_count(round.trials) < plan_.total;
  if (round.front.empty() || (!more && promotions(round).empty())) return;
  const Surrogate model = surrogate(round, true);
  const std::vector<Asha::Promotion> paused = promotions(round, &model);
  const double first = plan_.epochs(Phase::gp), full = plan_.full;
  const auto due = [&](const Point& point, double next, double left) {
    return work(point, next + (left - next) / plan_.eta);
  };
  double best = -std::numeric_limits<double>::infinity();
  std::optional<Asha::Promotion> promoted;
  for (const Asha::Promotion& p : paused) {
    const auto t = std::find_if(round.trials.begin(), round.trials.end(),
                                [&](const Trial& other) { return other.arm == p.trial; });
    const auto values = known(t->point);
    if (!values) continue;  // cannot be: it was built
    const double next = plan_.rungs[p.rung] - t->epochs;
    const double left = std::max(full - t->inherited - t->epochs, next);
    const double score = model.score(t->point, *values) - std::log(due(t->point, next, left));
    if (!promoted || score > best) best = score, promoted = p;
  }
  if (more && !(promoted && owes_promotions(round))) {
    Rng rng(mix(round.rng.state(), 2));
    const Morphs made = config_.search.morphisms ? morphs(round, rng) : Morphs{};
    const Trial* parent = nullptr;
    Point child;
    std::vector<std::vector<double>> values;
    for (const Point& p : made.points) values.push_back(*known(p));
    const std::vector<double> scores = model.scores(made.points, values);
    for (size_t i = 0; i < scores.size(); ++i) {
      const Trial* from = made.origin.at(to_text(made.points[i])).first;
      const double left = std::max(full - from->inherited - from->epochs, first);
      const double score = scores[i] - std::log(due(made.points[i], first, left));
      if (score > best) best = score, parent = from, child = made.points[i];
    }
    const auto fresh = propose_new(round, model);
    if (fresh &&
        (!(fresh->score - std::log(due(fresh->point, first, full)) <= best) ||
         (!parent && !promoted))) {
      round.phase = Phase::gp;
      round.out.trial = round.make(fresh->point, Status::pending);
    } else if (parent) {
      round.phase = Phase::morphism;
      round.inherit(child, *parent, made.origin.at(to_text(child)).second);
    }
    if (round.out.trial) {
      round.out.trial->epochs = plan_.epochs(round.phase);
      return;
    }
  }
  if (promoted) round.promote(*promoted, plan_.rungs);
}

bool Proposer::converged(const Round& round) const {
  const size_t n = round.view.seen.size(), patience = size_t(plan_.patience);
  if (plan_.tolerance == 0 || n < size_t(plan_.r1) + patience) return false;
  std::vector<Trial> ended;
  for (const Trial* t : round.view.seen) ended.push_back(*t);
  const double now = hypervolume_of(ended, config_.objectives);
  ended.resize(n - patience);
  const double before = hypervolume_of(ended, config_.objectives);
  return before > 0 && now - before < plan_.tolerance * now;
}

}  // namespace sparlet::search
