// Sobol points with Joe & Kuo's direction numbers (new-joe-kuo-6, SIAM J. Sci. Comput. 30, 2008).
#pragma once
#include <cstdint>
#include <vector>

namespace sparlet::search {

class Sobol {
 public:
  // Dimensions that have direction numbers; those beyond are pseudo-random.
  static int table_size();

  // The plain sequence, starting with the point 0.
  explicit Sobol(int dimension);
  // Owen-scrambled by hashing (Laine & Karras 2011; Burley 2020), each dimension with its own seed.
  Sobol(int dimension, uint64_t seed);

  // The point of this index (< 2^32), each value in [0,1). Pure: no state.
  std::vector<double> at(uint32_t index) const;
  int dimension() const { return dimension_; }

 private:
  int dimension_;
  bool scrambled_;
  uint64_t seed_;
  std::vector<uint32_t> directions_;  // 32 a dimension
};

}  // namespace sparlet::search
