#include <doctest/doctest.h>

#include <Eigen/Dense>
#include <cmath>

#include "gp_oracle.h"
#include "gp_points.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

Features all_active(const std::vector<double>& x) { return {x, std::vector<uint8_t>(x.size(), 1)}; }

}  // namespace

TEST_CASE("GP: likelihood, priors, posterior and fit agree with BoTorch") {
  const std::vector<Dimension> dimensions(6);
  const GpOptions options{.prior = GpOptions::LengthPrior::gamma};
  std::vector<Features> x;
  for (const auto& row : oracle::kX) x.push_back(all_active(row));
  for (size_t k = 0; k < oracle::kFits.size(); ++k) {
    const auto& fit = oracle::kFits[k];
    const GpHyper hyper{fit.lengthscale, fit.outputscale, fit.noise, fit.mean};
    std::vector<double> y;
    for (const auto& row : oracle::kF) y.push_back(-row[k]);
    const GpObjective there = gp_objective(dimensions, x, standardised(y), hyper, options);
    CHECK(there.value == doctest::Approx(fit.objective).epsilon(1e-5));
    for (size_t i = 0; i + 1 < there.gradient.size(); ++i)
      CHECK(std::abs(there.gradient[i]) < 2e-3);

    Rng rng(1);
    const Gp fitted = Gp::fit(dimensions, x, y, rng, options);
    CHECK(gp_objective(dimensions, x, standardised(y), fitted.hyper(), options).value >
          fit.objective - 1e-4);
    const Gp given = Gp::with(dimensions, x, y, hyper);
    for (size_t i = 0; i < oracle::kTest.size(); ++i) {
      const Features at = all_active(oracle::kTest[i]);
      CHECK(given.predict(at).mean == doctest::Approx(fit.posterior_mean[i]).epsilon(1e-4));
      CHECK(given.predict(at).variance == doctest::Approx(fit.posterior_variance[i]).epsilon(1e-3));
      CHECK(fitted.predict(at).mean == doctest::Approx(fit.posterior_mean[i]).epsilon(0.02));
    }
  }
}

TEST_CASE("GP: two points by hand") {
  const GpHyper h{.lengthscale = {0.5}, .outputscale = 2, .noise = 0.1, .mean = 0.3};
  const Gp gp = Gp::with({{}}, {all_active({0}), all_active({1})}, {1, 3}, h);
  const double r = std::sqrt(5.0) * 2, k = 2 * (1 + r + r * r / 3) * std::exp(-r);
  const double h5 = std::sqrt(5.0), c = 2 * (1 + h5 + h5 * h5 / 3) * std::exp(-h5);  // at 0.5
  const double s = std::sqrt(2.0), a = 2.1, det = a * a - k * k;
  const double z0 = -1 / s - 0.3, z1 = 1 / s - 0.3;
  const double mean = 0.3 + c * ((a * z0 - k * z1) + (a * z1 - k * z0)) / det;
  const double variance = 2 - c * c * 2 * (a - k) / det;
  const Prediction p = gp.predict(all_active({0.5}));
  CHECK(p.mean == doctest::Approx(2 + s * mean));
  CHECK(p.variance == doctest::Approx(2 * variance));
}

TEST_CASE("GP: gradients equal finite differences, masks and categories included") {
  Rng rng(4);
  std::vector<Features> x;
  std::vector<double> y;
  for (int i = 0; i < 20; ++i) {
    x.push_back(mixed(rng));
    y.push_back(rng.normal());
  }
  for (const auto prior : {GpOptions::LengthPrior::gamma, GpOptions::LengthPrior::scaled}) {
    const GpOptions options{.prior = prior};
    const GpHyper h = random_hyper(kMixed.size(), rng);
    const GpObjective at = gp_objective(kMixed, x, y, h, options);
    REQUIRE(at.gradient.size() == 11);
    for (size_t i = 0; i < at.gradient.size(); ++i) {
      const auto moved = [&](double step) {
        GpHyper m = h;
        if (i < 6) m.lengthscale[i] *= std::exp(step);
        if (i == 6) m.outputscale *= std::exp(step);
        if (i == 7) m.noise *= std::exp(step);
        if (i == 8) m.mean += step;
        if (i == 9) m.arc *= std::exp(step);
        if (i == 10) m.inside += step;
        return gp_objective(kMixed, x, y, m, options).value;
      };
      CAPTURE(i);
      CHECK(at.gradient[i] ==
            doctest::Approx((moved(1e-5) - moved(-1e-5)) / 2e-5).epsilon(1e-5).scale(1));
    }
  }
}

