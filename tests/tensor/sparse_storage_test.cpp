#include "tensor/sparse.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tensor/error.h"
#include "tensor/rng.h"

using namespace sparlet;

namespace {

Tensor random_dense(const Shape& shape, double density, uint64_t seed) {
  Rng rng(seed);
  Tensor dense(shape);
  for (float& v : dense.write())
    if (rng.uniform() < density) v = float(rng.normal());
  return dense;
}

template <class T>
std::vector<int64_t> numbers(const Tensor& tensor) {
  return {tensor.read<T>().begin(), tensor.read<T>().end()};
}

SparseTensor spoilt(SparseTensor sparse, int which, size_t at, uint8_t value) {
  sparse.index[size_t(which)].write<uint8_t>()[at] = value;
  return sparse;
}

}  // namespace

TEST_CASE("sparse: dense, COO, CSR and back, of any density and shape") {
  for (const Shape& shape : {Shape{1, 1}, Shape{1, 300}, Shape{300, 2}, Shape{7, 5, 3, 3}})
    for (double density : {0.0, 0.02, 0.5, 1.0})
      for (SparseFormat format : {SparseFormat::csr, SparseFormat::coo}) {
        const Tensor dense = random_dense(shape, density, 3);
        const SparseTensor sparse = to_sparse(format, dense);
        CHECK(to_dense(sparse) == dense);
        const SparseFormat other =
            format == SparseFormat::csr ? SparseFormat::coo : SparseFormat::csr;
        const SparseTensor there = to_format(sparse, other), back = to_format(there, format);
        CHECK(to_dense(there) == dense);
        CHECK(back.values == sparse.values);
        CHECK(back.index == sparse.index);
        const auto zeros = std::ranges::count(dense.read(), 0.f);
        CHECK(sparse.values.size() == std::max<int64_t>(1, dense.size() - zeros));
        CHECK(pattern_of(sparse).nonzeros() == dense.size() - zeros);
      }
}

TEST_CASE("sparse: sorted, with the smallest index types") {
  const Tensor dense({2, 3}, {0, 1, 2, 3, 0, 4});
  const SparseTensor csr = to_sparse(SparseFormat::csr, dense);
  CHECK(numbers<uint8_t>(csr.index[0]) == std::vector<int64_t>{1, 2, 0, 2});
  CHECK(numbers<uint8_t>(csr.index[1]) == std::vector<int64_t>{0, 2, 4});
  const SparseTensor coo = to_sparse(SparseFormat::coo, dense);
  CHECK(numbers<uint8_t>(coo.index[0]) == std::vector<int64_t>{0, 0, 1, 1});
  CHECK(numbers<uint8_t>(coo.index[1]) == std::vector<int64_t>{1, 2, 0, 2});
  CHECK(index_type(255) == DType::u8);
  CHECK(index_type(256) == DType::u16);
  CHECK(index_type(65535) == DType::u16);
  CHECK(index_type(65536) == DType::i32);
  const SparseTensor wide = to_sparse(SparseFormat::coo, random_dense({256, 257}, 0.01, 1));
  CHECK(wide.index[0].dtype() == DType::u8);
  CHECK(wide.index[1].dtype() == DType::u16);
}

TEST_CASE("sparse: a mask is the pattern, zeros in it stay; a weight without entries") {
  const Tensor dense({2, 2}, {5, 0, 7, 8}), mask({2, 2}, {0, 1, 1, 0});
  const SparseTensor csr = to_sparse(SparseFormat::csr, dense, mask);
  CHECK(csr.values == Tensor({2}, {0, 7}));
  CHECK(mask_of(to_format(csr, SparseFormat::coo)) == mask);
  CHECK(to_dense(csr) == Tensor({2, 2}, {0, 0, 7, 0}));
  const Tensor none({256, 3});
  for (SparseFormat format : {SparseFormat::csr, SparseFormat::coo}) {
    const SparseTensor empty = to_sparse(format, none);
    CHECK(empty.values.size() == 1);
    CHECK(pattern_of(empty).nonzeros() == 0);
    CHECK(to_dense(to_format(to_format(empty, SparseFormat::coo), SparseFormat::csr)) == none);
  }
}

TEST_CASE("sparse: places that cannot be are refused, by entry") {
  const Tensor dense({2, 3}, {0, 1, 2, 3, 0, 4});
  const SparseTensor csr = to_sparse(SparseFormat::csr, dense),
                     coo = to_sparse(SparseFormat::coo, dense);
  const auto refused = [](const SparseTensor& sparse, const char* message) {
    CHECK_THROWS_WITH_AS(pattern_of(sparse, "fc"), message, Error);
  };
  refused(spoilt(csr, 0, 3, 3), "fc: columns[3] is 3, wanted 0 to 2");
  refused(spoilt(csr, 0, 0, 2), "fc: columns[1] is 2 again in row 0, wanted each place once");
  refused(spoilt(csr, 0, 2, 2), "fc: columns[3] is 2 again in row 1, wanted each place once");
  refused(spoilt(spoilt(csr, 0, 0, 2), 0, 1, 1),
          "fc: columns[1] is 1 after 2 in row 0, wanted sorted entries");
  refused(spoilt(csr, 1, 0, 1), "fc: rows[0] is 1, wanted 0");
  refused(spoilt(csr, 1, 1, 5), "fc: rows[1] is 5, wanted 0 to 4 (rows never fall, entries are 4)");
  refused(spoilt(csr, 1, 2, 1), "fc: rows[2] is 1, wanted 2 to 4 (rows never fall, entries are 4)");
  refused(spoilt(csr, 1, 2, 3), "fc: the rows have 3 entries, of 4");
  refused(spoilt(coo, 0, 3, 2), "fc: row[3] is 2, wanted 0 to 1");
  refused(spoilt(coo, 0, 0, 1), "fc: row[1] is 0 after 1, wanted sorted entries");
  refused(spoilt(coo, 1, 1, 9), "fc: column[1] is 9, wanted 0 to 2");
  refused(spoilt(coo, 1, 1, 1), "fc: column[1] is 1 again in row 0, wanted each place once");
}
