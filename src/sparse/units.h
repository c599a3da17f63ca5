// What comes and goes together while connections move: single places, or whole blocks.
#pragma once
#include "sparse/weights.h"

namespace sparlet::sparse {

// A weight as a matrix (a row an output) cut into blocks of rows × columns, numbered row by row.
// What the edges cut off is in none.
class Units {
 public:
  Units(const Shape& weight, int64_t rows, int64_t columns)
      : rows_(rows),
        columns_(columns),
        row_(count(weight) / weight[0]),
        across_(row_ / columns),
        all_(weight[0] / rows * across_) {}

  int64_t places() const { return rows_ * columns_; }  // of each
  int64_t size() const { return all_; }
  int64_t block_rows() const { return rows_; }
  // The unit that a place of the dense weight is in, or -1.
  int64_t of(int64_t place) const {
    const int64_t column = place % row_ / columns_, unit = place / row_ / rows_ * across_ + column;
    return column < across_ && unit < all_ ? unit : -1;
  }
  // Calls f(place) for the places of a unit, ascending.
  template <class F>
  void each(int64_t unit, const F& f) const {
    const int64_t first = unit / across_ * rows_ * row_ + unit % across_ * columns_;
    for (int64_t r = 0; r < rows_; ++r)
      for (int64_t c = 0; c < columns_; ++c) f(first + r * row_ + c);
  }

 private:
  int64_t rows_, columns_, row_, across_, all_;
};

// Connections (numbers into a list of them) unit by unit: those of unit k are
// member[begin[k]] .. member[begin[k + 1]].
struct Grouped {
  std::vector<int32_t> member, begin;
  int64_t size() const { return int64_t(begin.size()) - 1; }
};
// Of connections at these places, ascending. Throws Error naming the weight where a unit has some
// of its places only.
Grouped grouped(const Units&, const std::vector<int32_t>& at, const std::string& weight);

}  // namespace sparlet::sparse