TEST_CASE("GP: slopes of predictions equal finite differences; many at once equal one by one") {
  Rng rng(5);
  std::vector<Features> x, at;
  std::vector<double> y;
  for (int i = 0; i < 15; ++i) {
    x.push_back(mixed(rng));
    y.push_back(3 + 10 * rng.normal());
  }
  const Gp gp = Gp::with(kMixed, x, y, random_hyper(kMixed.size(), rng));
  for (int i = 0; i < 8; ++i) at.push_back(mixed(rng));
  const std::vector<Prediction> all = gp.predict(at);
  for (size_t i = 0; i < at.size(); ++i) {
    const PredictionSlope slope = gp.predict_slope(at[i]);
    CHECK(slope.at.mean == doctest::Approx(all[i].mean));
    CHECK(slope.at.variance == doctest::Approx(all[i].variance));
    CHECK(gp.predict(at[i]).mean == doctest::Approx(all[i].mean));
    for (size_t d = 0; d < kMixed.size(); ++d) {
      if (kMixed[d].category || !at[i].active[d]) {
        CHECK(slope.mean[d] == 0);
        continue;
      }
      Features low = at[i], high = at[i];
      low.x[d] -= 1e-5, high.x[d] += 1e-5;
      const Prediction a = gp.predict(low), b = gp.predict(high);
      CHECK(slope.mean[d] == doctest::Approx((b.mean - a.mean) / 2e-5).epsilon(1e-5).scale(1));
      CHECK(slope.variance[d] ==
            doctest::Approx((b.variance - a.variance) / 2e-5).epsilon(1e-5).scale(10));
    }
  }
}

TEST_CASE("GP: appended rows give what conditioning anew gives; known noise counts by point") {
  Rng rng(12);
  std::vector<Features> x;
  std::vector<double> y;
  for (int i = 0; i < 20; ++i) {
    x.push_back(mixed(rng));
    y.push_back(rng.normal());
  }
  // Output scale and centre are the first points', so let them be 0 and 1 of all.
  y = standardised(y);
  const std::vector<double> first = standardised({y.begin(), y.begin() + 12});
  y = first;
  for (int i = 12; i < 20; ++i) y.push_back(0);
  const GpHyper h = random_hyper(kMixed.size(), rng);
  const std::vector<Features> head(x.begin(), x.begin() + 12), tail(x.begin() + 12, x.end());
  const Gp grown = Gp::with(kMixed, head, first, h).extended(tail, std::vector<double>(8, 0.0));
  // The same by hand: one solve with the whole kernel matrix.
  const auto rows = gp_kernel(kMixed, x, h);
  const Features at = mixed(rng);
  std::vector<Features> with_at = x;
  with_at.push_back(at);
  const auto all = gp_kernel(kMixed, with_at, h);
  Eigen::MatrixXd k(20, 20);
  Eigen::VectorXd c(20), centred(20);
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 20; ++j) k(i, j) = rows[size_t(i)][size_t(j)] + (i == j ? h.noise : 0);
    c[i] = all[20][size_t(i)];
    centred[i] = y[size_t(i)] - h.mean;
  }
  const Eigen::VectorXd solved = k.llt().solve(c);
  CHECK(grown.predict(at).mean == doctest::Approx(h.mean + solved.dot(centred)));
  CHECK(grown.predict(at).variance == doctest::Approx(h.outputscale - solved.dot(c)));

  const std::vector<Features> two = {all_active({0.1}), all_active({0.9})};
  Rng one(1);
  const Gp noisy = Gp::fit({{}}, two, {0, 1}, one, {.noise = {4, 1e-8}});
  CHECK(std::abs(noisy.predict(two[1]).mean - 1) < std::abs(noisy.predict(two[0]).mean - 0));
  CHECK_THROWS_AS(Gp::fit({{}}, two, {0, 1}, one, {.noise = {4}}), Error);
}

TEST_CASE("GP: the kernel is positive semidefinite under any mask, and blind to inactive values") {
  Rng rng(6);
  for (int round = 0; round < 20; ++round) {
    std::vector<Features> x;
    for (int i = 0; i < 60; ++i) x.push_back(mixed(rng));
    const GpHyper h = random_hyper(kMixed.size(), rng);
    const auto rows = gp_kernel(kMixed, x, h);
    Eigen::MatrixXd k(60, 60);
    for (int i = 0; i < 60; ++i)
      for (int j = 0; j < 60; ++j) k(i, j) = rows[size_t(i)][size_t(j)];
    CHECK((k - k.transpose()).norm() == 0);
    CHECK(k.selfadjointView<Eigen::Lower>().eigenvalues().minCoeff() > -1e-9 * h.outputscale);
    for (Features& f : x)
      for (size_t c = 0; c < kMixed.size(); ++c)
        if (!f.active[c]) f.x[c] = 0.7;
    CHECK(gp_kernel(kMixed, x, h) == rows);
  }
}

