// One call of Proposer::next() (private to it).
#pragma once
#include <algorithm>

#include "search/pareto.h"
#include "search/phases.h"

namespace sparlet::search {

struct Proposer::Round {
  const std::vector<Trial>& trials;
  Visible view;  // of trainings
  Phase phase;
  int arm, job;
  Rng rng;
  std::set<std::string> seen;       // canonical texts of all trials
  std::vector<const Trial*> front;  // Pareto trainings of what may be seen
  Next out;

  Trial make(const Point& point, Status status) const {
    Trial t;
    t.arm = arm + int(out.infeasible.size());
    t.job = job + int(out.infeasible.size());
    t.phase = phase;
    t.point = point;
    t.status = status;
    return t;
  }
  void refuse(const Point& point, const std::string& reason, const Trial* parent = nullptr) {
    Trial t = make(point, Status::infeasible);
    t.reason = reason;
    if (parent) t.parent = parent->arm, t.phase = Phase::morphism;
    seen.insert(to_text(point));
    out.infeasible.push_back(std::move(t));
  }
  // A child of a training, its weights' heir.
  void inherit(const Point& point, const Trial& parent, const std::string& moves) {
    Trial t = make(point, Status::pending);
    t.parent = parent.arm;
    t.parent_rung = parent.rung;
    t.inherited = parent.inherited + parent.epochs;
    t.moves = moves;
    out.trial = std::move(t);
  }
  void promote(const Asha::Promotion& p, const std::vector<int>& rungs) {
    Trial t = *std::find_if(trials.begin(), trials.end(),
                            [&](const Trial& other) { return other.arm == p.trial; });
    t.before.push_back({t.job, t.rung, t.epochs, t.metrics});
    t.rung = int(p.rung);
    t.epochs = rungs[p.rung];
    t.job = job + int(out.infeasible.size());
    t.status = Status::pending;
    out.trial = std::move(t);
  }
};

// Streams of random numbers, one a use: mix(mix(seed, stream), job).
constexpr uint64_t kSobolStream = 101, kProposalStream = 102, kFitStream = 103;

}  // namespace sparlet::search
