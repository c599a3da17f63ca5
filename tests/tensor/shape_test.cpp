#include "tensor/shape.h"

#include <doctest/doctest.h>

#include "tensor/error.h"

using namespace sparlet;

TEST_CASE("shape: sizes, rank, count and text") {
  const Shape shape{6, 1, 5, 5};
  CHECK(shape.rank() == 4);
  CHECK(shape[2] == 5);
  CHECK(count(shape) == 150);
  CHECK(to_string(shape) == "[6,1,5,5]");
  CHECK(count(Shape{}) == 1);
  CHECK(to_string(Shape{}) == "[]");
  CHECK(to_string(batched(8, {3, 2})) == "[8,3,2]");
}

TEST_CASE("shape: equal means the same rank and sizes") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK(Shape{2, 3} != Shape{3, 2});
  CHECK(Shape{2, 3} != Shape{2, 3, 1});
}

TEST_CASE("shape: sizes below one, beyond 31 bits and a seventh are refused") {
  CHECK_THROWS_AS((Shape{2, 0}), Error);
  CHECK_THROWS_AS((Shape{-1}), Error);
  CHECK_THROWS_AS((Shape{int64_t(1) << 31}), Error);
  CHECK_NOTHROW((Shape{INT32_MAX}));
  CHECK_NOTHROW((Shape{1, 2, 3, 4, 5, 6}));
  CHECK_THROWS_AS((Shape{1, 2, 3, 4, 5, 6, 7}), Error);
}

TEST_CASE("dtype: names and sizes round trip; an unknown name lists the known") {
  for (const DType dtype : {DType::f32, DType::i8, DType::u8, DType::i16, DType::u16, DType::i32})
    CHECK(dtype_from(name_of(dtype)) == dtype);
  CHECK(bytes_of(DType::f32) == 4);
  CHECK(bytes_of(DType::i32) == 4);
  CHECK(bytes_of(DType::i16) == 2);
  CHECK(bytes_of(DType::u16) == 2);
  CHECK(bytes_of(DType::i8) == 1);
  CHECK(bytes_of(DType::u8) == 1);
  CHECK_THROWS_WITH_AS(dtype_from("f16"), "dtype: no 'f16'; one of f32, i8, u8, i16, u16, i32",
                       Error);
}

TEST_CASE("count: a product that no int64 holds is an Error, not another number") {
  const int64_t most = INT32_MAX;
  CHECK(count({most, most, 2}) == 2 * most * most);
  CHECK_THROWS_WITH_AS(count({20552879, 3725308, 5059460}),
                       "shape: [20552879,3725308,5059460] has more elements than can be counted",
                       Error);
  CHECK_THROWS_AS(count({65536, 65536, 65536, 65536}), Error);
}
