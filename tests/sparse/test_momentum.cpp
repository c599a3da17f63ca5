// Sparse momentum: Dettmers & Zettlemoyer's algorithm, and the dense momentum it goes by.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "loop.h"

using namespace sparlet;

TEST_CASE("SNFS is the reference's algorithm, with exact whole numbers, by brute force") {
  const Net net = sparse_net(mixed_net(15), 0.7, 15);
  const sparse::DynamicOptions o = often(sparse::snfs_options(), 4);
  Loop loop(net, Sgd{.rate = 0.05f}, o);
  std::map<std::string, std::vector<double>> momentum;  // dense: 0.9 m + g
  for (int64_t step = 1; step <= 8; ++step) {
    loop.batch(step);
    for (const sparse::Weight& w : sparse::weights_of(net.graph)) {
      std::vector<double>& m = momentum[w.name];
      m.resize(size_t(w.size()));
      const Tensor g = loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
      for (size_t i = 0; i < m.size(); ++i) m[i] = 0.9 * m[i] + g.read()[i];
    }
    // The optimiser's step comes first; it is done here, on the masked values.
    const Net before = loop.executor.trained();
    std::map<std::string, std::vector<float>> value;
    for (const sparse::Weight& w : sparse::weights_of(before.graph)) {
      const Tensor g = loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
      const auto v = before.params[size_t(w.param)].read();
      for (size_t i = 0; i < v.size(); ++i) value[w.name].push_back(v[i] - 0.05f * g.read()[i]);
    }
    if (!loop.dynamic.step(step, double(step) / 20)) continue;
    const Net after = loop.executor.trained();
    const auto weights = sparse::weights_of(before.graph);
    std::vector<double> share;
    std::vector<std::vector<int32_t>> at;
    for (const sparse::Weight& w : weights) {
      at.push_back(sparse::connections(before, w).at);
      double sum = 0;
      for (const int32_t i : at.back()) sum += std::abs(momentum[w.name][size_t(i)]);
      share.push_back(sum / double(at.back().size()));
    }
    const double shares = std::accumulate(share.begin(), share.end(), 0.0);
    const double p = drop_fraction(o.updates, {.step = step, .training = double(step) / 20});
    int64_t removed = 0, grown = 0;
    std::vector<int64_t> dropped;
    std::vector<bool> fits;
    std::vector<double> off;  // from its share of all that went
    for (size_t k = 0; k < weights.size(); ++k) {
      const double sparsity = 1 - double(at[k].size()) / double(weights[k].size());
      const bool spared = sparsity < 0.2 && share[k] / shares > 1 / double(weights.size());
      dropped.push_back(
          int64_t(std::ceil((spared ? std::min(sparsity, p) : p) * double(at[k].size()) - 1e-9)));
      removed += dropped.back();
    }
    for (size_t k = 0; k < weights.size(); ++k) {
      const sparse::Weight& w = weights[k];
      const std::vector<float>& v = value[w.name];
      std::ranges::stable_sort(at[k], {}, [&](int32_t i) { return std::abs(v[size_t(i)]); });
      std::set<int32_t> wanted(at[k].begin() + dropped[k], at[k].end());
      const auto places = sparse::connections(after, w).at;
      const int64_t grows = int64_t(places.size()) - int64_t(wanted.size());
      grown += grows;
      // Its share of all that went, to one, where it has room for it.
      const double exact = share[k] / shares * double(removed);
      const double room = 0.99 * double(w.size() - int64_t(wanted.size()));
      fits.push_back(exact < room);
      off.push_back(double(grows) - exact);
      std::vector<int32_t> others;
      for (int32_t i = 0; i < int32_t(w.size()); ++i)
        if (!wanted.contains(i)) others.push_back(i);
      std::ranges::stable_sort(others, std::greater(), [&](int32_t i) {
        return float(std::abs(momentum[w.name][size_t(i)]));
      });
      wanted.insert(others.begin(), others.begin() + grows);
      CHECK(std::set<int32_t>(places.begin(), places.end()) == wanted);
    }
    CHECK(grown == removed);
    if (std::ranges::find(fits, false) == fits.end())
      for (const double by : off) CHECK(std::abs(by) <= 1);
    for (size_t k = 0; k < off.size(); ++k) CHECK((off[k] > -1 || !fits[k]));
  }
}

TEST_CASE("the dense momentum of an update is that over all steps, though it is not kept at all") {
  const Net net = sparse_net(mixed_net(8), 0.7, 4);
  sparse::DynamicOptions o = often(sparse::snfs_options(), 30);
  o.momentum = 0.4f;  // forgets within 19 steps
  std::map<std::string, Tensor> seen, all;
  o.grow = [&](const sparse::Seen& s, int64_t begin, int64_t end) {
    seen[s.weight.name] = s.momentum(0, s.weight.shape[0]);
    return sparse::grow_momentum()(s, begin, end);
  };
  Loop loop(net, Sgd{.rate = 0.05f}, o);
  for (int64_t step = 1; step <= 60; ++step) {
    loop.batch(step);
    for (const sparse::Weight& w : sparse::weights_of(loop.executor.net().graph)) {
      if (!w.has_pattern()) continue;
      const Tensor g = loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
      if (step == 1) all[w.name] = Tensor(w.shape);
      float* m = all[w.name].write().data();
      for (const float v : g.read()) *m = o.momentum * *m + v, ++m;
    }
    CHECK(loop.dynamic.step(step, double(step) / 100) == (step % 30 == 0));
    if (step % 30 != 0) continue;
    REQUIRE(seen.size() == all.size());
    for (const auto& [name, m] : all) {
      CAPTURE(name);
      double worst = 0, largest = 0;
      for (int64_t i = 0; i < m.size(); ++i) {
        const double right = m.read()[size_t(i)];
        worst = std::max(worst, std::abs(right - double(seen[name].read()[size_t(i)])));
        largest = std::max(largest, std::abs(right));
      }
      CHECK(worst <= 1e-6 * largest);
    }
  }
}
