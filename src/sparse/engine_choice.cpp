// What an update drops, how much it grows where, and what.
#include <cmath>
#include <numeric>

#include "sparse/allocate.h"
#include "sparse/engine_layer.h"
#include "sparse/top.h"
#include "tensor/error.h"

namespace sparlet::sparse {

// Fills score, share, kept and dropped.
void Engine::choose_dropped(std::vector<Layer>& layers, double fraction) const {
  double shares = 0;
  int64_t all = 0;
  for (Layer& layer : layers) {
    layer.score = options_.keep(*layer.seen);
    require(layer.score.size() == layer.old.at.size(),
            "dynamic sparse training: {} scores to keep for {} connections of {}",
            layer.score.size(), layer.old.at.size(), layer.weight->name);
    layer.kept.assign(layer.old.at.size(), true);
    if (options_.share) layer.share = options_.share(*layer.seen);
    shares += layer.share;
    all += layer.groups.size();
  }
  const auto number = [&](double p, int64_t n) {
    const double exact = p * double(n);
    return std::min(
        n, int64_t(options_.round_up ? std::ceil(exact - 1e-9) : std::floor(exact + 1e-9)));
  };
  struct Unit {
    float score;
    int32_t layer, group;
  };
  const auto drop_least = [&](std::vector<Unit>& units, int64_t n) {
    std::ranges::stable_sort(units, {}, &Unit::score);
    for (int64_t i = 0; i < n; ++i) {
      Layer& layer = layers[size_t(units[size_t(i)].layer)];
      for (const int32_t member : layer.members(units[size_t(i)].group)) {
        layer.kept[size_t(member)] = false;
        ++layer.dropped;
      }
    }
  };
  std::vector<Unit> together;
  for (size_t k = 0; k < layers.size(); ++k) {
    std::vector<Unit> mine;
    for (int32_t g = 0; g < int32_t(layers[k].groups.size()); ++g)
      mine.push_back({layers[k].mean_score(g), int32_t(k), g});
    if (options_.keep_together) {
      together.insert(together.end(), mine.begin(), mine.end());
      continue;
    }
    double p = fraction;
    const double sparsity = 1 - double(layers[k].old.size()) / double(layers[k].weight->size());
    if (options_.spare_dense && sparsity < 0.2 && shares > 0 &&
        layers[k].share / shares > 1 / double(layers.size()))
      p = std::min(sparsity, p);
    drop_least(mine, number(p, layers[k].groups.size()));
  }
  if (options_.keep_together) drop_least(together, number(fraction, all));
}

// How many units each grows; in all as many as were dropped.
std::vector<int64_t> Engine::growth(const std::vector<Layer>& layers) const {
  std::vector<int64_t> out, caps;
  std::vector<double> shares;
  int64_t total = 0;
  for (const Layer& layer : layers) {
    const int64_t dropped = layer.dropped / layer.units.places();
    out.push_back(dropped);
    total += dropped;
    const int64_t room = layer.units.size() - layer.groups.size() + dropped;
    // The reference code's 99 %, so that a weight never becomes quite dense.
    caps.push_back(std::max(dropped, int64_t(std::floor(0.99 * double(room)))));
    shares.push_back(layer.share);
  }
  if (!options_.share) return out;
  return allocate(total, shares, caps, Excess::equally);
}

// Calls f(first place, scores, open) for the rows of a layer, as many at a time as hold whole
// units: the scores to grow, and whether a connection is kept there.
template <class F>
void Engine::each_score(const Layer& layer, const F& f) const {
  size_t next = 0;  // of the old connections
  const int64_t row = row_size(*layer.weight);
  std::vector<bool> open;
  by_rows(
      *layer.weight,
      [&](int64_t begin, int64_t end) {
        const std::vector<float> score = options_.grow(*layer.seen, begin, end);
        require(int64_t(score.size()) == (end - begin) * row,
                "dynamic sparse training: {} scores to grow for rows {} to {} of {}", score.size(),
                begin, end, layer.weight->name);
        open.assign(score.size(), false);
        for (; next < layer.old.at.size() && layer.old.at[next] < end * row; ++next)
          open[size_t(layer.old.at[next] - begin * row)] = layer.kept[next];
        f(begin * row, score, open);
      },
      layer.units.block_rows());
}

void Engine::choose_grown(std::vector<Layer>& layers) const {
  if (options_.every_m > 0) {
    for (Layer& layer : layers) grow_every(layer);
    return;
  }
  const std::vector<int64_t> number = growth(layers);
  const int64_t total = std::accumulate(number.begin(), number.end(), int64_t(0));
  std::vector<Top> top;
  if (options_.grow_together)
    top.emplace_back(total);
  else
    for (const int64_t n : number) top.emplace_back(n);
  for (size_t k = 0; k < layers.size(); ++k) {
    const Units& units = layers[k].units;
    Top& mine = top[options_.grow_together ? 0 : k];
    each_score(layers[k],
               [&](int64_t first, const std::vector<float>& score, const std::vector<bool>& open) {
                 if (units.places() == 1) {
                   for (size_t i = 0; i < score.size(); ++i)
                     if (!open[i]) mine.offer(score[i], int32_t(k), int32_t(first) + int32_t(i));
                   return;
                 }
                 // A unit is open as a whole, or not at all.
                 const int64_t end = first + int64_t(score.size());
                 for (int64_t i = units.of(first); i >= 0 && i < units.size(); ++i) {
                   double sum = 0;
                   bool any = false, beyond = false;
                   units.each(i, [&](int64_t place) {
                     beyond = beyond || place >= end;
                     if (beyond) return;
                     sum += double(score[size_t(place - first)]);
                     any = any || open[size_t(place - first)];
                   });
                   if (beyond) break;
                   if (!any)
                     mine.offer(float(sum / double(units.places())), int32_t(k), int32_t(i));
                 }
               });
  }
  for (Top& each : top)
    for (const Top::Item& item : each.take()) {
      Layer& layer = layers[size_t(item.weight)];
      layer.units.each(item.at, [&](int64_t place) { layer.grown.push_back(int32_t(place)); });
    }
  for (Layer& layer : layers) std::ranges::sort(layer.grown);
}

// As many in each stretch of every_m columns as it has lost.
void Engine::grow_every(Layer& layer) const {
  const int64_t row = row_size(*layer.weight), m = options_.every_m;
  const int64_t across = (row + m - 1) / m;
  const auto stretch_of = [&](int64_t place) { return place / row * across + place % row / m; };
  std::vector<int32_t> lost(static_cast<size_t>(layer.weight->shape[0] * across));
  for (size_t i = 0; i < layer.old.at.size(); ++i)
    if (!layer.kept[i]) ++lost[size_t(stretch_of(layer.old.at[i]))];
  each_score(layer,
             [&](int64_t first, const std::vector<float>& score, const std::vector<bool>& open) {
               for (int64_t i = 0; i < int64_t(score.size());) {
                 const int64_t place = first + i, end = i + std::min(m, row - place % row);
                 Top top(lost[size_t(stretch_of(place))]);
                 for (; i < end; ++i)
                   if (!open[size_t(i)]) top.offer(score[size_t(i)], 0, int32_t(first + i));
                 for (const Top::Item& item : top.take()) layer.grown.push_back(item.at);
               }
             });
}

}  // namespace sparlet::sparse
