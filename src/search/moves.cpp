#include "search/moves.h"

#include <algorithm>
#include <deque>

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {
namespace {

struct Named {
  std::string name;
  MoveSet moves;
};

std::deque<Named>& table() {
  static std::deque<Named> list = {
      {"steps", moves_of}, {"sparse", sparse_moves}, {"blocks", block_moves}};
  return list;
}

}  // namespace

std::vector<std::string> move_set_names() {
  std::vector<std::string> names;
  for (const Named& set : table()) names.push_back(set.name);
  return names;
}

std::vector<Move> moves_named(const Space& space, const std::vector<std::string>& names) {
  const std::vector<std::string> known = move_set_names();
  for (const std::string& name : names)
    require(std::find(known.begin(), known.end(), name) != known.end(),
            "search.moves: no set of moves is called \"{}\"{}", name, did_you_mean(name, known));
  std::vector<Move> all;
  for (const Named& set : table()) {
    if (!names.empty() && std::find(names.begin(), names.end(), set.name) == names.end()) continue;
    for (Move& move : set.moves(space)) all.push_back(std::move(move));
  }
  return all;
}

void add_moves(std::string name, MoveSet moves) {
  for (const Named& set : table()) require(set.name != name, "moves '{}': the name is taken", name);
  table().push_back({std::move(name), std::move(moves)});
}

std::optional<PointValue> stepped(const Parameter& p, double value, double delta) {
  const auto within = [&](double v) { return v >= p.low && v <= p.high; };
  if (!within(value + delta) && within(value - delta)) delta = -delta;
  const PointValue moved = nearest_value(p, value + delta);
  if (moved == PointValue(value)) return std::nullopt;
  return moved;
}

std::optional<Point> with_value(const Space& space, const Point& point, const std::string& name,
                                PointValue value) {
  const auto old = point.values.find(name);
  if (!space.find(name) || old == point.values.end() || old->second == value) return std::nullopt;
  Point child = point;
  child.set(name, std::move(value));
  return child;
}

}  // namespace sparlet::search
