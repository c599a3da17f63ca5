#include "sparse/convert.h"

#include <algorithm>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::sparse {
namespace {

// A layer's op in its three forms. A sparse form has the inputs of the dense one, each weight in
// three parts, and its attributes, and some more.
struct Twins {
  const OpDef *dense, *csr, *coo;
  // The weights among the inputs of the dense form.
  std::vector<int> (*weights)(const Node&);
  // What a sparse form's attributes tell beyond the dense one's. `shape`: of the first weight.
  Attrs (*more)(const Shape& shape, SparseFormat);
  // Whether this dense layer has sparse forms at all; null: always.
  bool (*fits)(const Node&) = nullptr;

  const OpDef* of(Format format) const {
    return format == Format::csr ? csr : format == Format::coo ? coo : dense;
  }
  bool has(const OpDef* op) const { return op == dense || op == csr || op == coo; }
};

std::vector<int> one_weight(const Node&) { return {1}; }
Attrs out_of_coo(const Shape& shape, SparseFormat format) {
  if (format == SparseFormat::csr) return {};
  return {{"out", double(shape[0])}};
}

Attrs kernel_of(const Shape& shape, SparseFormat format) {
  Attrs attrs = out_of_coo(shape, format);
  attrs["kernel"] = std::vector<double>{double(shape[2]), double(shape[3])};
  return attrs;
}
// With a filter or a few for each channel there is nothing to leave out.
bool no_depthwise(const Node& node) {
  const int64_t groups = node.integer("groups", 1);
  return groups == 1 || groups < node.type.shape[0];
}

std::vector<int> two_a_direction(const Node& node) {
  const int directions = node.integer("bidirectional", 0) == 1 ? 2 : 1;
  const int step = int(node.in.size()) >= 1 + 4 * directions ? 4 : 2;
  return directions == 2 ? std::vector<int>{1, 2, 1 + step, 2 + step} : std::vector<int>{1, 2};
}
template <int gates>
Attrs hidden_of_coo(const Shape& shape, SparseFormat format) {
  if (format == SparseFormat::csr) return {};
  return {{"hidden", double(shape[0] / gates)}};
}

const Twins kTwins[] = {
    {&linear_op, &linear_csr_op, &linear_coo_op, one_weight, out_of_coo},
    {&conv2d_op, &conv2d_csr_op, &conv2d_coo_op, one_weight, kernel_of, no_depthwise},
    {&lstm_op, &lstm_csr_op, &lstm_coo_op, two_a_direction, hidden_of_coo<4>},
    {&gru_op, &gru_csr_op, &gru_coo_op, two_a_direction, hidden_of_coo<3>},
    {&rnn_op, &rnn_csr_op, &rnn_coo_op, two_a_direction, hidden_of_coo<1>},
};

const Twins* twins_of(const Node& node) {
  for (const Twins& twins : kTwins)
    if (twins.has(node.op))
      return node.op == twins.dense && twins.fits && !twins.fits(node) ? nullptr : &twins;
  return nullptr;
}

// Of x, that the layer multiplies for one sample.
int64_t rows_of(const Node& node) {
  const bool linear = twins_of(node)->dense == &linear_op;
  return linear && node.type.shape.rank() == 2 ? node.type.shape[0] : 1;
}

Format form_of(const Weight& weight) {
  if (weight.format) return *weight.format == SparseFormat::csr ? Format::csr : Format::coo;
  return weight.mask >= 0 ? Format::masked : Format::dense;
}
bool is_sparse(Format format) { return format == Format::csr || format == Format::coo; }
SparseFormat sparse_format(Format format) {
  return format == Format::csr ? SparseFormat::csr : SparseFormat::coo;
}

// A layer, its inputs as those of the dense form: weights by number in the list, others by id.
struct Layer {
  const Twins* twins = nullptr;
  struct In {
    Id id = -1;
    int weight = -1;
  };
  std::vector<In> in;
  bool asked = false;
};

class Converter {
 public:
  Converter(const Net& net, Format format, const Convert& options)
      : net_(net),
        graph_(net.graph),
        options_(options),
        weights_(weights_of(net.graph)),
        layers_(graph_.nodes.size()),
        chosen_(weights_.size()),
        made_(weights_.size()) {
    check_names();
    const auto readers = users(graph_);
    for (Id id = 0; id < Id(layers_.size()); ++id)
      if ((layers_[size_t(id)].asked = is_asked_for(id))) choose(id, format);
    for (size_t w = 0; w < weights_.size(); ++w)
      if (chosen_[w]) check_readers(w, readers);
    for (const auto& [name, mask] : options.masks) check_mask(name, mask);
    mark_parts();
  }

  Net run() {
    return rewrite(net_, [&](Rewriter& to, Id id) { return visit(to, id); });
  }

