// The matrix product of simd.h, block by block. Where it pays, tiles that share columns of b run
// one after the other over a piece of k so short that these columns stay in the first cache, and
// rows that are far apart in memory (those of a matrix of 1024 columns fall into one set of the
// cache) are copied together first. A sum that is stored and taken up again is the same bits:
// pieces are as good as the whole.
#pragma once
#include "tensor/kernels/simd_rows.h"

namespace sparlet {
namespace {

constexpr int64_t kPieceVectors = 512;    // of b in hand: 32 KB (AVX2: 16)
constexpr int64_t kPiece = 256;           // steps of k, at most
constexpr int64_t kChunkBlocks = 16;      // row blocks whose piece of a is in hand
constexpr int64_t kGroup = 4;             // column blocks of b copied at a time
constexpr int64_t kRowRoom = 16;          // floats for a block's rows that lie side by side
constexpr int64_t kFar = 1024;            // floats from one row of a to the next: worth a copy
constexpr int64_t kSameSet = 256;         // rows of b so far apart fall into few sets of the cache
constexpr int64_t kManyFloats = 1 << 19;  // b is larger than the second cache
// Tiles of few rows take too much of b in a cycle for the second cache. Linear layers by panels do
// not gain: they run through b in its order.
constexpr int64_t kLowTile = 10;

// A piece of k: whole rows of the window, or part of one.
struct Piece {
  int64_t outer, outers, inner, inners;
  int64_t size() const { return outers * inners; }
};

class Blocks {
 public:
  explicit Blocks(const SimdProduct& p) : p_(p) {
    const int64_t row_blocks = (p.m + kMostRows - 1) / kMostRows;
    rows_ = (p.m + row_blocks - 1) / row_blocks;
    vectors_ = (p.n + kWidth - 1) / kWidth;
    const int64_t most = most_vectors(rows_), column_blocks = (vectors_ + most - 1) / most;
    width_ = (vectors_ + column_blocks - 1) / column_blocks;
    tail_ = p.n % kWidth != 0;
    last_ = first_lanes(p.n - (vectors_ - 1) * kWidth);
    const int64_t tiles = p.m_outer * row_blocks;  // that share a column block
    const int64_t limit = kPieceVectors / width_ < kPiece ? kPieceVectors / width_ : kPiece;
    const int64_t k = p.k_outer * p.k_inner;
    copy_b_ = p.b_panel == kWidth && p.k_outer == 1 && tiles >= 3 && k >= kWidth &&
              (p.b_inner % kSameSet == 0 || k * p.n >= kManyFloats);
    copy_a_ = p.m_outer == 1 && (p.a_row == 1 || p.a_inner == 1) && column_blocks >= 4 &&
              (p.a_row == 1 ? p.a_inner : p.a_row) >= kFar && k >= kWidth;
    cut_ = tiles > 1 && p.b_row_outer == 0 &&
           ((p.m_outer > 1 && rows_ <= kLowTile) || copy_a_ || copy_b_) &&
           (k > limit || copy_a_ || copy_b_);
    if (!cut_) copy_a_ = copy_b_ = false;
    outers_ = 1;
    inners_ = p.k_inner;
    if (!cut_) {
      outers_ = p.k_outer;
    } else if (p.k_inner > limit) {
      const int64_t pieces = (p.k_inner + limit - 1) / limit;
      inners_ = (p.k_inner + pieces - 1) / pieces;
    } else {
      const int64_t many = limit / p.k_inner, pieces = (p.k_outer + many - 1) / many;
      outers_ = (p.k_outer + pieces - 1) / pieces;
    }
    group_ = copy_b_ ? kGroup : 1;
    chunk_ = copy_a_ ? kChunkBlocks * rows_ : p.m;
  }

  void run() {
    if (copy_a_ || copy_b_) {
      alignas(64) float a[kChunkBlocks * kRowRoom * kPiece];
      alignas(64) float b[kGroup * kPieceVectors * kWidth];
      run(a, b);
    } else {
      run(nullptr, nullptr);
    }
  }

 private:
  void run(float* a_copy, float* b_copy) {
    for (int64_t first = 0; first < p_.m; first += chunk_) {
      const int64_t end = first + chunk_ < p_.m ? first + chunk_ : p_.m;
      for (int64_t j = 0; j < p_.k_outer; j += outers_)
        for (int64_t i = 0; i < p_.k_inner; i += inners_)
          piece({.outer = j,
                 .outers = p_.k_outer - j < outers_ ? p_.k_outer - j : outers_,
                 .inner = i,
                 .inners = p_.k_inner - i < inners_ ? p_.k_inner - i : inners_},
                first, end, a_copy, b_copy);
    }
  }

