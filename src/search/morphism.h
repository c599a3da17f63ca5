// Morphisms: small moves from a point to a near point whose net can inherit weights.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "search/space.h"

namespace sparlet::search {

// A pure move: a new point (any values; the space completes and checks them), or none where it does
// not apply. Sets of them by name, your own too: moves.h.
struct Move {
  std::string name;
  std::function<std::optional<Point>(const Space&, const Point&, Rng&)> apply;
};

// The moves of a space, for every parameter that varies:
//   NAME.up, NAME.down   integers: one step; log integers: a step or a factor of about 1.25,
//                        whichever is more
//   NAME.jitter          reals: a normal step of a tenth of the (log) range
//   NAME.switch          choices: another value
//   NAME.toggle          flags
// A move that makes parameters active (blocks.up) draws their values.
std::vector<Move> moves_of(const Space&);

struct MorphOptions {
  int min_changes = 1, max_changes = 3;
  int tries = 50;
};

struct Morphed {
  Point point;
  std::vector<std::string> moves;  // in order
};

// A random sequence of moves: in bounds, meets the constraints, differs from the parent in
// canonical form. The parent is not touched. None if no try succeeds.
std::optional<Morphed> morph(const Space&, const Point& parent, const std::vector<Move>&, Rng&,
                             const MorphOptions& = {});

}  // namespace sparlet::search