 private:
  struct Made {
    std::vector<Id> ids;  // what layers read of a weight, in the order of their inputs
  };

  void check_names() const {
    std::vector<std::string> known;
    for (const Node& node : graph_.nodes)
      if (is_convertible(graph_, node)) known.push_back(node.name);
    for (const std::string& name : options_.layers)
      require(std::ranges::find(known, name) != known.end(),
              "convert: '{}' is no layer with sparse forms{}", name, did_you_mean(name, known));
  }

  bool is_asked_for(Id id) {
    const Node& node = graph_[id];
    layers_[size_t(id)] = layer_of(node);
    if (!layers_[size_t(id)].twins) return false;
    if (!options_.layers.empty() &&
        std::ranges::find(options_.layers, node.name) == options_.layers.end())
      return false;
    return !options_.which || options_.which(graph_, node);
  }

  // Without twins where it has none, or a weight that is computed.
  Layer layer_of(const Node& node) const {
    Layer layer{twins_of(node), {}};
    if (!layer.twins) return layer;
    const bool dense = node.op == layer.twins->dense;
    std::vector<int> at;
    if (dense) at = layer.twins->weights(node);
    for (const SparseOperand& operand : sparse_operands(graph_, node)) at.push_back(operand.values);
    for (int k = 0; k < int(node.in.size()); ++k) {
      const Id id = node.in[size_t(k)];
      if (std::ranges::find(at, k) == at.end()) {
        layer.in.push_back({.id = id});
        continue;
      }
      const auto weight = std::ranges::find(weights_, id, &Weight::read);
      if (weight == weights_.end()) return {};
      layer.in.push_back({.weight = int(weight - weights_.begin())});
      if (!dense) k += 2;
    }
    return layer;
  }

  void choose(Id id, Format format) {
    std::vector<size_t> mine;
    for (const Layer::In& in : layers_[size_t(id)].in)
      if (in.weight >= 0) mine.push_back(size_t(in.weight));
    if (format == Format::automatic && pays(graph_[id], mine)) format = Format::csr;
    for (size_t w : mine) {
      const Weight& weight = weights_[w];
      const Format wanted = format != Format::automatic ? format
                            : weight.has_pattern()      ? Format::masked
                                                        : Format::dense;
      if (wanted == form_of(weight) && !options_.masks.contains(weight.name)) continue;
      if (chosen_[w] && *chosen_[w] != wanted)
        fail("{}: shared by layers that want it {} and {}", weight.name, name_of(*chosen_[w]),
             name_of(wanted));
      chosen_[w] = wanted;
    }
  }

  // All of a layer's weights, or none: the largest decides.
  bool pays(const Node& node, const std::vector<size_t>& weights) const {
    const auto largest =
        std::ranges::max_element(weights, {}, [&](size_t w) { return weights_[w].size(); });
    const Weight& weight = weights_[*largest];
    const double density = double(entries(weight).size()) / double(weight.size());
    return sparse_is_faster(twins_of(node)->dense->name, weight.shape, density,
                            options_.batch * rows_of(node));
  }

  void check_readers(size_t w, const std::vector<std::vector<Id>>& readers) const {
    const Weight& weight = weights_[w];
    for (Id reader : readers[size_t(weight.read())]) {
      bool asked = false;
      for (const Layer::In& in : layers_[size_t(reader)].in)
        asked = asked || (in.weight == int(w) && layers_[size_t(reader)].asked);
      require(asked, "{}: read by {} ({}) too, which is not converted", weight.name,
              graph_[reader].name, graph_[reader].op->name);
    }
    if (weight.product >= 0)
      require(readers[size_t(weight.param)].size() == 1, "{}: read with and without its mask",
              weight.name);
  }

  void check_mask(const std::string& name, const Tensor& mask) const {
    std::vector<std::string> known;
    for (size_t w = 0; w < weights_.size(); ++w)
      if (chosen_[w]) known.push_back(weights_[w].name);
    require(std::ranges::find(known, name) != known.end(),
            "convert: a mask for '{}', which is not converted{}", name, did_you_mean(name, known));
    const Shape& shape = std::ranges::find(weights_, name, &Weight::name)->shape;
    require(mask && mask.shape() == shape, "convert: the mask of {} is {}, wanted {}", name,
            mask ? to_string(mask.shape()) : "none", to_string(shape));
  }

  // Ids that the new net has no copy of: they stand in made_.
  void mark_parts() {
    part_of_.assign(graph_.nodes.size(), -1);
    for (size_t w = 0; w < weights_.size(); ++w) {
      if (!chosen_[w]) continue;
      const Weight& weight = weights_[w];
      for (Id id : {weight.param, weight.mask, weight.product, weight.index[0], weight.index[1]})
        if (id >= 0) part_of_[size_t(id)] = int(w);
    }
  }

