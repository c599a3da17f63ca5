#include "sparse/distributions.h"

#include <algorithm>
#include <cmath>

#include "sparse/allocate.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::sparse {
namespace {

double raw_density(const Shape& shape, const ErdosRenyi& o) {
  double sum = 0, product = 1;
  for (int i = 0; i < (o.kernel ? shape.rank() : std::min(2, shape.rank())); ++i) {
    sum += double(shape[i]);
    product *= double(shape[i]);
  }
  return std::pow(sum / product, o.power);
}

// The factor on raw densities that spends the budget, with those marked dense; their zeros are made
// up for by the others.
double factor_of(std::span<const Weight> weights, const std::vector<double>& raw,
                 const std::vector<bool>& dense, double sparsity) {
  double budget = 0, weighed = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double n = double(weights[i].size()), zeros = std::floor(sparsity * n);
    budget += dense[i] ? -zeros : n - zeros;
    weighed += dense[i] ? 0 : raw[i] * n;
  }
  return weighed > 0 ? std::max(0.0, budget / weighed) : 0;
}

std::vector<double> spread(std::span<const Weight> weights, double sparsity, const ErdosRenyi& o) {
  std::vector<double> raw;
  for (const Weight& weight : weights) raw.push_back(raw_density(weight.shape, o));
  std::vector<bool> dense(weights.size(), false);
  double factor = 0;
  for (;;) {
    factor = factor_of(weights, raw, dense, sparsity);
    double most = 0;
    for (size_t i = 0; i < raw.size(); ++i)
      if (!dense[i]) most = std::max(most, raw[i]);
    if (factor * most <= 1) break;
    for (size_t i = 0; i < raw.size(); ++i) dense[i] = dense[i] || raw[i] == most;
  }
  std::vector<double> out;
  for (size_t i = 0; i < raw.size(); ++i) out.push_back(dense[i] ? 0 : 1 - factor * raw[i]);
  return out;
}

}  // namespace

Distribution uniform() {
  return [](std::span<const Weight> weights, double sparsity) {
    return std::vector<double>(weights.size(), sparsity);
  };
}

Distribution first_dense() {
  return [](std::span<const Weight> weights, double sparsity) {
    std::vector<double> out(weights.size(), sparsity);
    if (!out.empty()) out[0] = 0;
    return out;
  };
}

Distribution erdos_renyi(const ErdosRenyi& options) {
  return [options](std::span<const Weight> weights, double sparsity) {
    return spread(weights, sparsity, options);
  };
}

Distribution custom(std::map<std::string, double> sparsity_of, Distribution rest) {
  return [=](std::span<const Weight> weights, double sparsity) {
    std::vector<std::string> known;
    std::vector<Weight> others;
    for (const Weight& weight : weights) {
      known.push_back(weight.name);
      if (!sparsity_of.contains(weight.name)) others.push_back(weight);
    }
    for (const auto& [name, given] : sparsity_of) {
      require(std::ranges::find(known, name) != known.end(),
              "sparsity: '{}' is no prunable weight{}", name, did_you_mean(name, known));
      require(given >= 0 && given <= 1, "sparsity of {}: {} given, wanted 0 to 1", name, given);
    }
    const std::vector<double> of_others = rest(others, sparsity);
    std::vector<double> out;
    size_t at = 0;
    for (const Weight& weight : weights) {
      const auto given = sparsity_of.find(weight.name);
      out.push_back(given != sparsity_of.end() ? given->second : of_others.at(at++));
    }
    return out;
  };
}

Distribution distribution_from(std::string_view word) {
  if (word == "uniform") return uniform();
  if (word == "first-dense") return first_dense();
  if (word == "er") return erdos_renyi({.kernel = false});
  if (word == "erk") return erdos_renyi();
  const std::vector<std::string> known{"uniform", "first-dense", "er", "erk"};
  fail("distribution: '{}' is none of uniform, first-dense, er, erk{}", word,
       did_you_mean(word, known));
}

std::vector<int64_t> connection_counts(std::span<const Weight> weights, double sparsity,
                                       const Distribution& distribution) {
  require(sparsity >= 0 && sparsity <= 1, "sparsity: {} given, wanted 0 to 1", sparsity);
  const std::vector<double> each = distribution(weights, sparsity);
  require(each.size() == weights.size(), "distribution: {} sparsities for {} weights", each.size(),
          weights.size());
  int64_t size = 0;
  double wanted = 0;
  std::vector<double> shares;
  std::vector<int64_t> caps;
  for (size_t i = 0; i < weights.size(); ++i) {
    require(each[i] >= 0 && each[i] <= 1, "sparsity of {}: {} given, wanted 0 to 1",
            weights[i].name, each[i]);
    caps.push_back(weights[i].size());
    shares.push_back((1 - each[i]) * double(caps[i]));
    size += caps[i];
    wanted += shares[i];
  }
  int64_t total = size - std::llround(sparsity * double(size));
  if (std::abs(wanted - double(total)) > double(weights.size()) + 0.5) total = std::llround(wanted);
  return allocate(total, shares, caps);
}

}  // namespace sparlet::sparse
