#include "sparse/masks.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "autograd/op.h"
#include "sparse/allocate.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::sparse {
namespace {

// `k` of the numbers 0 .. n-1 that are not taken yet, each set of them as likely.
void draw(int64_t n, int64_t k, Rng& rng, std::vector<bool>& taken) {
  std::vector<int32_t> free;
  for (int64_t i = 0; i < n; ++i)
    if (!taken[size_t(i)]) free.push_back(int32_t(i));
  for (int64_t i = 0; i < k; ++i) {
    std::swap(free[size_t(i)], free[size_t(i + rng.below(int64_t(free.size()) - i))]);
    taken[size_t(free[size_t(i)])] = true;
  }
}

std::vector<int32_t> positions(const std::vector<bool>& taken) {
  std::vector<int32_t> at;
  for (size_t i = 0; i < taken.size(); ++i)
    if (taken[i]) at.push_back(int32_t(i));
  return at;
}

// One column after the other, in a drawn order, to the rows in turn, so that each is used.
void deal(int64_t columns, std::vector<int64_t>& left, Rng& rng,
          std::vector<std::vector<bool>>& rows) {
  std::vector<int32_t> deck(static_cast<size_t>(columns));
  std::iota(deck.begin(), deck.end(), 0);
  rng.shuffle(deck);
  size_t row = 0;
  for (const int32_t column : deck) {
    if (std::accumulate(left.begin(), left.end(), int64_t(0)) == 0) return;
    while (left[row] == 0) row = (row + 1) % rows.size();
    rows[row][size_t(column)] = true;
    --left[row];
    row = (row + 1) % rows.size();
  }
}

std::vector<int32_t> per_neuron(const Shape& shape, int64_t k, bool inputs, Rng& rng) {
  const int64_t n = shape[0], columns = count(shape) / n;
  const std::vector<double> equal(size_t(n), 1);
  const std::vector<int64_t> caps(size_t(n), columns);
  std::vector<int64_t> left = allocate(k, equal, caps);
  rng.shuffle(left);  // not always the first rows have one more
  std::vector<std::vector<bool>> rows(size_t(n), std::vector<bool>(size_t(columns), false));
  if (inputs) deal(columns, left, rng, rows);
  std::vector<int32_t> at;
  for (int64_t r = 0; r < n; ++r) {
    draw(columns, left[size_t(r)], rng, rows[size_t(r)]);
    for (const int32_t c : positions(rows[size_t(r)])) at.push_back(int32_t(r * columns) + c);
  }
  return at;
}

std::vector<int32_t> symmetric(const Shape& shape, int64_t k, Rng& rng) {
  const int64_t columns = count(shape) / shape[0];
  std::vector<bool> taken(size_t(columns), false);
  draw(columns, std::llround(double(k) / double(shape[0])), rng, taken);
  std::vector<int32_t> at;
  for (int64_t r = 0; r < shape[0]; ++r)
    for (const int32_t c : positions(taken)) at.push_back(int32_t(r * columns) + c);
  return at;
}

std::vector<int32_t> places(const Shape& shape, int64_t k, Places places, Rng& rng) {
  const int64_t n = count(shape);
  std::vector<bool> taken(size_t(n), false);
  switch (places) {
    case Places::random:
      draw(n, k, rng, taken);
      return positions(taken);
    case Places::bernoulli:
      for (int64_t i = 0; i < n; ++i) taken[size_t(i)] = rng.uniform() * double(n) < double(k);
      return positions(taken);
    case Places::per_neuron:
      return per_neuron(shape, k, false, rng);
    case Places::per_neuron_inputs:
      return per_neuron(shape, k, true, rng);
    case Places::symmetric:
      return symmetric(shape, k, rng);
  }
  return {};
}

// The weight's values at these places.
Connections at_places(const Net& net, const Weight& weight, std::vector<int32_t> at) {
  Connections c{.at = std::move(at), .value = {}};
  const Tensor dense = dense_values(net, weight);
  const auto values = dense.read();
  for (const int32_t i : c.at) c.value.push_back(values[size_t(i)]);
  return c;
}

const Weight& named(const std::vector<Weight>& weights, const std::string& name) {
  std::vector<std::string> known;
  for (const Weight& weight : weights) {
    if (weight.name == name) return weight;
    known.push_back(weight.name);
  }
  fail("masks: '{}' is no prunable weight{}", name, did_you_mean(name, known));
}

// Connections by row and by column; a column is an input: axis 1 of the weight.
struct Fans {
  std::vector<int64_t> in, out;
  int64_t inputs, inner;  // of axis 1, and of what lies behind it
  Fans(const Shape& shape, const std::vector<int32_t>& at)
      : in(size_t(shape[0])), out(size_t(shape.rank() > 1 ? shape[1] : 1)) {
    inputs = int64_t(out.size());
    inner = count(shape) / shape[0] / inputs;
    for (const int32_t i : at) ++in[row(i)], ++out[column(i)];
  }
  size_t row(int32_t i) const { return size_t(i / (inputs * inner)); }
  size_t column(int32_t i) const { return size_t(i / inner % inputs); }
};

}  // namespace

