#include "bo/problems.h"

#include <fmt/format.h>

#include <cmath>

#include "tensor/error.h"

namespace bo {

namespace {

Space cube(int d) {
  std::vector<Parameter> p;
  for (int i = 1; i <= d; ++i) p.push_back({.name = fmt::format("x{}", i)});
  return Space(p);
}

std::vector<Objective> objectives(Values references) {
  std::vector<Objective> list;
  for (size_t k = 0; k < references.size(); ++k)
    list.push_back({.name = fmt::format("f{}", k + 1), .reference = references[k], .ideal = NAN});
  return list;
}

std::vector<double> coordinates(const Point& p) {
  std::vector<double> x;
  for (size_t i = 1; p.has(fmt::format("x{}", i)); ++i)
    x.push_back(p.number(fmt::format("x{}", i)));
  return x;
}

TestProblem continuous(int d, Values references,
                       std::function<Values(const std::vector<double>&)> f, double best) {
  return {{cube(d), objectives(std::move(references))},
          [f](const Point& p) { return f(coordinates(p)); },
          best};
}

Values branin_currin(const std::vector<double>& x) {
  const double a = 15 * x[0] - 5, b = 15 * x[1], pi = M_PI;
  const double t = b - 5.1 / (4 * pi * pi) * a * a + 5 / pi * a - 6;
  const double shape = x[1] > 0 ? 1 - std::exp(-1 / (2 * x[1])) : 1, c = x[0];
  return {t * t + 10 * (1 - 1 / (8 * pi)) * std::cos(a) + 10,
          shape * (2300 * c * c * c + 1900 * c * c + 2092 * c + 60) /
              (100 * c * c * c + 500 * c * c + 4 * c + 20)};
}

std::function<Values(const std::vector<double>&)> dtlz2(size_t m) {
  return [m](const std::vector<double>& x) {
    double g = 0;
    for (size_t i = m - 1; i < x.size(); ++i) g += (x[i] - 0.5) * (x[i] - 0.5);
    Values f(m, 1 + g);
    for (size_t k = 0; k < m; ++k) {
      for (size_t j = 0; j + k + 1 < m; ++j) f[k] *= std::cos(M_PI / 2 * x[j]);
      if (k > 0) f[k] *= std::sin(M_PI / 2 * x[m - 1 - k]);
    }
    return f;
  };
}

Values zdt1(const std::vector<double>& x) {
  double sum = 0;
  for (size_t i = 1; i < x.size(); ++i) sum += x[i];
  const double g = 1 + 9 * sum / double(x.size() - 1);
  return {x[0], g * (1 - std::sqrt(x[0] / g))};
}

// --- a chain CNN on 32x32x3, 10 classes, int8

Space nas_space() {
  std::vector<Parameter> p = {{.name = "blocks", .kind = Kind::integer, .low = 1, .high = 4}};
  for (int b = 1; b <= 4; ++b) {
    const auto name = [&](const char* what) { return fmt::format("b{}_{}", b, what); };
    const std::string when = fmt::format("blocks >= {}", b);
    p.push_back({.name = name("type"),
                 .kind = Kind::choice,
                 .values = {"conv", "separable", "bottleneck"},
                 .when = when});
    p.push_back(
        {.name = name("filters"), .kind = Kind::log_integer, .low = 2, .high = 64, .when = when});
    p.push_back({.name = name("kernel"),
                 .kind = Kind::integer,
                 .low = 1,
                 .high = 5,
                 .step = 2,
                 .when = when});
    p.push_back({.name = name("stride"), .kind = Kind::integer, .low = 1, .high = 2, .when = when});
    p.push_back({.name = name("ratio"),
                 .low = 0.25,
                 .high = 0.75,
                 .when = fmt::format("{} and b{}_type == bottleneck", when, b)});
  }
  p.push_back({.name = "dense", .kind = Kind::flag});
  p.push_back(
      {.name = "units", .kind = Kind::log_integer, .low = 8, .high = 128, .when = "dense == 1"});
  p.push_back({.name = "rate", .kind = Kind::log_real, .low = 1e-4, .high = 1e-1});
  p.push_back({.name = "schedule", .kind = Kind::choice, .values = {"constant", "step", "cosine"}});
  p.push_back({.name = "dropout", .low = 0, .high = 0.5});
  p.push_back({.name = "prune", .low = 0, .high = 0.95});
  return Space(p);
}

// Exact costs, and what the made-up error is made of.
struct Nas {
  double weights = 500, memory = 0, macs = 0, capacity = 0, map = 32;