  Id visit(Rewriter& to, Id id) {
    const int w = part_of_[size_t(id)];
    if (w >= 0) {
      if (weights_[size_t(w)].param == id) made_[size_t(w)] = make(to, size_t(w));
      return -1;
    }
    const Layer& layer = layers_[size_t(id)];
    const bool changes = layer.twins && std::ranges::any_of(layer.in, [&](const Layer::In& in) {
                           return in.weight >= 0 && chosen_[size_t(in.weight)];
                         });
    return changes ? make_layer(to, graph_[id], layer) : to.copy(id);
  }

  Connections entries(const Weight& weight) const {
    const auto mask = options_.masks.find(weight.name);
    if (mask == options_.masks.end()) return connections(net_, weight);
    const Tensor dense = dense_values(net_, weight), open = open_mask(net_, weight);
    Connections c;
    for (int32_t i = 0; i < int32_t(dense.size()); ++i) {
      if (mask->second.read()[size_t(i)] == 0) continue;
      c.at.push_back(i);
      c.value.push_back(open.read()[size_t(i)] == 0 ? 0 : dense.read()[size_t(i)]);
    }
    return c;
  }

  Made make(Rewriter& to, size_t w) const {
    const Weight& weight = weights_[w];
    const Connections c = entries(weight);
    if (is_sparse(*chosen_[w])) {
      const SparseFormat format = sparse_format(*chosen_[w]);
      const SparseTensor made = sparse_of(format, weight.shape, c);
      Made parts{{to.leaf(param_op, weight.name, made.values)}};
      for (size_t k = 0; k < 2; ++k)
        parts.ids.push_back(to.leaf(
            constant_op, fmt::format("{}.{}", weight.name, index_names(format)[k]), made.index[k]));
      return parts;
    }
    Tensor value(weight.shape);
    for (size_t i = 0; i < c.at.size(); ++i) value.write()[size_t(c.at[i])] = c.value[i];
    const Id param = to.leaf(param_op, weight.name, std::move(value));
    if (*chosen_[w] == Format::dense) return {{param}};
    const Id mask = to.leaf(constant_op, weight.name + ".mask", mask_of(weight.shape, c.at));
    return {{to.add(mul_op, weight.name + ".masked", {param, mask})}};
  }

  Id make_layer(Rewriter& to, const Node& node, const Layer& layer) const {
    std::vector<Id> in;
    Format format = Format::dense;
    Shape shape;  // of the first weight
    for (const Layer::In& one : layer.in) {
      if (one.weight < 0) {
        in.push_back(to.now(one.id));
        continue;
      }
      const auto w = size_t(one.weight);
      if (shape.rank() == 0) shape = weights_[w].shape;
      if (!chosen_[w]) {  // as it was: dense or masked, as the others are now
        in.push_back(to.now(weights_[w].read()));
        continue;
      }
      in.insert(in.end(), made_[w].ids.begin(), made_[w].ids.end());
      format = *chosen_[w];
    }
    return to.add(*layer.twins->of(format), node.name, std::move(in),
                  attrs_of(node, layer, shape, format));
  }

  static Attrs attrs_of(const Node& node, const Layer& layer, const Shape& shape, Format format) {
    Attrs attrs = node.attrs;
    if (node.op != layer.twins->dense)
      for (const auto& [key, value] : layer.twins->more(
               shape, node.op == layer.twins->csr ? SparseFormat::csr : SparseFormat::coo))
        attrs.erase(key);
    if (is_sparse(format)) attrs.merge(layer.twins->more(shape, sparse_format(format)));
    return attrs;
  }

  const Net& net_;
  const Graph& graph_;
  const Convert& options_;
  const std::vector<Weight> weights_;
  std::vector<Layer> layers_;                  // by id
  std::vector<std::optional<Format>> chosen_;  // by weight
  std::vector<Made> made_;                     // by weight
  std::vector<int> part_of_;                   // by id: a weight that is made anew
};

}  // namespace

Format format_from(std::string_view word) {
  constexpr std::string_view words[] = {"dense", "masked", "coo", "csr", "automatic"};
  for (size_t i = 0; i < std::size(words); ++i)
    if (words[i] == word) return Format(i);
  fail("format: '{}' given, wanted dense, masked, coo, csr or automatic{}", word,
       did_you_mean(word, std::span<const std::string_view>(words)));
}

std::string_view name_of(Format format) {
  constexpr std::string_view words[] = {"dense", "masked", "coo", "csr", "automatic"};
  return words[size_t(format)];
}

bool is_convertible(const Graph&, const Node& node) { return twins_of(node) != nullptr; }

Net convert(const Net& net, Format format, const Convert& options) {
  return Converter(net, format, options).run();
}

}  // namespace sparlet::sparse
