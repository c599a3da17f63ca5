#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "nn/loss.h"
#include "tensor/error.h"
#include "tensor/kernels/update.h"
#include "toy.h"

using namespace sparlet;
using test::view;

namespace {

Tensor normal(const Shape& shape, uint64_t seed) {
  Rng rng(seed);
  Tensor tensor(shape);
  for (float& v : tensor.write()) v = float(rng.normal());
  return tensor;
}

// dy against central differences of the value.
void check_gradient(Tensor y, const std::function<float(View, View)>& loss) {
  Tensor dy(y.shape());
  loss(view(y), view(dy));
  const float h = 1e-2f;
  for (size_t i = 0; i < size_t(y.size()); ++i) {
    Tensor up = y, down = y;
    up.write()[i] += h;
    down.write()[i] -= h;
    const double slope = (double(loss(view(up), {})) - loss(view(down), {})) / (2 * h);
    CHECK(dy.read()[i] == doctest::Approx(slope).epsilon(0.002).scale(0.1));
  }
}

}  // namespace

TEST_CASE("cross-entropy: closed forms") {
  const std::vector<int32_t> labels{0, 2};
  Tensor even(Shape{2, 4});
  CHECK(cross_entropy(view(even), labels, {}, {}) == doctest::Approx(std::log(4.0)));
  CHECK(cross_entropy(view(even), labels, {.label_smoothing = 0.3f}, {}) ==
        doctest::Approx(std::log(4.0)));

  // Rows e^z = (1, 3) and (1, 1): -log(1/4), -log(1/2).
  Tensor y(Shape{2, 2}, {0, std::log(3.f), 5, 5});
  const std::vector<int32_t> two{0, 1};
  Tensor dy(y.shape());
  CHECK(cross_entropy(view(y), two, {}, view(dy)) ==
        doctest::Approx((std::log(4.0) + std::log(2.0)) / 2));
  CHECK(dy.read()[0] == doctest::Approx((0.25 - 1) / 2));
  CHECK(dy.read()[1] == doctest::Approx(0.75 / 2));
  CHECK(dy.read()[3] == doctest::Approx(-0.5 / 2));
  // Smoothed by 0.2: targets (0.9, 0.1) and (0.1, 0.9).
  const double first = -0.9 * std::log(0.25) - 0.1 * std::log(0.75);
  CHECK(cross_entropy(view(y), two, {.label_smoothing = 0.2f}, view(dy)) ==
        doctest::Approx((first + std::log(2.0)) / 2));
  CHECK(dy.read()[0] == doctest::Approx((0.25 - 0.9) / 2));
  CHECK(dy.read()[1] == doctest::Approx((0.75 - 0.1) / 2));
}

TEST_CASE("cross-entropy of huge logits is finite and right") {
  Tensor y(Shape{1, 3}, {1e4f, 0, -1e4f});
  const std::vector<int32_t> best{0}, worst{2};
  Tensor dy(y.shape());
  CHECK(cross_entropy(view(y), best, {}, view(dy)) == 0);
  CHECK(cross_entropy(view(y), worst, {}, view(dy)) == doctest::Approx(2e4));
  CHECK(dy.read()[0] == 1);
  CHECK(dy.read()[2] == -1);
}

TEST_CASE("gradients of the losses agree with finite differences") {
  const Tensor y = normal({3, 5}, 4);
  const std::vector<int32_t> labels{4, 0, 2};
  check_gradient(y, [&](View a, View d) { return cross_entropy(a, labels, {}, d); });
  check_gradient(
      y, [&](View a, View d) { return cross_entropy(a, labels, {.label_smoothing = 0.1f}, d); });
  check_gradient(y, [&](View a, View d) { return mean_squared_error(a, labels, d); });
  const CrossEntropy weighed{.label_smoothing = 0.2f, .class_weights = {1, 2, 0.5f, 0, 3}};
  check_gradient(y, [&](View a, View d) { return cross_entropy(a, labels, weighed, d); });
  check_gradient(y, [&](View a, View d) { return binary_cross_entropy(a, labels, d); });
  Tensor teacher = normal({3, 5}, 10);
  check_gradient(y, [&](View a, View d) {
    return distillation(a, labels, view(teacher), {.alpha = 0.7f, .temperature = 2}, d);
  });
  Tensor target = normal({3, 5}, 9);
  check_gradient(y, [&](View a, View d) { return mean_squared_error(a, view(target), d); });
}

