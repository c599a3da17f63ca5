// SpArSeMod's fourteen morphisms, on parameters with its names.
#include <fmt/format.h>

#include "search/moves.h"

namespace sparlet::search {
namespace {

using Result = std::optional<Point>;

// Names "conv_B_layer_L_WORD" (or of another pattern) of what is active in the point and varies.
std::vector<std::string> active(const Space& space, const Point& point, std::string_view begin,
                                std::string_view end) {
  std::vector<std::string> names;
  for (const Parameter& p : space.parameters())
    if (p.varies() && p.name.starts_with(begin) && p.name.ends_with(end) && point.has(p.name))
      names.push_back(p.name);
  return names;
}

const std::string& pick(const std::vector<std::string>& names, Rng& rng) {
  return names[size_t(rng.below(int64_t(names.size())))];
}

// One of the parameters of a pattern, moved by ± delta.
struct StepOne {
  std::string begin, end;
  double delta;
  Result operator()(const Space& space, const Point& point, Rng& rng) const {
    const auto names = active(space, point, begin, end);
    if (names.empty()) return std::nullopt;
    const std::string& name = pick(names, rng);
    const double sign = rng.below(2) ? 1 : -1;
    const auto value = stepped(space.at(name), point.number(name), sign * delta);
    return value ? with_value(space, point, name, *value) : std::nullopt;
  }
};

// One of them, drawn anew from a part of its range.
struct DrawOne {
  std::string begin, end;
  double low, high;
  Result operator()(const Space& space, const Point& point, Rng& rng) const {
    const auto names = active(space, point, begin, end);
    if (names.empty()) return std::nullopt;
    const std::string& name = pick(names, rng);
    const Parameter& p = space.at(name);
    const bool whole = p.kind == Kind::integer || p.kind == Kind::log_integer;
    const double drawn = whole ? double(int64_t(low) + rng.below(int64_t(high - low) + 1))
                               : low + rng.uniform() * (high - low);
    return with_value(space, point, name, nearest_value(p, drawn));
  }
};

// Another value of one of the choices.
struct SwitchOne {
  std::string begin, end;
  Result operator()(const Space& space, const Point& point, Rng& rng) const {
    const auto names = active(space, point, begin, end);
    if (names.empty()) return std::nullopt;
    const std::string& name = pick(names, rng);
    const Parameter& p = space.at(name);
    const int64_t n = int64_t(p.values.size());
    return n < 2 ? std::nullopt
                 : with_value(space, point, name, value_from(p.values[size_t(rng.below(n))]));
  }
};

// Theirs: +5 below 6, else ±1.
Result fc_weights(const Space& space, const Point& point, Rng& rng) {
  const auto names = active(space, point, "fc_weights_layer_", "");
  if (names.empty()) return std::nullopt;
  const std::string& name = pick(names, rng);
  const double value = point.number(name), sign = rng.below(2) ? 1 : -1;
  const auto moved = stepped(space.at(name), value, value < 6 ? 5 : sign);
  return moved ? with_value(space, point, name, *moved) : std::nullopt;
}

}  // namespace

std::vector<Move> sparse_moves(const Space& space) {
  if (!space.find("num_conv_blocks") && !space.find("rnn_layers")) return {};
  const std::vector<Move> all = {
      {"sparse.fc_layers", StepOne{"num_fc_layers", "", 1}},
      {"sparse.conv_blocks", StepOne{"num_conv_blocks", "", 1}},
      {"sparse.layer_type", SwitchOne{"conv_", "_type"}},
      {"sparse.conv_filters", DrawOne{"conv_", "_filters", 1, 50}},
      {"sparse.kernel_size", DrawOne{"conv_", "_kernel", 2, 5}},
      {"sparse.downsampling_rate", DrawOne{"conv_", "_downsample", 0, 0.5}},
      {"sparse.fc_weights", fc_weights},
      {"sparse.conv_layers", StepOne{"conv_", "_num_layers", 1}},
      {"sparse.max_len", StepOne{"max_len", "", 10}},
      {"sparse.rnn_layers", StepOne{"rnn_layers", "", 1}},
      {"sparse.n_neurons", StepOne{"neurons_layers", "", 32}},
      {"sparse.rnn_dropout", StepOne{"rnn_dropout", "", 0.05}},
      {"sparse.fc", StepOne{"fc_layers", "", 1}},
      {"sparse.fc_neurons", StepOne{"neurons_fc_layer_", "", 5}},
  };
  // Those whose parameters the space has.
  const std::vector<std::pair<std::string, std::string>> patterns = {
      {"num_fc_layers", ""},     {"num_conv_blocks", ""},  {"conv_", "_type"},
      {"conv_", "_filters"},     {"conv_", "_kernel"},     {"conv_", "_downsample"},
      {"fc_weights_layer_", ""}, {"conv_", "_num_layers"}, {"max_len", ""},
      {"rnn_layers", ""},        {"neurons_layers", ""},   {"rnn_dropout", ""},
      {"fc_layers", ""},         {"neurons_fc_layer_", ""}};
  std::vector<Move> moves;
  for (size_t i = 0; i < all.size(); ++i)
    for (const Parameter& p : space.parameters())
      if (p.varies() && p.name.starts_with(patterns[i].first) &&
          p.name.ends_with(patterns[i].second)) {
        moves.push_back(all[i]);
        break;
      }
  return moves;
}

}  // namespace sparlet::search
