#include "search/morphism.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace sparlet::search {

namespace {

// The parameter's number moved by `step` (whole steps of its grid at least), or none at the bound.
std::optional<Point> shifted(const Parameter& p, const Point& parent, int direction) {
  if (!parent.has(p.name)) return std::nullopt;
  const double value = parent.number(p.name);
  double step = p.step > 0 ? p.step : 1;
  if (p.kind == Kind::log_integer) step = std::max(step, std::round(value * 0.25 / step) * step);
  const PointValue moved = nearest_value(p, value + direction * step);
  if (moved == PointValue(value)) return std::nullopt;
  Point child = parent;
  child.set(p.name, moved);
  return child;
}

std::optional<Point> jittered(const Parameter& p, const Point& parent, Rng& rng) {
  if (!parent.has(p.name)) return std::nullopt;
  const bool log = p.kind == Kind::log_real;
  const double value = parent.number(p.name);
  const double z = 0.1 * rng.normal();
  const double moved =
      log ? value * std::exp(z * std::log(p.high / p.low)) : value + z * (p.high - p.low);
  Point child = parent;
  child.set(p.name, nearest_value(p, moved));
  if (child == parent) return std::nullopt;
  return child;
}

std::optional<Point> switched(const Parameter& p, const Point& parent, Rng& rng) {
  if (!parent.has(p.name) || p.values.size() < 2) return std::nullopt;
  const PointValue& old = parent.values.find(p.name)->second;
  std::vector<PointValue> others;
  for (const std::string& word : p.values)
    if (const PointValue value = value_from(word); value != old) others.push_back(value);
  if (others.empty()) return std::nullopt;
  Point child = parent;
  child.set(p.name, others[size_t(rng.below(int64_t(others.size())))]);
  return child;
}

std::optional<Point> toggled(const Parameter& p, const Point& parent) {
  if (!parent.has(p.name)) return std::nullopt;
  Point child = parent;
  child.set(p.name, 1 - parent.number(p.name));
  return child;
}

}  // namespace

std::vector<Move> moves_of(const Space& space) {
  std::vector<Move> moves;
  for (const Parameter& p : space.parameters()) {
    switch (p.kind) {
      case Kind::fixed:
        break;
      case Kind::integer:
      case Kind::log_integer:
        moves.push_back({p.name + ".up", [p](const Space&, const Point& parent, Rng&) {
                           return shifted(p, parent, 1);
                         }});
        moves.push_back({p.name + ".down", [p](const Space&, const Point& parent, Rng&) {
                           return shifted(p, parent, -1);
                         }});
        break;
      case Kind::real:
      case Kind::log_real:
        moves.push_back({p.name + ".jitter", [p](const Space&, const Point& parent, Rng& rng) {
                           return jittered(p, parent, rng);
                         }});
        break;
      case Kind::choice:
        moves.push_back({p.name + ".switch", [p](const Space&, const Point& parent, Rng& rng) {
                           return switched(p, parent, rng);
                         }});
        break;
      case Kind::flag:
        moves.push_back({p.name + ".toggle", [p](const Space&, const Point& parent, Rng&) {
                           return toggled(p, parent);
                         }});
    }
  }
  return moves;
}

std::optional<Morphed> morph(const Space& space, const Point& parent,
                             const std::vector<Move>& moves, Rng& rng,
                             const MorphOptions& options) {
  require(options.min_changes >= 1 && options.max_changes >= options.min_changes,
          "morph: {} to {} changes", options.min_changes, options.max_changes);
  if (moves.empty()) return std::nullopt;
  for (int tries = 0; tries < options.tries; ++tries) {
    Morphed made{parent, {}};
    const int64_t changes =
        options.min_changes + rng.below(options.max_changes - options.min_changes + 1);
    // Many moves do not apply (inactive, at a bound): some more attempts than changes.
    for (int64_t left = 20 * changes; left > 0 && int64_t(made.moves.size()) < changes; --left) {
      const Move& move = moves[size_t(rng.below(int64_t(moves.size())))];
      const auto child = move.apply(space, made.point, rng);
      if (!child) continue;
      made.point = space.complete(*child, rng);
      made.moves.push_back(move.name);
    }
    if (int64_t(made.moves.size()) >= options.min_changes && made.point != parent &&
        !space.violated(made.point))
      return made;
  }
  return std::nullopt;
}

}  // namespace sparlet::search
