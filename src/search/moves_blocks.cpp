// uNAS's single-step morphisms, on parameters named as branch_cnn's, chain_cnn's and mlp's.
#include <fmt/format.h>

#include <algorithm>

#include "search/moves.h"

namespace sparlet::search {
namespace {

using Result = std::optional<Point>;

// A numbered list of parts in a point: `count` says how many, "PREFIX{i}_..." are those of one.
// dense layers: count "dense_layers", prefix "dense_".
struct Parts {
  std::string count, prefix;

  std::string of(int64_t i) const { return fmt::format("{}{}_", prefix, i); }
  int64_t in(const Point& point) const { return point.integer(count, 0); }
};

// The values of part `from` become those of part `to`; what the space does not have there is left.
void copy_part(const Space& space, const Point& source, const Parts& parts, int64_t from,
               int64_t to, Point& child) {
  const std::string old = parts.of(to), begin = parts.of(from);
  std::erase_if(child.values, [&](const auto& value) { return value.first.starts_with(old); });
  for (const auto& [name, value] : source.values) {
    if (!name.starts_with(begin)) continue;
    const std::string place = old + name.substr(begin.size());
    if (const Parameter* p = space.find(place)) child.set(place, nearest_value(*p, value));
  }
}

Result resized(const Space& space, const Point& point, const Parts& parts, int64_t size) {
  const Parameter* p = space.find(parts.count);
  if (!p || !p->varies() || fault(*p, double(size))) return std::nullopt;
  Point child = point;
  child.set(parts.count, double(size));
  return child;
}

Result removed(const Space& space, const Point& point, const Parts& parts, int64_t at) {
  const int64_t n = parts.in(point);
  if (at > n) return std::nullopt;
  Result child = resized(space, point, parts, n - 1);
  for (int64_t i = at; child && i < n; ++i) copy_part(space, point, parts, i + 1, i, *child);
  return child;
}

// Room at `at`, whose values the space draws.
Result inserted(const Space& space, const Point& point, const Parts& parts, int64_t at) {
  const int64_t n = parts.in(point);
  if (at > n + 1) return std::nullopt;
  Result child = resized(space, point, parts, n + 1);
  if (!child) return child;
  for (int64_t i = n; i >= at; --i) copy_part(space, point, parts, i, i + 1, *child);
  const std::string fresh = parts.of(at);
  std::erase_if(child->values, [&](const auto& value) { return value.first.starts_with(fresh); });
  return child;
}

const Parts kBlocks{"blocks", "block_"};
const Parts kDense{"dense_layers", "dense_"};
Parts layers_of(int64_t block) {
  return {fmt::format("block_{}_layers", block), fmt::format("block_{}_layer_", block)};
}

// A branch that follows a removed series block takes its place.
Result without_block(const Space& space, const Point& point, int64_t at) {
  const auto branch = [&](int64_t b) { return point.flag(kBlocks.of(b) + "branch", false); };
  Result child = removed(space, point, kBlocks, at);
  if (child && !branch(at) && at < kBlocks.in(point) && branch(at + 1) && at > 1)
    child->set(kBlocks.of(at) + "branch", 0.0);
  return child;
}

// Of one layer; the block with it where it was the only one.
Result without_layer(const Space& space, const Point& point, int64_t block, int64_t at) {
  const Parts layers = layers_of(block);
  const int64_t n = layers.in(point);
  if (at > n) return std::nullopt;
  return n == 1 ? without_block(space, point, block) : removed(space, point, layers, at);
}

Result appended_block(const Space& space, const Point& point) {
  const int64_t at = kBlocks.in(point) + 1;
  Result child = inserted(space, point, kBlocks, at);
  const std::string layers = kBlocks.of(at) + "layers";
  if (child && space.find(layers)) child->set(layers, 1.0);
  return child;
}

// Another type, and the rest of the layer drawn anew.
Result retyped(const Space& space, const Point& point, const std::string& layer,
               const PointValue& type) {
  Result child = with_value(space, point, layer + "type", type);
  if (!child) return child;
  std::erase_if(child->values, [&](const auto& value) {
    return value.first.starts_with(layer) && value.first != layer + "type";
  });
  return child;
}

Result shifted(const Space& space, const Point& point, const std::string& name, double delta) {
  if (!point.has(name)) return std::nullopt;
  const Parameter& p = space.at(name);
  const double value = point.number(name);
  if (value + delta < p.low || value + delta > p.high) return std::nullopt;
  return with_value(space, point, name, nearest_value(p, value + delta));
}

Result toggled(const Space& space, const Point& point, const std::string& name) {
  if (!point.has(name)) return std::nullopt;
  return with_value(space, point, name, 1 - point.number(name));
}

class Maker {
 public:
  explicit Maker(const Space& space) : space_(space) {}