TEST_CASE("mean squared error: against labels it is against one-hot targets") {
  Tensor y = normal({2, 3}, 1), target(Shape{2, 3}, {0, 1, 0, 1, 0, 0});
  const std::vector<int32_t> labels{1, 0};
  Tensor a(y.shape()), b(y.shape());
  CHECK(mean_squared_error(view(y), labels, view(a)) ==
        mean_squared_error(view(y), view(target), view(b)));
  CHECK(a == b);
  Tensor zero(Shape{2, 3});
  CHECK(mean_squared_error(view(zero), labels, {}) == doctest::Approx(2.0 / 6));
  CHECK(loss(MeanSquaredError{}, view(zero), labels, {}) == doctest::Approx(2.0 / 6));
  CHECK(loss(CrossEntropy{}, view(zero), labels, {}) == doctest::Approx(std::log(3.0)));
}

TEST_CASE("weights of one are no weights; binary cross-entropy of huge logits is finite") {
  Tensor y = normal({4, 3}, 7), a(y.shape()), b(y.shape());
  const std::vector<int32_t> labels{0, 2, 1, 2};
  const float plain = cross_entropy(view(y), labels, {.label_smoothing = 0.1f}, view(a));
  CHECK(cross_entropy(view(y), labels, {.label_smoothing = 0.1f, .class_weights = {1, 1, 1}},
                      view(b)) == doctest::Approx(plain));
  for (size_t i = 0; i < 12; ++i) CHECK(a.read()[i] == doctest::Approx(b.read()[i]).epsilon(1e-4));
  Tensor huge(Shape{1, 2}, {1e4f, -1e4f}), d(Shape{1, 2});
  CHECK(binary_cross_entropy(view(huge), std::vector<int32_t>{0}, view(d)) == 0);
  CHECK(binary_cross_entropy(view(huge), std::vector<int32_t>{1}, view(d)) == doctest::Approx(1e4));
  CHECK(d.read()[0] == doctest::Approx(0.5));
}

TEST_CASE("labels and shapes that do not fit are errors") {
  Tensor y(Shape{2, 3});
  CHECK_THROWS_AS(cross_entropy(view(y), std::vector<int32_t>{0, 3}, {}, {}), Error);
  CHECK_THROWS_AS(cross_entropy(view(y), std::vector<int32_t>{0, -1}, {}, {}), Error);
  CHECK_THROWS_AS(cross_entropy(view(y), std::vector<int32_t>{0}, {}, {}), Error);
}

TEST_CASE("schedules") {
  CHECK(factor(Constant{}, 77, 100) == 1);
  const Schedule step = Step{.size = 10, .gamma = 0.5};
  CHECK(factor(step, 0, 100) == 1);
  CHECK(factor(step, 9, 100) == 1);
  CHECK(factor(step, 10, 100) == 0.5);
  CHECK(factor(step, 35, 100) == 0.125);
  const Schedule cosine = Cosine{.final_factor = 0.1};
  CHECK(factor(cosine, 0, 100) == 1);
  CHECK(factor(cosine, 50, 100) == doctest::Approx(0.55));
  CHECK(factor(cosine, 100, 100) == doctest::Approx(0.1));
  CHECK(factor(Cosine{}, 25, 100) == doctest::Approx(0.5 * (1 + std::sqrt(0.5))));
}

namespace {

// One weight, two steps with gradients 0.5 and -1, rate 0.1, from 1.
double two_steps(const UpdateRule& rule) {
  float weight = 1, slots[2] = {0, 0};
  for (int t = 1; t <= 2; ++t) {
    const float grad = t == 1 ? 0.5f : -1.f;
    update(rule, {&weight, &grad, {&slots[0], &slots[1]}, 1, 0.1f, t});
  }
  return weight;
}

}  // namespace

