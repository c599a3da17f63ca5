#include "search/sobol.h"

#include <algorithm>

#include "search/sobol_table.h"
#include "tensor/error.h"
#include "tensor/rng.h"

namespace sparlet::search {

namespace {

constexpr int kBits = 32;

uint32_t reversed(uint32_t x) {
  x = x >> 16 | x << 16;
  x = (x & 0x00ff00ffu) << 8 | (x & 0xff00ff00u) >> 8;
  x = (x & 0x0f0f0f0fu) << 4 | (x & 0xf0f0f0f0u) >> 4;
  x = (x & 0x33333333u) << 2 | (x & 0xccccccccu) >> 2;
  return (x & 0x55555555u) << 1 | (x & 0xaaaaaaaau) >> 1;
}

// Every bit is flipped by a hash of the bits above it. On reversed bits, a multiplication by an
// even number and xor hands information upwards only (Laine & Karras 2011; constants by Vegdahl
// 2021).
uint32_t owen(uint32_t x, uint32_t seed) {
  x = reversed(x);
  x ^= x * 0x3d20adeau;
  x += seed;
  x *= (seed >> 16) | 1u;
  x ^= x * 0x05526c56u;
  x ^= x * 0x53a22864u;
  return reversed(x);
}

}  // namespace

int Sobol::table_size() { return 1111; }  // all primitive polynomials up to degree 13

Sobol::Sobol(int dimension) : dimension_(dimension), scrambled_(false), seed_(0) {
  require(dimension >= 0, "sobol: {} dimensions", dimension);
  const int known = std::min(dimension, table_size());
  directions_.resize(size_t(known) * kBits);
  for (int i = 0; i < kBits && known > 0; ++i) directions_[size_t(i)] = 1u << (kBits - 1 - i);
  const auto seeds = direction_seeds(std::max(known - 1, 0));
  for (size_t d = 0; d < seeds.size(); ++d) {
    const auto& [degree, inner, m] = seeds[d];
    uint32_t* v = &directions_[(d + 1) * kBits];
    for (uint32_t i = 0; i < degree; ++i) v[i] = m[i] << (kBits - 1 - i);
    for (uint32_t i = degree; i < kBits; ++i) {
      v[i] = v[i - degree] ^ (v[i - degree] >> degree);
      for (uint32_t k = 1; k < degree; ++k)
        if (inner >> (degree - 1 - k) & 1u) v[i] ^= v[i - k];
    }
  }
}

Sobol::Sobol(int dimension, uint64_t seed) : Sobol(dimension) {
  scrambled_ = true;
  seed_ = seed;
}

std::vector<double> Sobol::at(uint32_t index) const {
  std::vector<double> point(static_cast<size_t>(dimension_));
  const uint32_t gray = index ^ (index >> 1);  // the usual order of Joe & Kuo's program
  for (size_t d = 0; d < point.size(); ++d) {
    if (d >= size_t(table_size())) {
      point[d] = Rng(mix(mix(seed_, d), index)).uniform();
      continue;
    }
    uint32_t x = 0;
    for (int i = 0; i < kBits; ++i)
      if (gray >> i & 1u) x ^= directions_[d * kBits + size_t(i)];
    if (scrambled_) x = owen(x, uint32_t(mix(seed_, d) >> 32));
    point[d] = double(x) * 0x1p-32;
  }
  return point;
}

}  // namespace sparlet::search
