// Sets of moves by name. Every move is a pure function of a point: it stays in the parameters'
// bounds, and does not apply (none) where it would change nothing.
#pragma once
#include "search/morphism.h"

namespace sparlet::search {

// The moves of a space; none where it has no parameters of theirs.
using MoveSet = std::function<std::vector<Move>(const Space&)>;

// Of the library:
//   steps   one step of each parameter (morphism.h)
//   sparse  SpArSeMod's fourteen, for the spaces with its names: dense layers ±1, blocks ±1, a
//           layer's type, filters, kernel, bottleneck; dense units ±5 or ±1, layers of a block ±1,
//           max_len ±10; recurrent layers ±1, units ±32, dropout ±0.05; the dense layer behind them
//           on or off, its units ±5. At a bound a step goes the other way.
//   blocks  uNAS's single steps (its cnn_morphisms and mlp_morphisms): a block removed, appended,
//           parallel or not; a layer removed, inserted, of another type, norm, relu or pool before
//           it on or off, filters ±1, ±3, ±5, kernel ±2, stride 1 or 2; the last pool's kind and
//           size ±2; a dense layer removed, inserted, units ±1, ±3, ±5. All moves of the set,
//           applied once each, are all single steps. What follows a removed or inserted block or
//           layer keeps its values; a branch whose series block goes becomes the series block.
std::vector<std::string> move_set_names();
// Those of the named sets together, each name once; of all sets where `names` is empty. Throws
// Error for an unknown name, naming the nearest.
std::vector<Move> moves_named(const Space&, const std::vector<std::string>& names);
// For configs of this process and its forks. Throws Error for a name that is taken.
void add_moves(std::string name, MoveSet);

std::vector<Move> sparse_moves(const Space&);
std::vector<Move> block_moves(const Space&);

// --- for those who write moves
// The value moved by `delta`, to the other side where that leaves the bounds, else as far as they
// go; none where it stays.
std::optional<PointValue> stepped(const Parameter&, double value, double delta);
// The point with another value, or none where that is the old one or the parameter is not active.
std::optional<Point> with_value(const Space&, const Point&, const std::string& name, PointValue);

}  // namespace sparlet::search