  std::vector<Move> make() {
    const int64_t blocks = most("blocks"), dense = most("dense_layers");
    for (int64_t b = 1; b <= blocks; ++b) block(b);
    if (blocks > 0) add("blocks.append", appended_block);
    shifts("blocks.pool_size", "pool_size", {2});
    if (const Parameter* p = space_.find("pool"); p && p->kind == Kind::choice)
      switches("pool", *p);
    for (int64_t d = 1; d <= dense; ++d) {
      add(fmt::format("blocks.dense_{}.remove", d),
          [d](const Space& s, const Point& p) { return removed(s, p, kDense, d); });
      add(fmt::format("blocks.dense_{}.insert", d),
          [d](const Space& s, const Point& p) { return inserted(s, p, kDense, d); });
      const std::string units = fmt::format("dense_{}_units", d);
      shifts("blocks." + units, units, {1, 3, 5});
    }
    return std::move(moves_);
  }

 private:
  int64_t most(const std::string& count) const {
    const Parameter* p = space_.find(count);
    return p && p->kind == Kind::integer ? int64_t(p->high) : 0;
  }
  bool varies(const std::string& name) const {
    const Parameter* p = space_.find(name);
    return p && p->varies();
  }
  void add(std::string name, std::function<Result(const Space&, const Point&)> apply) {
    moves_.push_back({std::move(name), [apply = std::move(apply)](const Space& s, const Point& p,
                                                                  Rng&) { return apply(s, p); }});
  }
  void shifts(const std::string& name, const std::string& parameter,
              std::initializer_list<double> deltas) {
    if (!varies(parameter) || space_.at(parameter).kind == Kind::choice) return;
    for (const double delta : deltas)
      for (const double d : {delta, -delta})
        add(fmt::format("{}{:+}", name, d),
            [parameter, d](const Space& s, const Point& p) { return shifted(s, p, parameter, d); });
  }
  void toggle(const std::string& name, const std::string& parameter) {
    if (varies(parameter) && space_.at(parameter).kind == Kind::flag)
      add(name, [parameter](const Space& s, const Point& p) { return toggled(s, p, parameter); });
  }
  void switches(const std::string& name, const Parameter& parameter) {
    for (const std::string& word : parameter.values)
      add("blocks." + name + "=" + word,
          [name = parameter.name, value = value_from(word)](const Space& s, const Point& p) {
            return with_value(s, p, name, value);
          });
  }

  void block(int64_t b) {
    const std::string name = fmt::format("blocks.{}", b);
    add(name + ".remove", [b](const Space& s, const Point& p) { return without_block(s, p, b); });
    toggle(name + ".branch", kBlocks.of(b) + "branch");
    const int64_t layers = most(layers_of(b).count);
    for (int64_t l = 1; l <= layers; ++l) {
      add(fmt::format("{}.{}.remove", name, l),
          [b, l](const Space& s, const Point& p) { return without_layer(s, p, b, l); });
      add(fmt::format("{}.{}.insert", name, l), [b, l](const Space& s, const Point& p) {
        return p.has(layers_of(b).count) ? inserted(s, p, layers_of(b), l) : std::nullopt;
      });
      layer(fmt::format("{}.{}.", name, l), layers_of(b).of(l));
    }
  }

  void layer(const std::string& name, const std::string& prefix) {
    for (const char* word : {"norm", "relu", "pre_pool"}) toggle(name + word, prefix + word);
    shifts(name + "filters", prefix + "filters", {1, 3, 5});
    shifts(name + "kernel", prefix + "kernel", {2});
    shifts(name + "stride", prefix + "stride", {1});
    const Parameter* type = space_.find(prefix + "type");
    if (!type || type->kind != Kind::choice) return;
    for (const std::string& word : type->values)
      add(name + "type=" + word,
          [prefix, value = value_from(word)](const Space& s, const Point& p) {
            return retyped(s, p, prefix, value);
          });
  }

  const Space& space_;
  std::vector<Move> moves_;
};

}  // namespace

std::vector<Move> block_moves(const Space& space) { return Maker(space).make(); }

}  // namespace sparlet::search
