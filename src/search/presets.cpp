#include "search/presets.h"

#include <fmt/format.h>

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {
namespace {

// A list of parameters that reads as the table it is.
class List {
 public:
  List& integer(std::string name, double low, double high, std::string when = {}, double step = 0) {
    return add({.name = std::move(name),
                .kind = Kind::integer,
                .low = low,
                .high = high,
                .step = step,
                .when = std::move(when)});
  }
  List& log_integer(std::string name, double low, double high, std::string when = {}) {
    return add({.name = std::move(name),
                .kind = Kind::log_integer,
                .low = low,
                .high = high,
                .when = std::move(when)});
  }
  List& real(std::string name, double low, double high, std::string when = {}) {
    return add({.name = std::move(name),
                .kind = Kind::real,
                .low = low,
                .high = high,
                .when = std::move(when)});
  }
  List& log_real(std::string name, double low, double high) {
    return add({.name = std::move(name), .kind = Kind::log_real, .low = low, .high = high});
  }
  List& choice(std::string name, std::vector<std::string> values, std::string when = {}) {
    return add({.name = std::move(name),
                .kind = Kind::choice,
                .values = std::move(values),
                .when = std::move(when)});
  }
  List& flag(std::string name, std::string when = {}) {
    return add({.name = std::move(name), .kind = Kind::flag, .when = std::move(when)});
  }
  List& fixed(std::string name, PointValue value) {
    return add({.name = std::move(name), .kind = Kind::fixed, .fixed = std::move(value)});
  }
  List& add(Parameter p) {
    list.push_back(std::move(p));
    return *this;
  }
  std::vector<Parameter> list;
};

struct Ranges {
  int blocks = 2;
  std::vector<std::string> types = {"0", "1", "2"};
  double drop = 0.5, steps = 10000, batch = 128;
};

void conv_blocks(List& p, const Ranges& r) {
  p.integer("num_conv_blocks", 1, r.blocks);
  for (int b = 1; b <= r.blocks; ++b) {
    const std::string block =
        b == 1 ? "" : fmt::format("num_conv_blocks >= {}", b);  // of one there is always a block
    const auto with = [&](const std::string& more) {
      return block.empty() || more.empty() ? block + more : block + " and " + more;
    };
    const std::string layers = fmt::format("conv_{}_num_layers", b);
    p.flag(fmt::format("downsample_input_depth_{}", b), block);
    p.integer(fmt::format("input_downsampling_rate_{}", b), 2, 4,
              with(fmt::format("downsample_input_depth_{} == 1", b)));
    p.integer(layers, 1, 3, block);
    for (int l = 1; l <= 3; ++l) {
      const std::string name = fmt::format("conv_{}_layer_{}_", b, l);
      const std::string active = l == 1 ? block : with(fmt::format("{} >= {}", layers, l));
      p.log_integer(name + "filters", 1, 100, active);
      p.integer(name + "kernel", 2, 5, active);
      p.choice(name + "type", r.types, active);
      p.real(name + "downsample", 0, 0.5,
             active + (active.empty() ? "" : " and ") + name + "type == 1");
    }
  }
}

void dense(List& p) {
  p.integer("num_fc_layers", 0, 2);
  for (int d = 1; d <= 2; ++d)
    p.log_integer(fmt::format("fc_weights_layer_{}", d), 10, 200,
                  fmt::format("num_fc_layers >= {}", d));
}

void drops(List& p, const Ranges& r) {
  for (int b = 1; b <= r.blocks; ++b)
    p.real(fmt::format("drop_{}", b), 0.1, r.drop,
           b == 1 ? "" : fmt::format("num_conv_blocks >= {}", b));
  for (int d = 1; d <= 2; ++d)
    p.real(fmt::format("drop_fc_{}", d), 0.1, 0.5, fmt::format("num_fc_layers >= {}", d));
}

// The step schedule is theirs.
void training(List& p, const Ranges& r) {
  p.log_real("learning_rate", 1e-4, 1e-2).real("learning_gamma", 0.9, 0.99);
  p.log_integer("learning_step", 1, r.steps);
  p.real("prune_threshold", 0.05, 0.9).log_integer("batch_size", 2, r.batch);
  p.fixed("schedule", std::string("step"));
}

void recurrent(List& p, double dropout) {
  p.integer("rnn_layers", 1, 5).log_integer("neurons_layers", 8, 512);
  p.real("rnn_dropout", 0.1, dropout, "rnn_layers >= 2").choice("cell_type", {"0", "1"});
}

Preset sparse_cnn() {
  const Ranges r;
  List p;
  conv_blocks(p, r), dense(p), training(p, r), drops(p, r);
  return {"sparse_cnn", "sparse_cnn", "SpArSeMod's CNN for images", p.list};
}

Preset sparse_touch_cnn() {
  const Ranges r{.types = {"0", "1"}, .drop = 0.9, .steps = 10, .batch = 256};
  List p;
  conv_blocks(p, r), dense(p), training(p, r), drops(p, r);
  p.log_integer("max_len", 25, 750);
  return {"sparse_touch_cnn", "sparse_cnn", "SpArSeMod's CNN for pressure frames", p.list};
}

Preset sparse_cnn_rnn() {
  const Ranges r{.blocks = 3, .steps = 10, .batch = 256};
  List p;
  conv_blocks(p, r), recurrent(p, 0.9), dense(p), training(p, r), drops(p, r);
  p.log_integer("max_len", 25, 750);
  return {"sparse_cnn_rnn", "sparse_cnn_rnn", "SpArSeMod's CNN before an RNN", p.list};
}

Preset sparse_rnn() {
  const Ranges r{.steps = 10, .batch = 128};
  List p;
  recurrent(p, 0.5);
  p.integer("fc_layers", 0, 1).log_integer("neurons_fc_layer_1", 10, 128, "fc_layers >= 1");
  p.log_integer("max_len", 50, 250);
  training(p, r);
  return {"sparse_rnn", "sparse_rnn", "SpArSeMod's RNN for sequences", p.list};
}

// Training parameters of the spaces that are not SpArSeMod's.
void plain_training(List& p) {
  p.log_real("learning_rate", 1e-4, 3e-2).choice("schedule", {"constant", "cosine"});
  p.log_integer("batch_size", 16, 256).real("prune_threshold", 0, 0.9);
}

void dense_chain(List& p, int most, double low, double high) {
  p.integer("dense_layers", 1, most);
  for (int d = 1; d <= most; ++d)
    p.log_integer(fmt::format("dense_{}_units", d), low, high,
                  d == 1 ? "" : fmt::format("dense_layers >= {}", d));
}

Preset branch_cnn() {
  List p;
  p.integer("blocks", 1, 10);
  for (int b = 1; b <= 10; ++b) {
    const std::string block = b == 1 ? "" : fmt::format("blocks >= {}", b);
    const std::string name = fmt::format("block_{}_", b), layers = name + "layers";
    if (b > 1) p.flag(name + "branch", block);
    p.integer(layers, 1, 3, block);
    for (int l = 1; l <= 3; ++l) {
      const std::string layer = fmt::format("{}layer_{}_", name, l);
      const auto when = [&](const std::string& more) {
        std::string text = block;
        const auto join = [&](const std::string& part) {
          if (!part.empty()) text += (text.empty() ? "" : " and ") + part;
        };
        if (l > 1) join(fmt::format("{} >= {}", layers, l));
        join(more);
        return text;
      };
      p.choice(layer + "type", {"conv", "pointwise", "depthwise"}, when(""));
      p.integer(layer + "kernel", 3, 7, when(layer + "type != pointwise"), 2);
      // The last layer of a branch takes the channels of what it is added to.
      std::string filters = layer + "type != depthwise";
      if (b > 1) filters += fmt::format(" and {} - {}branch >= {}", layers, name, l);
      p.log_integer(layer + "filters", 1, 128, when(filters));
      p.integer(layer + "stride", 1, 2, when(""));
      for (const char* word : {"pre_pool", "norm", "relu"}) p.flag(layer + word, when(""));
    }
  }
  p.choice("pool", {"max", "avg"}).integer("pool_size", 2, 6, "", 2);
  dense_chain(p, 3, 10, 256);
  p.real("dense_dropout", 0, 0.5);
  plain_training(p);
  return {"branch_cnn", "branch_cnn", "uNAS's CNN of series and parallel blocks", p.list};
}

Preset row_cnn() {
  List p;
  p.integer("layers", 1, 5);
  for (int l = 1; l <= 5; ++l) {
    const std::string name = fmt::format("layer_{}_", l);
    const std::string active = l == 1 ? "" : fmt::format("layers >= {}", l);
    p.choice(name + "type", {"conv", "separable"}, active)
        .log_integer(name + "filters", 2, 64, active);
    p.integer(name + "kernel", 3, 9, active, 2).integer(name + "stride", 1, 2, active);
    p.integer(name + "pool", 1, 4, active);
  }
  p.real("dropout", 0, 0.5).choice("head", {"global_average", "flatten"});
  p.integer("dense_layers", 0, 1).log_integer("dense_1_units", 8, 64, "dense_layers >= 1");
  p.log_integer("max_len", 25, 250);
  plain_training(p);
  return {"row_cnn", "row_cnn", "1-D CNN for sequences", p.list};
}

Preset mlp() {
  List p;
  dense_chain(p, 7, 10, 256);
  p.real("dense_dropout", 0, 0.5);
  plain_training(p);
  return {"mlp", "mlp", "uNAS's dense networks", p.list};
}

const std::vector<Preset>& table() {
  static const std::vector<Preset> list = {sparse_cnn(), sparse_touch_cnn(), sparse_cnn_rnn(),
                                           sparse_rnn(), branch_cnn(),       row_cnn(),
                                           mlp()};
  return list;
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& one : table()) names.push_back(one.name);
  return names;
}

const Preset& preset(const std::string& name) {
  for (const Preset& one : table())
    if (one.name == name) return one;
  std::string known;
  for (const std::string& one : preset_names()) known += (known.empty() ? "" : ", ") + one;
  fail("space \"{}\": not known; there are {}{}", name, known, did_you_mean(name, preset_names()));
}

}  // namespace sparlet::search