TEST_CASE("GP: the kernel of a conditional number is the formula of gp.h") {
  const std::vector<Dimension> one = {{.conditional = true}};
  const Features a{.x = {0.2}, .active = {1}}, b{.x = {0.9}, .active = {1}};
  const Features off{.x = {0.3}, .active = {0}};
  for (const double inside : {0.0, 0.4, 1.0}) {
    const GpHyper h{.lengthscale = {0.7}, .outputscale = 2.5, .arc = 0.6, .inside = inside};
    const double angle = M_PI * h.arc, radius = 1 / (angle * h.lengthscale[0]);
    const auto matern = [&](double squared) {
      const double r = std::sqrt(5 * squared);
      return h.outputscale * (1 + r + r * r / 3) * std::exp(-r);
    };
    const auto k = gp_kernel(one, {a, b, off, off}, h);
    const auto apart = [&](double x) {
      return radius * radius * (1 + inside * inside - 2 * inside * std::cos(angle * (x - 0.5)));
    };
    CHECK(k[0][1] == doctest::Approx(matern(2 * radius * radius * (1 - std::cos(angle * 0.7)))));
    CHECK(k[0][2] == doctest::Approx(matern(apart(0.2))));
    CHECK(k[1][2] == doctest::Approx(matern(apart(0.9))));
    CHECK(k[2][3] == doctest::Approx(h.outputscale));
  }
}

TEST_CASE("GP: learns a function, ignores what does not matter, knows its noise") {
  const std::vector<Dimension> dimensions(3);
  Rng rng(8);
  std::vector<Features> x;
  std::vector<double> y;
  const auto f = [](const Features& at) { return 100 + 5 * std::sin(4 * at.x[0]) + 3 * at.x[1]; };
  for (int i = 0; i < 80; ++i) {
    x.push_back(all_active({rng.uniform(), rng.uniform(), rng.uniform()}));
    y.push_back(f(x.back()) + 0.2 * rng.normal());
  }
  const Gp gp = Gp::fit(dimensions, x, y, rng);
  CHECK(gp.hyper().lengthscale[2] > 3 * gp.hyper().lengthscale[0]);
  double squares = 0, deviation = 0, mean = 0;
  for (double v : y) mean += v / 80;
  for (double v : y) deviation += (v - mean) * (v - mean) / 79;
  for (int i = 0; i < 200; ++i) {
    const Features at = all_active({rng.uniform(), rng.uniform(), rng.uniform()});
    const Prediction p = gp.predict(at);
    squares += (p.mean - f(at)) * (p.mean - f(at)) / 200;
    CHECK(p.variance > 0);
  }
  CHECK(std::sqrt(squares) < 0.2);
  CHECK(std::sqrt(gp.hyper().noise * deviation) == doctest::Approx(0.2).epsilon(0.3));
}

TEST_CASE("GP: joint draws have the posterior's mean, variance and correlation") {
  Rng rng(9);
  std::vector<Features> x = {all_active({0.1}), all_active({0.5}), all_active({0.9})};
  const Gp gp = Gp::with({{}}, x, {0, 2, 1}, {.lengthscale = {0.3}, .noise = 1e-3});
  const std::vector<Features> at = {all_active({0.3}), all_active({0.31}), all_active({0.7})};
  const auto draws = gp.sample(at, 4000, rng);
  double near = 0, far = 0;
  for (size_t i = 0; i < at.size(); ++i) {
    double mean = 0, variance = 0;
    for (const auto& draw : draws) mean += draw[i] / 4000;
    for (const auto& draw : draws) variance += (draw[i] - mean) * (draw[i] - mean) / 3999;
    const Prediction p = gp.predict(at[i]);
    CHECK(std::abs(mean - p.mean) < 5 * std::sqrt(p.variance / 4000));
    CHECK(variance == doctest::Approx(p.variance).epsilon(0.1));
  }
  for (const auto& draw : draws) {
    near += std::abs(draw[0] - draw[1]) / 4000;
    far += std::abs(draw[0] - draw[2]) / 4000;
  }
  CHECK(near < far / 4);
}

TEST_CASE("GP: extension is conditioning, seeds repeat, bad input is told") {
  Rng rng(10);
  const std::vector<Features> x = {all_active({0.2}), all_active({0.8})};
  const GpHyper h{.lengthscale = {0.3}, .noise = 1e-4};
  const Gp gp = Gp::with({{}}, x, {1, 2}, h);
  const Gp more = gp.extended({all_active({0.5})}, {5});
  CHECK(more.size() == 3);
  CHECK(more.predict(all_active({0.5})).mean == doctest::Approx(5).epsilon(1e-2));
  CHECK(more.predict(all_active({0.5})).variance < gp.predict(all_active({0.5})).variance / 10);
  Rng one(3), two(3);
  CHECK(Gp::fit({{}}, x, {1, 2}, one).hyper() == Gp::fit({{}}, x, {1, 2}, two).hyper());
  const Gp flat = Gp::fit({{}}, x, {4, 4}, rng);  // no spread
  CHECK(flat.predict(all_active({0.5})).mean == doctest::Approx(4));
  CHECK_THROWS_AS(Gp::fit({{}}, {}, {}, rng), Error);
  CHECK_THROWS_AS(Gp::fit({{}}, x, {1}, rng), Error);
  CHECK_THROWS_AS(Gp::fit({{}}, x, {1, NAN}, rng), Error);
  CHECK_THROWS_AS(Gp::with({{}, {}}, x, {1, 2}, h), Error);
}
