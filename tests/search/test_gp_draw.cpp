// GPs whose hyperparameters are drawn.
#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "gp_points.h"

using namespace sparlet;
using namespace sparlet::search;

TEST_CASE("GP: draws of hyperparameters have the moments of their posterior") {
  const std::vector<Dimension> one(1);
  std::vector<Features> x;
  for (const double at : {0.05, 0.2, 0.4, 0.55, 0.7, 0.95}) x.push_back({{at}, {1}});
  const std::vector<double> y = {-1.1, -0.2, 1.3, 1.0, 0.3, -0.7};
  Rng rng(6);
  const Gp gp = Gp::fit(one, x, y, rng, {.draws = 1000});
  REQUIRE(gp.hypers().size() == 1000);
  using Logs = std::array<double, 4>;  // of lengthscale, outputscale and noise; the mean as it is
  Logs drawn{}, squares{};
  for (const GpHyper& h : gp.hypers()) {
    const Logs at = {std::log(h.lengthscale[0]), std::log(h.outputscale), std::log(h.noise),
                     h.mean};
    for (size_t i = 0; i < 4; ++i) drawn[i] += at[i] / 1000, squares[i] += at[i] * at[i] / 1000;
  }
  // The same by sums over a grid.
  const Logs low = {-5.2, -6.9, -13.8, -5}, high = {6.9, 6.9, 0.69, 5};
  const std::array<int, 4> steps = {26, 22, 12, 16};
  Logs sums{}, sums2{};
  double all = 0;
  std::array<int, 4> i{};
  for (;;) {
    Logs at;
    for (size_t c = 0; c < 4; ++c) at[c] = low[c] + (high[c] - low[c]) * (i[c] + 0.5) / steps[c];
    const GpHyper h{.lengthscale = {std::exp(at[0])},
                    .outputscale = std::exp(at[1]),
                    .noise = std::exp(at[2]),
                    .mean = at[3]};
    const double log = 6 * gp_objective(one, x, standardised(y), h).value;
    const double mass = std::isfinite(log) ? std::exp(log + at[0] + at[1] + at[2]) : 0;
    all += mass;
    for (size_t c = 0; c < 4; ++c) sums[c] += mass * at[c], sums2[c] += mass * at[c] * at[c];
    size_t c = 0;
    while (c < 4 && ++i[c] == steps[c]) i[c++] = 0;
    if (c == 4) break;
  }
  for (size_t c = 0; c < 4; ++c) {
    CAPTURE(c);
    const double mean = sums[c] / all, deviation = std::sqrt(sums2[c] / all - mean * mean);
    CHECK(std::abs(drawn[c] - mean) < 0.15 * deviation);
    CHECK(std::sqrt(squares[c] - drawn[c] * drawn[c]) == doctest::Approx(deviation).epsilon(0.15));
  }
}

TEST_CASE("GP: a mixture has the moments of its parts, its slopes and draws are of those") {
  Rng rng(8);
  std::vector<Features> x, at, more;
  std::vector<double> y;
  for (int i = 0; i < 14; ++i) x.push_back(mixed(rng)), y.push_back(rng.normal());
  for (int i = 0; i < 4; ++i) at.push_back(mixed(rng)), more.push_back(mixed(rng));
  std::vector<GpHyper> draws;
  for (int i = 0; i < 3; ++i) draws.push_back(random_hyper(kMixed.size(), rng));
  const std::vector<double> later = {0.3, -0.2, 1, 0.5};
  const Gp mixture = Gp::with(kMixed, x, y, draws).extended(more, later);
  CHECK(mixture.hypers() == draws);
  CHECK(mixture.size() == 18);
  const std::vector<Prediction> p = mixture.predict(at);
  const std::vector<double> means = mixture.means(at);
  std::vector<double> mean(4, 0), second(4, 0);
  for (const GpHyper& h : draws) {
    const auto part = Gp::with(kMixed, x, y, h).extended(more, later).predict(at);
    for (size_t i = 0; i < 4; ++i) {
      mean[i] += part[i].mean / 3;
      second[i] += (part[i].variance + part[i].mean * part[i].mean) / 3;
    }
  }
  const auto sampled = mixture.sample(at, 6000, rng);
  REQUIRE(sampled.size() == 6000);
  for (size_t i = 0; i < 4; ++i) {
    const double variance = second[i] - mean[i] * mean[i];
    CHECK(p[i].mean == doctest::Approx(mean[i]));
    CHECK(means[i] == doctest::Approx(mean[i]));
    CHECK(p[i].variance == doctest::Approx(variance));
    double sum = 0, squares = 0;
    for (const auto& f : sampled) sum += f[i] / 6000, squares += f[i] * f[i] / 6000;
    CHECK(std::abs(sum - mean[i]) < 5 * std::sqrt(variance / 6000));
    CHECK(squares - sum * sum == doctest::Approx(variance).epsilon(0.1));
    const PredictionSlope slope = mixture.predict_slope(at[i]);
    CHECK(slope.at.mean == doctest::Approx(mean[i]));
    CHECK(slope.at.variance == doctest::Approx(variance));
    for (size_t c = 0; c < kMixed.size(); ++c) {
      if (kMixed[c].category || !at[i].active[c]) continue;
      const auto moved = [&](double step) {
        Features f = at[i];
        f.x[c] += step;
        return mixture.predict(f);
      };
      const Prediction right = moved(1e-5), left = moved(-1e-5);
      CHECK(slope.mean[c] ==
            doctest::Approx((right.mean - left.mean) / 2e-5).epsilon(1e-4).scale(1));
      CHECK(slope.variance[c] ==
            doctest::Approx((right.variance - left.variance) / 2e-5).epsilon(1e-4).scale(1));
    }
  }
}
