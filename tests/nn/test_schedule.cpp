#include <doctest/doctest.h>

#include <cmath>

#include "nn/train.h"
#include "tensor/error.h"

using namespace sparlet;

TEST_CASE("multistep, flat-cosine and restarts") {
  const Schedule steps = MultiStep{.at = {10, 20, 20}, .gamma = 0.5};
  CHECK(factor(steps, 9, 100) == 1);
  CHECK(factor(steps, 10, 100) == 0.5);
  CHECK(factor(steps, 99, 100) == 0.125);

  const Schedule flat = FlatCosine{.flat = 0.6, .final_factor = 0.2};
  CHECK(factor(flat, 0, 100) == 1);
  CHECK(factor(flat, 60, 100) == 1);
  CHECK(factor(flat, 80, 100) == doctest::Approx(0.6));
  CHECK(factor(flat, 100, 100) == doctest::Approx(0.2));

  const Schedule cycles = Restarts{.first = 10, .multiply = 2};
  CHECK(factor(cycles, 0, 0) == 1);
  CHECK(factor(cycles, 5, 0) == doctest::Approx(0.5));
  CHECK(factor(cycles, 10, 0) == 1);
  CHECK(factor(cycles, 20, 0) == doctest::Approx(0.5));
  CHECK(factor(cycles, 30, 0) == 1);
  CHECK(factor(cycles, 29, 0) < 0.01);
}

// torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=20), printed by PyTorch 1.13.
TEST_CASE("one-cycle as PyTorch's") {
  const Schedule one = OneCycle{};
  CHECK(factor(one, 0, 20) == doctest::Approx(0.04));
  CHECK(factor(one, 5, 20) == doctest::Approx(1.0));
  CHECK(factor(one, 2, 20) == doctest::Approx(0.371672));
  CHECK(factor(one, 12, 20) == doctest::Approx(0.5));
  CHECK(factor(one, 19, 20) == doctest::Approx(4e-6));
}

TEST_CASE("warm-up rises in equal parts; the schedule runs over the rest") {
  const Schedule cosine = Cosine{};
  CHECK(factor(cosine, 0, 110, 10) == doctest::Approx(0.1));
  CHECK(factor(cosine, 9, 110, 10) == 1);
  CHECK(factor(cosine, 10, 110, 10) == 1);
  CHECK(factor(cosine, 60, 110, 10) == doctest::Approx(0.5));
  CHECK(factor(cosine, 7, 110, 0) == factor(cosine, 7, 110));
}

TEST_CASE("reduce on plateau: after `patience` epochs without a lower error, never below `least`") {
  const ReduceOnPlateau rule{.gamma = 0.1, .patience = 1, .least = 0.005};
  Plateau now;
  std::vector<double> factors;
  for (const double error : {0.5, 0.4, 0.4, 0.4, 0.45, 0.4, 0.4, 0.4, 0.4, 0.3}) {
    now = after_epoch(rule, now, error);
    factors.push_back(now.factor);
  }
  const std::vector<double> wanted{1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.005, 0.005, 0.005};
  for (size_t i = 0; i < wanted.size(); ++i) CHECK(factors[i] == doctest::Approx(wanted[i]));
  CHECK(factor(rule, 50, 100) == 1);
}

TEST_CASE("schedules out of range are errors") {
  CHECK_THROWS_AS(check(MultiStep{.at = {5, 3}}), Error);
  CHECK_THROWS_AS(check(OneCycle{.rise = 1.5}), Error);
  CHECK_THROWS_AS(check(Restarts{.first = 0}), Error);
  CHECK_THROWS_AS(check(Restarts{.multiply = 0.5}), Error);
  CHECK_THROWS_AS(check(FlatCosine{.flat = -1}), Error);
  CHECK_THROWS_AS(check(ReduceOnPlateau{.patience = -1}), Error);
  check(ReduceOnPlateau{});
}