Net random_mask(const Net& net, const RandomMask& o, Rng& rng) {
  const std::vector<Weight> weights = weights_of(net.graph, o.keep);
  const std::vector<int64_t> counts = connection_counts(weights, o.sparsity, o.distribution);
  std::vector<Connections> all;
  for (size_t k = 0; k < weights.size(); ++k)
    all.push_back(at_places(net, weights[k], places(weights[k].shape, counts[k], o.places, rng)));
  return with_connections(net, weights, all);
}

Net with_mask(const Net& net, const std::string& name, const Tensor& mask) {
  const std::vector<Weight> weights = weights_of(net.graph, true);
  const Weight& weight = named(weights, name);
  require(mask && mask.shape() == weight.shape, "masks: {} is {}, its mask {}", name,
          to_string(weight.shape), mask ? to_string(mask.shape()) : "none");
  std::vector<int32_t> at;
  const auto open = mask.read();
  for (size_t i = 0; i < open.size(); ++i) {
    require(open[i] == 0 || open[i] == 1, "masks: {} in the mask of {}, wanted 0 or 1", open[i],
            name);
    if (open[i] != 0) at.push_back(int32_t(i));
  }
  return with_connections(net, {weight}, {at_places(net, weight, std::move(at))});
}

Net shuffled_masks(const Net& net, Rng& rng) {
  std::vector<Weight> weights = weights_of(net.graph, true);
  std::erase_if(weights, [](const Weight& weight) { return !weight.has_pattern(); });
  std::vector<Tensor> masks;
  for (const Weight& weight : weights) {
    const int64_t k = connection_count(net, weight);
    masks.push_back(mask_of(weight.shape, places(weight.shape, k, Places::random, rng)));
  }
  return with_masks(net, weights, std::move(masks));
}

Net sparse_initialized(const Net& net, const SparseInit& o, Rng& rng) {
  require(o.gain > 0, "sparse initial weights: gain {}, wanted more than 0", o.gain);
  std::vector<Weight> weights = weights_of(net.graph);
  std::erase_if(weights, [](const Weight& weight) { return !weight.has_pattern(); });
  std::vector<Connections> all;
  for (const Weight& weight : weights) {
    Connections c = connections(net, weight);
    const Fans fans(weight.shape, c.at);
    for (size_t i = 0; i < c.at.size(); ++i) {
      const double in = double(fans.in[fans.row(c.at[i])]);
      const double out = double(fans.out[fans.column(c.at[i])]);
      const double layer = double(c.size()) / double(weight.shape[0]);
      using Fan = SparseInit::Fan;
      const double fan = o.fan == Fan::in        ? in
                         : o.fan == Fan::out     ? out
                         : o.fan == Fan::average ? (in + out) / 2
                                                 : layer;
      const double deviation = std::sqrt(o.gain / fan);
      c.value[i] = float(o.normal ? deviation * rng.normal()
                                  : rng.uniform(-1, 1) * deviation * std::sqrt(3.0));
    }
    all.push_back(std::move(c));
  }
  return with_connections(net, weights, all);
}

}  // namespace sparlet::sparse
