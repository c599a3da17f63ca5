#include "search/classifier.h"

#include <doctest/doctest.h>

#include <cmath>

#include "search/normal.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

// A number, a conditional one that is active in half the points, a category.
const std::vector<Dimension> kDimensions = {
    {}, {.conditional = true}, {.category = true, .values = 3}};

struct Labelled {
  std::vector<Features> x;
  std::vector<bool> yes;
};

Labelled labelled(int n, Rng& rng) {
  Labelled data;
  for (int i = 0; i < n; ++i) {
    const bool active = rng.uniform() < 0.5;
    data.x.push_back({{rng.uniform(), active ? rng.uniform() : 0, double(rng.below(3))},
                      {1, uint8_t(active), 1}});
    const auto& x = data.x.back().x;
    data.yes.push_back(x[0] + 0.3 * x[1] + 0.1 * x[2] > 0.6);
  }
  return data;
}

GpHyper some_hyper() {
  return {
      .lengthscale = {0.4, 0.7, 1.3}, .outputscale = 3, .mean = 0.4, .arc = 0.45, .inside = 0.6};
}

}  // namespace

TEST_CASE("classifier: one label has closed forms") {
  // f ~ N(m, s): its moments given the label, and the evidence Φ(m / √(1 + s)). R & W, eq. 3.85.
  const double s = 2, m = 0.3;
  const GpHyper h{.lengthscale = {0.5}, .outputscale = s, .mean = m};
  const std::vector<Features> x = {{{0.5}, {1}}};
  const double z = m / std::sqrt(1 + s), r = log_cumulative(z).slope;
  const double mean = m + s * r / std::sqrt(1 + s), variance = s - s * s * r * (z + r) / (1 + s);
  const auto model = Classifier::with({{}}, x, {true}, h);
  CHECK(model.log_probability(x)[0] ==
        doctest::Approx(log_cumulative(mean / std::sqrt(1 + variance)).log));
  CHECK(model.log_probability({{{1e4}, {1}}})[0] == doctest::Approx(log_cumulative(z).log));
  // Priors are the same in both: what differs is the evidence.
  const double yes = classifier_objective({{}}, x, {true}, h).value;
  const double no = classifier_objective({{}}, x, {false}, h).value;
  CHECK(yes - no == doctest::Approx(log_cumulative(z).log - log_cumulative(-z).log));
}

TEST_CASE("classifier: probabilities and evidence are those of Monte Carlo") {
  // Draws of the function at four labels and two other places, weighed by how well they explain
  // the labels.
  const std::vector<Features> x = {{{0.1}, {1}}, {{0.3}, {1}},  {{0.45}, {1}},
                                   {{0.8}, {1}}, {{0.38}, {1}}, {{0.6}, {1}}};
  const std::vector<double> y = {1, 1, -1, -1};
  const GpHyper h{.lengthscale = {0.3}, .outputscale = 9, .mean = -0.4};
  const auto rows = gp_kernel({{}}, x, h);
  double lower[6][6] = {};
  for (size_t i = 0; i < 6; ++i)
    for (size_t j = 0; j <= i; ++j) {
      double sum = rows[i][j];
      for (size_t k = 0; k < j; ++k) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i == j ? std::sqrt(sum) : sum / lower[j][j];
    }
  Rng rng(1);
  double total = 0, at[2] = {0, 0};
  const int draws = 200000;
  for (int s = 0; s < draws; ++s) {
    double f[6], weight = 1, z[6];
    for (size_t i = 0; i < 6; ++i) {
      z[i] = rng.normal(), f[i] = h.mean;
      for (size_t k = 0; k <= i; ++k) f[i] += lower[i][k] * z[k];
      if (i < 4) weight *= normal_cumulative(y[i] * f[i]);
    }
    total += weight;
    for (size_t i = 0; i < 2; ++i) at[i] += weight * normal_cumulative(f[4 + i]);
  }
  const std::vector<Features> labelled(x.begin(), x.begin() + 4);
  const std::vector<bool> yes = {true, true, false, false};
  const auto p = Classifier::with({{}}, labelled, yes, h).log_probability({x[4], x[5]});
  CHECK(std::exp(p[0]) == doctest::Approx(at[0] / total).epsilon(0.02));
  CHECK(std::exp(p[1]) == doctest::Approx(at[1] / total).epsilon(0.02));
  // The evidence: by the difference to other labels, as priors are not at hand.
  const std::vector<bool> all(4, true);
  double other = 0;
  for (int s = 0; s < draws; ++s) {
    double weight = 1, z[4];
    for (size_t i = 0; i < 4; ++i) {
      z[i] = rng.normal();
      double f = h.mean;
      for (size_t k = 0; k <= i; ++k) f += lower[i][k] * z[k];
      weight *= normal_cumulative(f);
    }
    other += weight;
  }
  const double by = 4 * (classifier_objective({{}}, labelled, yes, h).value -
                         classifier_objective({{}}, labelled, all, h).value);
  CHECK(by == doctest::Approx(std::log(total / other)).epsilon(0.02));
}