  // Rows first .. end of every column, over one piece of k.
  void piece(const Piece& k, int64_t first, int64_t end, float* a_copy, float* b_copy) {
    SimdProduct p = p_;
    p.k_outer = k.outers;
    p.k_inner = k.inners;
    const bool begins = k.outer == 0 && k.inner == 0;
    const bool ends = k.outer + k.outers == p_.k_outer && k.inner + k.inners == p_.k_inner;
    p.accumulate = p_.accumulate || !begins;
    p.relu = p_.relu && ends;
    const float* a = p_.a + k.outer * p_.a_outer + k.inner * p_.a_inner;
    const float* b = p_.b + k.outer * p_.b_outer + k.inner * p_.b_inner;
    if (copy_a_) {
      copy_rows_of_a(k, a, first, end, a_copy);
      a = a_copy;
      (p_.a_row == 1 ? p.a_inner : p.a_row) = p_.a_row == 1 ? kRowRoom : k.size();
      p.a_outer = k.inners * p.a_inner;
    }
    for (int64_t v = 0; v < vectors_; v += group_ * width_) {
      const int64_t next = v + group_ * width_;
      const int64_t width = next < vectors_ ? group_ * width_ : vectors_ - v;
      const float* columns = b + v * p_.b_panel;
      if (copy_b_) {
        copy_columns_of_b(k, columns, width, v, b_copy);
        columns = b_copy;
        p.b_inner = width_ * kWidth;
        p.b_outer = k.inners * p.b_inner;
      }
      for (int64_t w = v; w < v + width; w += width_) {
        const int64_t now = w + width_ <= v + width ? width_ : v + width - w;
        column_block(p, a, columns, {w, now, first, end, begins, block_room(k)});
        columns += copy_b_ ? k.size() * width_ * kWidth : 0;
      }
    }
  }

  // `vectors` columns from `vector` on; rows first .. end.
  struct Columns {
    int64_t vector, vectors, first, end;
    bool begins;
    int64_t room;  // of a row block in a copy of a
  };
  void column_block(const SimdProduct& p, const float* a, const float* b, const Columns& at) {
    const bool tail = tail_ && at.vector + at.vectors == vectors_;
    const float* bias = p_.bias && at.begins ? p_.bias : nullptr;
    if (bias && !p_.bias_of_rows) bias += at.vector * kWidth;
    float* c = p_.c + at.vector * (p_.c_panel ? p_.c_panel : kWidth);
    for (int64_t s = 0; s < p_.m_outer; ++s, c += p_.c_row_outer, b += p_.b_row_outer)
      for (int64_t r = at.first; r < at.end; r += rows_) {
        const int64_t many = r + rows_ <= at.end ? rows_ : at.end - r;
        const float* from =
            copy_a_ ? a + (r - at.first) / rows_ * at.room : a + s * p_.a_row_outer + r * p_.a_row;
        kTiles.at[many][at.vectors][tail](p, from, b, c + r * p_.c_row,
                                          bias && p_.bias_of_rows ? bias + r : bias, last_);
      }
  }

  int64_t block_room(const Piece& k) const { return (p_.a_row == 1 ? kRowRoom : rows_) * k.size(); }

  void copy_rows_of_a(const Piece& k, const float* a, int64_t first, int64_t end, float* to) const {
    for (int64_t r = first; r < end; r += rows_, to += block_room(k)) {
      const int64_t many = r + rows_ <= end ? rows_ : end - r;
      for (int64_t j = 0; j < k.outers; ++j) {
        const float* from = a + r * p_.a_row + j * p_.a_outer;
        if (p_.a_row == 1)
          copy_rows(k.inners, many, from, p_.a_inner, to + j * k.inners * kRowRoom, kRowRoom);
        else
          copy_rows(many, k.inners, from, p_.a_row, to + j * k.inners, k.size());
      }
    }
  }

  // `width` vectors from vector v on: blocks of width_, each with its rows together.
  void copy_columns_of_b(const Piece& k, const float* b, int64_t width, int64_t v,
                         float* to) const {
    const int64_t pitch = width_ * kWidth;
    const int64_t left = p_.padded ? vectors_ * kWidth : p_.n;
    for (int64_t w = 0; w < width; w += width_, to += k.size() * pitch) {
      const int64_t there = left - (v + w) * kWidth, many = there < pitch ? there : pitch;
      for (int64_t j = 0; j < k.outers; ++j)
        copy_rows(k.inners, many, b + w * kWidth + j * p_.b_outer, p_.b_inner,
                  to + j * k.inners * pitch, pitch);
    }
  }

  const SimdProduct& p_;
  int64_t rows_, vectors_, width_;  // of a tile; of a row of c; of a tile
  bool tail_;
  Mask last_;
  bool copy_a_, copy_b_, cut_;
  int64_t outers_, inners_;  // of a piece of k
  int64_t chunk_;            // rows that go through k together
  int64_t group_;            // column blocks that are copied together
};

void product(const SimdProduct& p) { Blocks(p).run(); }

}  // namespace
}  // namespace sparlet