  explicit Nas(const Point& p) {
    double channels = 3;
    for (int b = 1; b <= p.integer("blocks"); ++b) {
      const auto name = [&](const char* what) { return fmt::format("b{}_{}", b, what); };
      const std::string type = p.word(name("type"));
      const double filters = p.number(name("filters")), k = p.number(name("kernel"));
      const double out = std::ceil(map / p.number(name("stride")));
      const double ratio = p.number(name("ratio"), 1), inner = std::ceil(filters * ratio);
      double w = channels * filters * k * k, peak = map * map * channels + out * out * filters;
      double quality = 1;
      if (type == "separable") w = channels * k * k + channels * filters, quality = 0.85;
      if (type == "bottleneck")
        w = channels * inner + inner * inner * k * k + inner * filters, quality = 0.7 + 0.2 * ratio;
      weights += w;
      macs += w * out * out;
      memory = std::max(memory, peak);
      capacity += quality * std::log2(1 + filters) * (k == 1 ? 0.5 : k == 3 ? 1 : 1.1);
      channels = filters;
      map = out;
    }
    if (p.flag("dense", false)) {
      const double w = (channels + 10) * p.number("units");
      weights += w, macs += w, capacity += 0.3 * std::log2(p.number("units"));
    } else {
      weights += 10 * channels, macs += 10 * channels;
    }
    weights *= 1 - 0.9 * p.number("prune");
  }
};

double nas_error(const Point& p) {
  const Nas n(p);
  const double prune = p.number("prune"), blocks = p.number("blocks");
  const double capacity = n.capacity * (1 - 0.7 * std::pow(prune, 4));
  const std::string schedule = p.word("schedule");
  const double best_rate = -1.7 - 0.25 * blocks + (schedule == "cosine" ? 0.3 : 0);
  const double off = std::log10(p.number("rate")) - best_rate;
  const double drop = p.number("dropout") - std::min(0.45, 0.02 * capacity);
  double right = 1 - 0.8 * std::exp(-capacity / 7);
  right *= 1 - 0.5 * (1 - std::exp(-off * off / 0.4));
  right *= 1 - 0.8 * drop * drop;
  right *= 1 - 0.06 * std::abs(std::log2(n.map / 6));
  right *= schedule == "constant" ? 0.97 : schedule == "step" ? 0.99 : 1;
  return 1 - 0.97 * right;
}

TestProblem nas() {
  const auto exact = [](const Point& p) {
    const Nas n(p);
    return std::optional(std::vector<double>{NAN, n.weights, n.memory, n.macs});
  };
  const auto log = [](const char* name, double reference, double ideal) {
    return Objective{.name = name, .reference = reference, .ideal = ideal, .logarithmic = true};
  };
  return {{nas_space(),
           {{.name = "error", .reference = 0.6},
            log("size", 64000, 256),
            log("memory", 64000, 1024),
            log("macs", 1e7, 1e4)},
           {true, false, false, false},
           exact},
          [exact](const Point& p) {
            Values f = *exact(p);
            f[0] = nas_error(p);
            return f;
          }};
}

// --- 4 families of 9 parameters, 3 for all; in each family 4 only where it is deep

Space hierarchical_space() {
  std::vector<Parameter> p = {
      {.name = "family", .kind = Kind::choice, .values = {"a", "b", "c", "d"}}};
  for (int i = 1; i <= 3; ++i) p.push_back({.name = fmt::format("s{}", i)});
  for (const char family : {'a', 'b', 'c', 'd'}) {
    const std::string when = fmt::format("family == {}", family);
    p.push_back({.name = fmt::format("{}_deep", family), .kind = Kind::flag, .when = when});
    for (int i = 1; i <= 8; ++i)
      p.push_back({.name = fmt::format("{}{}", family, i),
                   .when = i <= 4 ? when : fmt::format("{} and {}_deep == 1", when, family)});
  }
  return Space(p);
}

TestProblem hierarchical() {
  const auto f = [](const Point& p) {
    const char family = p.word("family")[0];
    const int number = family - 'a';
    double value = 0.15 * ((number + 2) % 4);  // c is the best family
    for (int i = 1; i <= 3; ++i)
      value += std::pow(p.number(fmt::format("s{}", i)) - 0.2 * i - 0.05 * number, 2);
    const bool deep = p.flag(fmt::format("{}_deep", family), false);
    if (!deep) value += 0.3;
    for (int i = 1; i <= (deep ? 8 : 4); ++i) {
      const double target = std::fmod(0.37 * i + 0.21 * number, 1.0);
      value += 0.7 * std::pow(p.number(fmt::format("{}{}", family, i)) - target, 2);
    }
    return Values{value};
  };
  return {{hierarchical_space(), {{.name = "f", .reference = 10, .ideal = 0}}}, f, 0};
}

}  // namespace

std::vector<std::string> problem_names() {
  return {"branin_currin", "dtlz2_6_2", "zdt1_6", "dtlz2_8_4", "nas", "hierarchical"};
}

TestProblem problem_of(const std::string& name) {
  if (name == "branin_currin") return continuous(2, {18, 6}, branin_currin, 59.36011874867746);
  if (name == "dtlz2_6_2") return continuous(6, {1.1, 1.1}, dtlz2(2), 0.424602);
  if (name == "zdt1_6") return continuous(6, {11, 11}, zdt1, 120.666667);
  if (name == "dtlz2_8_4") return continuous(8, {1.1, 1.1, 1.1, 1.1}, dtlz2(4), 1.155675);
  if (name == "nas") return nas();
  if (name == "hierarchical") return hierarchical();
  fail("problem '{}': not known", name);
}

TestProblem all_learnt(TestProblem p) {
  p.problem.learned.clear();
  p.problem.known = {};
  return p;
}

TestProblem flat(TestProblem p) {
  std::vector<Parameter> parameters = p.problem.space.parameters();
  for (Parameter& parameter : parameters) parameter.when.clear();
  p.problem.space = Space(parameters, p.problem.space.constraints());
  return p;
}

}  // namespace bo