TEST_CASE("update rules: two steps by hand") {
  CHECK(two_steps(rule_of(Sgd{})) == doctest::Approx(1 - 0.05 + 0.1));
  CHECK(two_steps(rule_of(Sgd{.momentum = 0.9f})) ==
        doctest::Approx(1 - 0.05 - 0.1 * (0.9 * 0.5 - 1)));
  // d + m v: 0.5 + 0.45, then v = 0.45 - 1 and d + m v = -1 - 0.495
  CHECK(two_steps(rule_of(Sgd{.momentum = 0.9f, .nesterov = true})) ==
        doctest::Approx(1 - 0.095 + 0.1495));
  CHECK(two_steps(rule_of(Sgd{.weight_decay = 0.5f})) == doctest::Approx(0.9 - 0.1 * (-1 + 0.45)));
  CHECK(two_steps(rule_of(Sgd{.momentum = 0.9f, .weight_decay = 0.2f, .decoupled = true})) ==
        doctest::Approx((0.98 - 0.05) * 0.98 - 0.1 * (0.9 * 0.5 - 1)));
  // Adam's first step is rate × sign(g).
  const double m = (0.1 * 0.9 * 0.5 - 0.1) / (1 - 0.81);
  const double v = (0.001 * 0.999 * 0.25 + 0.001) / (1 - 0.999 * 0.999);
  const double second = 0.1 * m / std::sqrt(v);
  CHECK(two_steps(rule_of(Adam{})) == doctest::Approx(0.9 - second));
  CHECK(two_steps(rule_of(AdamW{.weight_decay = 0.2f})) ==
        doctest::Approx((0.98 - 0.1) * 0.98 - second));
  // RMSprop, alpha 0.9: v = 0.025, then 0.1225
  const double r1 = 0.5 / std::sqrt(0.025), r2 = -1 / std::sqrt(0.1225);
  CHECK(two_steps(rule_of(RmsProp{.alpha = 0.9f})) == doctest::Approx(1 - 0.1 * (r1 + r2)));
  CHECK(two_steps(rule_of(RmsProp{.alpha = 0.9f, .momentum = 0.5f})) ==
        doctest::Approx(1 - 0.1 * (r1 + 0.5 * r1 + r2)));
  CHECK(rule_of(RmsProp{}).slots() == 1);
  CHECK(rule_of(Sgd{}).slots() == 0);
  CHECK(rule_of(Sgd{.momentum = 0.5f}).slots() == 1);
  CHECK(rule_of(AdamW{}).slots() == 2);
  CHECK(rate_of(Adam{.rate = 0.25f}) == 0.25f);
}

TEST_CASE("update rules do not depend on where in the array a weight stands") {
  for (const Optimizer& optimizer :
       {Optimizer(Sgd{.weight_decay = 0.1f}), Optimizer(Sgd{.momentum = 0.9f, .nesterov = true}),
        Optimizer(Sgd{.momentum = 0.9f, .weight_decay = 0.1f, .decoupled = true}),
        Optimizer(Adam{.weight_decay = 0.1f}), Optimizer(AdamW{}),
        Optimizer(RmsProp{.weight_decay = 0.1f, .momentum = 0.4f})}) {
    Tensor w = normal({53}, 1), g = normal({53}, 2), a = normal({53}, 3), b(Shape{53});
    for (float& v : b.write()) v = 0.3f;
    const UpdateRule rule = rule_of(optimizer);
    Tensor one = w, slot0 = a, slot1 = b;
    for (size_t i = 0; i < 53; ++i)
      update(rule, {one.write().data() + i,
                    g.read().data() + i,
                    {slot0.write().data() + i, slot1.write().data() + i},
                    1,
                    0.01f,
                    3});
    update(rule,
           {w.write().data(), g.read().data(), {a.write().data(), b.write().data()}, 53, 0.01f, 3});
    CHECK(one == w);
    CHECK(slot0 == a);
    CHECK(slot1 == b);
  }
}
