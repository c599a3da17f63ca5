#include "tensor/error.h"

#include <doctest/doctest.h>

using namespace sparlet;

TEST_CASE("error: fail and require throw a formatted message") {
  CHECK_THROWS_WITH_AS(fail("{}: found {}, wanted {}", "c1", 3, 5), "c1: found 3, wanted 5", Error);
  CHECK_THROWS_WITH_AS(require(false, "{}", "no"), "no", Error);
  CHECK_NOTHROW(require(true, "{}", "no"));
}

TEST_CASE("error: it is a std::runtime_error, so that a host may catch what it knows") {
  CHECK_THROWS_AS(fail("x"), std::runtime_error);
}
