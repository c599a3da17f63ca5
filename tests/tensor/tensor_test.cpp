#include "tensor/tensor.h"

#include <doctest/doctest.h>

#include "tensor/error.h"

using namespace sparlet;

TEST_CASE("tensor: zeros of the shape and type asked for, aligned to 64 bytes") {
  for (const int64_t n : {1, 7, 1000}) {
    const Tensor t({n}, DType::i16);
    CHECK(t.size() == n);
    CHECK(t.bytes() == 2 * n);
    CHECK(reinterpret_cast<uintptr_t>(t.raw()) % 64 == 0);
    for (const int16_t value : t.read<int16_t>()) CHECK(value == 0);
  }
}

TEST_CASE("tensor: none by default") {
  const Tensor none;
  CHECK_FALSE(bool(none));
  CHECK(none.size() == 0);
  CHECK(none.bytes() == 0);
  CHECK(none.read().empty());
  CHECK(none == Tensor());
  CHECK_FALSE(none == Tensor({1}));
}

TEST_CASE("tensor: values must be as many as the shape has") {
  const Tensor t({2, 2}, std::vector<float>{1, 2, 3, 4});
  CHECK(t.read()[3] == 4);
  CHECK_THROWS_WITH_AS(Tensor({2, 2}, std::vector<float>{1}), "tensor: 1 values for shape [2,2]",
                       Error);
}

TEST_CASE("tensor: copies share until one of them writes") {
  Tensor a({2}, std::vector<float>{1, 2});
  Tensor b = a;
  CHECK(a.raw() == b.raw());
  b.write()[0] = 9;
  CHECK(a.raw() != b.raw());
  CHECK(a.read()[0] == 1);
  CHECK(b.read()[0] == 9);
  CHECK(b.read()[1] == 2);
  CHECK(reinterpret_cast<uintptr_t>(b.raw()) % 64 == 0);
}

TEST_CASE("tensor: who owns alone writes in place") {
  Tensor a({2});
  const std::byte* place = a.raw();
  a.write()[0] = 1;
  CHECK(a.raw() == place);
  { const Tensor shared = a; }
  a.raw_write();
  CHECK(a.raw() == place);
}

TEST_CASE("tensor: reading as another type is an error that names both") {
  Tensor t({4}, DType::u8);
  CHECK_THROWS_WITH_AS(t.read(), "tensor: holds u8, asked for f32", Error);
  CHECK_THROWS_AS(t.write<int8_t>(), Error);
  CHECK_NOTHROW(t.read<uint8_t>());
}

TEST_CASE("tensor: reshaped shares the numbers, writing to it does not reach back") {
  const Tensor a({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  Tensor b = a.reshaped({6});
  CHECK(b.raw() == a.raw());
  CHECK(b.shape() == Shape{6});
  b.write()[0] = 0;
  CHECK(a.read()[0] == 1);
  CHECK_THROWS_WITH_AS(a.reshaped({5}), "tensor: cannot view [2,3] as [5]", Error);
}

TEST_CASE("tensor: equal means shape, type and bytes") {
  const Tensor a({2}, std::vector<float>{1, 2}), same({2}, std::vector<float>{1, 2});
  CHECK(a == same);
  CHECK_FALSE(a == Tensor({2}, std::vector<float>{1, 3}));
  CHECK_FALSE(a == a.reshaped({2, 1}));
  CHECK_FALSE(Tensor({4}, DType::i8) == Tensor({4}, DType::u8));
}

TEST_CASE("view: a borrowed place; empty means none") {
  CHECK_FALSE(bool(View{}));
  CHECK(View{}.size() == 0);
  float numbers[6] = {1, 2, 3, 4, 5, 6};
  const View view{.shape = {2, 3}, .dtype = DType::f32, .data = numbers};
  CHECK(view.size() == 6);
  CHECK(view.span<float>()[5] == 6);
  view.f32()[0] = 7;
  CHECK(numbers[0] == 7);
}
