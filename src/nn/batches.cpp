#include "nn/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nn/train.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

struct Inputs {
  Id samples;
  std::optional<Id> lengths;
};

Inputs inputs_of(const Graph& graph) {
  std::vector<Id> list = inputs(graph);
  Inputs found{};
  for (const Id id : list)
    if (list.size() > 1 && graph[id].name == "lengths") {
      const Type& type = graph[id].type;
      require(type.dtype == DType::i32 && type.shape == Shape{1},
              "lengths (input): is {} {}, wanted i32 [1]", name_of(type.dtype),
              to_string(type.shape));
      found.lengths = id;
    }
  if (found.lengths) std::erase(list, *found.lengths);
  require(list.size() == 1,
          "net: has {} inputs, wanted one to train or test on data (and perhaps one more, lengths)",
          list.size());
  found.samples = list[0];
  return found;
}

void check_output(const Graph& graph, const Dataset& data) {
  const Id id = graph.output();
  const Node& node = graph[id];
  require(node.type.batched, "{} ({}): the output does not depend on the input", node.name,
          node.op->name);
  require(memory_order(choose_layouts(graph)[size_t(id)], node.type.shape).empty(),
          "{} ({}): the output is {}, wanted one value per class", node.name, node.op->name,
          to_string(node.type.shape));
  const int64_t classes = count(node.type.shape);
  for (int64_t i = 0; i < data.size(); ++i)
    require(data.label(i) >= 0 && data.label(i) < classes,
            "{} ({}): {} outputs, but sample {} of the data is of class {}", node.name,
            node.op->name, classes, i, data.label(i));
}

// Position of the largest; of equal ones the first.
template <class T>
int64_t largest(const T* values, int64_t n) {
  return std::max_element(values, values + n) - values;
}

struct Row {
  int64_t largest;
  bool finite;
};

Row look(const View& y, int64_t row, int64_t classes) {
  switch (y.dtype) {
    case DType::f32: {
      const float* values = y.f32() + row * classes;
      const bool finite =
          std::all_of(values, values + classes, [](float v) { return std::isfinite(v); });
      return {largest(values, classes), finite};
    }
    case DType::i8:
      return {largest(y.as<int8_t>() + row * classes, classes), true};
    case DType::u8:
      return {largest(y.as<uint8_t>() + row * classes, classes), true};
    default:
      fail("net: outputs are {}, wanted f32 or i8", name_of(y.dtype));
  }
}

}  // namespace

Batches::Batches(const Graph& graph, const Dataset& data, int64_t batch)
    : input_(inputs_of(graph).samples), lengths_input_(inputs_of(graph).lengths), batch_(batch) {
  const Node& node = graph[input_];
  require(node.type.shape == data.shape(), "{} (input): wants samples of {}, the data's are {}",
          node.name, to_string(node.type.shape), to_string(data.shape()));
  check_output(graph, data);
  x_ = Tensor(batched(batch, data.shape()), data.x.dtype());
  labels_.resize(size_t(batch));
  lengths_.resize(size_t(batch));
}

std::span<const int32_t> Batches::load(const Dataset& data, std::span<const int32_t> positions,
                                       Executor& executor, const Augment* augment, uint64_t seed) {
  loaded_ = int64_t(positions.size());
  data.gather(positions, x_.raw_write(), labels_.data());
  if (lengths_input_ || data.lengths)
    for (int64_t i = 0; i < loaded_; ++i)
      lengths_[size_t(i)] = int32_t(data.length(positions[size_t(i)]));
  if (augment && *augment) {
    Rng rng(seed);
    const std::span<const int32_t> lengths(lengths_.data(), data.lengths ? size_t(loaded_) : 0);
    (*augment)({batched(loaded_, data.shape()), x_.dtype(), x_.raw_write()}, lengths, rng);
  }
  set(executor, input_, lengths_input_);
  return {labels_.data(), size_t(loaded_)};
}

void Batches::feed(Executor& executor, const Graph& graph) {
  const auto [samples, lengths] = inputs_of(graph);
  set(executor, samples, lengths);
}

void Batches::set(Executor& executor, Id input, std::optional<Id> lengths) {
  Shape shape{loaded_};
  for (int i = 1; i < x_.shape().rank(); ++i) shape.push_back(x_.shape()[i]);
  executor.set_input(input, {shape, x_.dtype(), x_.raw_write()});
  if (lengths) executor.set_input(*lengths, {{loaded_, 1}, DType::i32, lengths_.data()});
}

std::vector<int32_t> positions(int64_t n) {
  std::vector<int32_t> list(static_cast<size_t>(n));
  std::iota(list.begin(), list.end(), 0);
  return list;
}

Score score(Executor& executor, Batches& batches, const Dataset& data) {
  const std::vector<int32_t> all = positions(data.size());
  int64_t wrong = 0;
  Score score;
  for (int64_t begin = 0; begin < data.size(); begin += batches.batch()) {
    const int64_t n = std::min(batches.batch(), data.size() - begin);
    const auto labels =
        batches.load(data, std::span(all).subspan(size_t(begin), size_t(n)), executor);
    const View y = executor.forward(n);
    for (int64_t row = 0; row < n; ++row) {
      const auto [guess, finite] = look(y, row, y.size() / n);
      wrong += guess != labels[size_t(row)];
      score.finite = score.finite && finite;
    }
  }
  score.error = double(wrong) / double(data.size());
  return score;
}

double error_of(const Net& net, const Dataset& data, int64_t batch, const Kernels* kernels) {
  require(data.size() > 0, "data: no samples to test on");
  require(batch >= 1, "batch: {} given, wanted 1 or more", batch);
  batch = std::min(batch, data.size());
  Batches batches(net.graph, data, batch);
  Executor executor(net, {.batch = batch, .mode = Mode::infer, .kernels = kernels});
  return score(executor, batches, data).error;
}

}  // namespace sparlet
