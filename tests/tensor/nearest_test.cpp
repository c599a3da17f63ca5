#include "tensor/nearest.h"

#include <doctest/doctest.h>

using namespace sparlet;

TEST_CASE("nearest: the least number of edits, nothing where nothing is near") {
  const std::vector<std::string_view> known = {"conv2d", "linear", "relu", "relu6"};
  CHECK(nearest("conv3d", known) == "conv2d");
  CHECK(nearest("liner", known) == "linear");
  CHECK(nearest("rel", known) == "relu");
  CHECK(nearest("relu6", known) == "relu6");
  CHECK(nearest("gru_cell_with_peepholes", std::vector<std::string_view>{}) == "");
  CHECK(nearest("xyzzyx", known) == "");
}

TEST_CASE("nearest: as part of a message") {
  const std::vector<std::string> known = {"epochs", "batch"};
  CHECK(did_you_mean("epoch", known) == "; did you mean 'epochs'?");
  CHECK(did_you_mean("momentum_of_inertia", known) == "");
}
