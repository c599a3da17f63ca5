#include "sparse/score.h"

#include <cmath>

#include "nn/batches.h"
#include "sparse/magnitude.h"
#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

struct Scored {
  std::vector<Weight> weights;
  std::vector<Tensor> gradient;  // dense, of each weight
};

Scored gradients_of(const Executor& executor, const std::vector<std::string>& keep) {
  Scored s{weights_of(executor.net().graph, keep), {}};
  for (const Weight& weight : s.weights)
    s.gradient.push_back(
        executor.dense_weight_grad(weight.reader, 0, weight.shape[0], weight.operand));
  return s;
}

// Gradients of the loss over some samples, batch by batch.
class Gradient {
 public:
  Gradient(const Net& net, const Dataset& data, const Snip& o, Rng& rng)
      : data_(data), options_(o), order_(positions(data.size())) {
    require(o.samples >= 1, "scores: {} samples, wanted 1 or more", o.samples);
    require(data.size() >= 1, "scores: no samples");
    rng.shuffle(order_);
    order_.resize(size_t(std::min(o.samples, data.size())));
    batch_ = std::min<int64_t>(128, int64_t(order_.size()));
    feed_.emplace(net.graph, data, batch_);
  }

  Scored at(const Net& net) {
    Executor executor(net, {.batch = batch_, .mode = Mode::train});
    Scored sum;
    for (size_t i = 0; i < order_.size(); i += size_t(batch_)) {
      const auto part = std::span(order_).subspan(i, std::min(size_t(batch_), order_.size() - i));
      const auto labels = feed_->load(data_, part, executor);
      const View y = executor.forward(int64_t(part.size()));
      loss(options_.loss, y, labels, executor.output_grad());
      executor.backward();
      Scored one = gradients_of(executor, options_.keep);
      const float share = float(part.size()) / float(order_.size());
      for (size_t k = 0; k < one.weights.size(); ++k)
        for (float& g : one.gradient[k].write()) g *= share;
      if (sum.weights.empty()) {
        sum = std::move(one);
        continue;
      }
      for (size_t k = 0; k < sum.weights.size(); ++k) {
        const auto to = sum.gradient[k].write();
        for (size_t j = 0; j < to.size(); ++j) to[j] += one.gradient[k].read()[j];
      }
    }
    return sum;
  }

 private:
  const Dataset& data_;
  const Snip& options_;
  std::vector<int32_t> order_;
  int64_t batch_ = 1;
  std::optional<Batches> feed_;
};

// The net with masks that keep the greatest scores, its closed weights 0.
Net keep_greatest(const Net& net, const std::vector<Weight>& weights,
                  const std::vector<Tensor>& scores, const Snip& o) {
  const std::vector<int64_t> counts =
      connection_counts(weights, o.sparsity, o.distribution ? o.distribution : uniform());
  std::vector<Tensor> masks;
  int64_t size = 0;
  for (const Weight& weight : weights) {
    Tensor open(weight.shape);
    for (float& m : open.write()) m = 1;
    masks.push_back(std::move(open));
    size += weight.size();
  }
  if (!o.distribution) {
    close_smallest(masks, scores, std::llround(o.sparsity * double(size)));
  } else {
    for (size_t k = 0; k < weights.size(); ++k) {
      std::vector<Tensor> one{std::move(masks[k])};
      close_smallest(one, {scores[k]}, weights[k].size() - counts[k]);
      masks[k] = std::move(one[0]);
    }
  }
  std::vector<Connections> all;
  for (size_t k = 0; k < weights.size(); ++k) {
    Connections c;
    const auto open = masks[k].read(), value = net.params[size_t(weights[k].param)].read();
    for (size_t i = 0; i < open.size(); ++i) {
      if (open[i] == 0) continue;
      c.at.push_back(int32_t(i));
      c.value.push_back(value[i]);
    }
    all.push_back(std::move(c));
  }
  return with_connections(net, weights, all);
}

Net snipped(const Net& net, const Scored& scored, const Snip& o) {
  std::vector<Tensor> scores = scored.gradient;
  for (size_t k = 0; k < scores.size(); ++k) {
    const auto w = net.params[size_t(scored.weights[k].param)].read();
    const auto s = scores[k].write();
    for (size_t i = 0; i < s.size(); ++i) s[i] *= w[i];
  }
  return keep_greatest(net, scored.weights, scores, o);
}

// close_smallest() ranks magnitudes; these scores have signs: shifted to be 0 or more.
void shift(std::vector<Tensor>& scores) {
  float least = 0;
  for (const Tensor& t : scores)
    for (const float v : t.read()) least = std::min(least, v);
  for (Tensor& t : scores)
    for (float& v : t.write()) v -= least;
}

}  // namespace

Net snip(const Net& net, const Dataset& data, const Snip& options, Rng& rng) {
  return snipped(net, Gradient(net, data, options, rng).at(net), options);
}

Net grasp(const Net& net, const Dataset& data, const Grasp& options, Rng& rng) {
  Gradient gradient(net, data, options, rng);
  const Scored here = gradient.at(net);
  double square = 0;
  for (const Tensor& g : here.gradient)
    for (const float v : g.read()) square += double(v) * v;
  require(square > 0, "grasp: the gradient is 0 everywhere");
  // Steps of a length that float32 gradients resolve, relative to the gradient's own.
  const double step = 1e-2 / std::sqrt(square);
  const auto moved = [&](double by) {
    Net at = net;
    for (size_t k = 0; k < here.weights.size(); ++k) {
      const auto w = at.params[size_t(here.weights[k].param)].write();
      for (size_t i = 0; i < w.size(); ++i) w[i] += float(by * here.gradient[k].read()[i]);
    }
    return gradient.at(at);
  };
  const Scored up = moved(step), down = moved(-step);
  std::vector<Tensor> scores = up.gradient;
  for (size_t k = 0; k < scores.size(); ++k) {
    const auto w = net.params[size_t(here.weights[k].param)].read();
    const auto s = scores[k].write();
    for (size_t i = 0; i < s.size(); ++i)
      s[i] = float(-double(w[i]) * (double(s[i]) - down.gradient[k].read()[i]) / (2 * step));
  }
  shift(scores);
  return keep_greatest(net, here.weights, scores, options);
}

Hook snip(const Snip& options) {
  require(options.sparsity >= 0 && options.sparsity <= 1, "sparsity: {} given, wanted 0 to 1",
          options.sparsity);
  return Hook(
      [options](const TrainState& state) -> std::optional<Net> {
        if (state.step != 1) return {};
        return snipped(state.executor.trained(), gradients_of(state.executor, options.keep),
                       options);
      },
      [](const TrainState& state) { return state.step == 1; });
}

}  // namespace sparlet::sparse