TEST_CASE("classifier: gradients are those of finite differences") {
  Rng rng(4);
  const Labelled data = labelled(25, rng);
  const GpHyper h = some_hyper();
  const GpObjective at = classifier_objective(kDimensions, data.x, data.yes, h);
  const auto moved = [&](size_t k, double by) {
    GpHyper m = h;
    if (k < 3) m.lengthscale[k] *= std::exp(by);
    if (k == 3) m.outputscale *= std::exp(by);
    if (k == 5) m.mean += by;
    if (k == 6) m.arc *= std::exp(by);
    if (k == 7) m.inside += by;
    return classifier_objective(kDimensions, data.x, data.yes, m).value;
  };
  REQUIRE(at.gradient.size() == 8);
  for (size_t k = 0; k < 8; ++k) {
    CAPTURE(k);
    const double step = 1e-4, slope = (moved(k, step) - moved(k, -step)) / (2 * step);
    CHECK(at.gradient[k] == doctest::Approx(slope).epsilon(1e-4));
  }
  const auto model = Classifier::with(kDimensions, data.x, data.yes, h);
  for (const Features& point : labelled(12, rng).x) {
    const auto slope = model.log_probability_slope(point);
    CHECK(slope.log == doctest::Approx(model.log_probability({point})[0]));
    for (size_t k = 0; k < 3; ++k) {
      Features up = point, down = point;
      up.x[k] += 1e-5, down.x[k] -= 1e-5;
      const auto p = model.log_probability({up, down});
      const bool moves = k < 2 && point.active[k];
      CHECK(slope.by_feature[k] == doctest::Approx(moves ? (p[0] - p[1]) / 2e-5 : 0).epsilon(1e-4));
    }
  }
}

TEST_CASE("classifier: learns a boundary from few labels; inactive values do not matter") {
  Rng rng(9);
  const Labelled data = labelled(40, rng), fresh = labelled(300, rng);
  const auto model = Classifier::fit(kDimensions, data.x, data.yes, rng);
  const auto p = model.log_probability(fresh.x);
  int right = 0;
  double surprise = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double yes = std::exp(p[i]);
    right += (yes > 0.5) == fresh.yes[i];
    surprise -= std::log(fresh.yes[i] ? yes : 1 - yes) / double(p.size());
  }
  CHECK(right > 270);
  CHECK(surprise < 0.3);  // nats; 0.69 knows nothing
  Features odd = fresh.x[0];
  odd.active[1] = 0, odd.x[1] = 0.77;
  Features even = odd;
  even.x[1] = 0;
  CHECK(model.log_probability({odd}) == model.log_probability({even}));
  // One class alone: sure near it, not certain.
  const auto all = Classifier::fit(kDimensions, data.x, std::vector<bool>(40, true), rng);
  const double lowest = std::exp(all.log_probability({data.x[3]})[0]);
  CHECK((lowest > 0.85 && lowest < 1));
}

TEST_CASE("classifier: the same from a fit's hyperparameters; what is refused") {
  Rng rng(2);
  const Labelled data = labelled(20, rng);
  const auto fitted = Classifier::fit(kDimensions, data.x, data.yes, rng);
  const auto again = Classifier::with(kDimensions, data.x, data.yes, fitted.hyper());
  CHECK(fitted.log_probability(data.x) == again.log_probability(data.x));
  CHECK_THROWS_AS(Classifier::with(kDimensions, {}, {}, some_hyper()), Error);
  CHECK_THROWS_AS(Classifier::with(kDimensions, data.x, {true}, some_hyper()), Error);
  CHECK_THROWS_AS(Classifier::with({{}}, {{{1, 2}, {1, 1}}}, {true}, some_hyper()), Error);
}
