#include "search/space.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {

namespace {

constexpr int kTries = 20000;
constexpr double kExact = 9007199254740992;  // whole numbers up to 2^53 are exact

std::string prefix(const std::string& where) { return where.empty() ? "" : where + ": "; }

std::string place(const Parameter& p) {
  return fmt::format("{}parameter '{}'", prefix(p.where), p.name);
}

// Words stand in `name=value` texts and in expressions.
bool is_word(std::string_view text) {
  if (text.empty() || (!std::isalpha(uint8_t(text[0])) && text[0] != '_')) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(uint8_t(c)) || std::string_view("_.+-").find(c) != std::string_view::npos;
  });
}

bool is_name(std::string_view text) {
  return is_word(text) && text.find_first_of("+-") == text.npos && text != "and" && text != "in" &&
         text != "true" && text != "false";
}

bool usable(const PointValue& value) {
  const auto* word = std::get_if<std::string>(&value);
  return word ? is_word(*word) : std::isfinite(std::get<double>(value));
}

void validate_choice(const Parameter& p) {
  require(!p.values.empty(), "{}: a choice needs values", place(p));
  for (size_t i = 0; i < p.values.size(); ++i) {
    require(usable(value_from(p.values[i])),
            "{}: '{}' is neither a number nor a word of letters, digits and _.+-", place(p),
            p.values[i]);
    for (size_t j = 0; j < i; ++j)
      require(value_from(p.values[j]) != value_from(p.values[i]),
              "{}: the value '{}' stands twice{}", place(p), p.values[i],
              p.values[j] == p.values[i] ? "" : fmt::format(" (as '{}')", p.values[j]));
  }
}

void validate(const Parameter& p) {
  require(is_name(p.name), "{}: a name is a word of letters, digits, _ and ., not of the grammar",
          place(p));
  if (p.kind == Kind::choice) return validate_choice(p);
  if (p.kind == Kind::flag) return;
  if (p.kind == Kind::fixed)
    return require(usable(p.fixed), "{}: '{}' is neither a finite number nor a word", place(p),
                   to_text(p.fixed));
  const bool whole = p.kind == Kind::integer || p.kind == Kind::log_integer;
  const bool log = p.kind == Kind::log_integer || p.kind == Kind::log_real;
  require(std::isfinite(p.low) && std::isfinite(p.high), "{}: bounds must be finite", place(p));
  require(p.low <= p.high, "{}: bounds [{}, {}]: the low one is above the high one", place(p),
          p.low, p.high);
  require(!log || p.low > 0, "{}: bounds [{}, {}]: {} needs a low bound above 0", place(p), p.low,
          p.high, name_of(p.kind));
  require(!whole || (p.low == std::floor(p.low) && p.high == std::floor(p.high)),
          "{}: bounds [{}, {}]: {} needs whole numbers", place(p), p.low, p.high, name_of(p.kind));
  require(!whole || std::max(-p.low, p.high) <= kExact,
          "{}: bounds [{}, {}]: {} goes from -2^53 to 2^53", place(p), p.low, p.high,
          name_of(p.kind));
  require(std::isfinite(p.high - p.low), "{}: bounds [{}, {}] are too far apart", place(p), p.low,
          p.high);
  require(std::isfinite(p.step) && p.step >= 0 && (!whole || p.step == std::floor(p.step)),
          "{}: step {} must be a {}number of at least 0", place(p), p.step, whole ? "whole " : "");
}

Symbol symbol(const Parameter& p) {
  if (p.kind == Kind::fixed && std::holds_alternative<std::string>(p.fixed))
    return {p.name, {to_text(p.fixed)}};
  if (p.kind != Kind::choice) return {p.name, {}};
  // A choice among numbers may be compared as a number.
  const bool numbers = std::all_of(p.values.begin(), p.values.end(), [](const std::string& v) {
    return std::holds_alternative<double>(value_from(v));
  });
  if (numbers) return {p.name, {}};
  Symbol made{p.name, {}};
  for (const std::string& value : p.values) made.words.push_back(to_text(value_from(value)));
  return made;
}

std::vector<std::string> names_of(const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  for (const Parameter& p : parameters) names.push_back(p.name);
  return names;
}

// Parameters in an order in which every `when` reads earlier ones only.
std::vector<size_t> order_of(const std::vector<Parameter>& parameters,
                             const std::vector<std::optional<Expression>>& when) {
  std::vector<size_t> order;
  std::vector<char> done(parameters.size(), 0);
  const auto ready = [&](size_t i) {
    if (!when[i]) return true;
    const auto& needs = when[i]->names();
    return std::all_of(needs.begin(), needs.end(), [&](const std::string& name) {
      for (size_t j = 0; j < parameters.size(); ++j)
        if (parameters[j].name == name) return bool(done[j]);
      return false;
    });
  };
  while (order.size() < parameters.size()) {
    const size_t before = order.size();
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (done[i] || !ready(i)) continue;
      done[i] = 1;
      order.push_back(i);
    }
    if (order.size() > before) continue;
    const size_t stuck = size_t(std::find(done.begin(), done.end(), 0) - done.begin());
    fail("{}: when '{}' depends on itself", place(parameters[stuck]), parameters[stuck].when);
  }
  return order;
}

}  // namespace

Space::Space(std::vector<Parameter> parameters, std::vector<Constraint> constraints)
    : parameters_(std::move(parameters)), constraints_(std::move(constraints)) {
  require(!parameters_.empty(), "space: it has no parameters");
  std::vector<Symbol> symbols;
  for (const Parameter& p : parameters_) {
    validate(p);
    for (const Symbol& other : symbols)
      require(other.name != p.name, "{}: the name stands twice", place(p));
    symbols.push_back(symbol(p));
  }
  for (const Parameter& p : parameters_) {
    when_.emplace_back();
    if (p.when.empty()) continue;
    try {
      when_.back() = Expression(p.when, symbols);
    } catch (const Error& error) {
      fail("{}: when {}", place(p), error.what());
    }
  }
  for (const Constraint& c : constraints_) {
    try {
      rules_.emplace_back(c.expression, symbols);
    } catch (const Error& error) {
      fail("{}constraint {}", prefix(c.where), error.what());
    }
  }
  order_ = order_of(parameters_, when_);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].varies()) continue;
    varying_.push_back(i);
    const Parameter& p = parameters_[i];
    const bool choice = p.kind == Kind::choice, flag = p.kind == Kind::flag;
    dimensions_.push_back({.category = choice || flag,
                           .conditional = when_[i].has_value(),
                           .values = choice ? int(p.values.size())
                                     : flag ? 2
                                            : 0});
  }
  Rng rng(1);
  sample(rng);  // throws where nothing meets the constraints
}

const Parameter* Space::find(std::string_view name) const {
  for (const Parameter& p : parameters_)
    if (p.name == name) return &p;
  return nullptr;
}

const Parameter& Space::at(std::string_view name) const {
  if (const Parameter* p = find(name)) return *p;
  fail("parameter '{}': not in the space{}", name, did_you_mean(name, names_of(parameters_)));
}

bool Space::active(const Parameter& p, const Point& point) const {
  const auto& when = when_[size_t(&at(p.name) - parameters_.data())];
  return !when || when->holds(point).value_or(false);
}

namespace {
void reject_unknown(const Space& space, const Point& values) {
  for (const auto& [name, value] : values.values) space.at(name);
}
}  // namespace

Point Space::complete(const Point& values) const {
  reject_unknown(*this, values);
  Point point;
  for (size_t i : order_) {
    const Parameter& p = parameters_[i];
    if (when_[i] && !when_[i]->holds(point).value_or(false)) continue;
    const auto given = values.values.find(p.name);
    if (given == values.values.end()) {
      require(!p.varies(), "parameter '{}': a value is missing", p.name);
      point.set(p.name, p.fixed);
      continue;
    }
    if (const auto wrong = fault(p, given->second)) fail("parameter '{}': {}", p.name, *wrong);
    point.set(p.name, given->second);
  }
  return point;
}

Point Space::complete(const Point& values, Rng& rng) const {
  reject_unknown(*this, values);
  Point point;
  for (size_t i : order_) {
    const Parameter& p = parameters_[i];
    if (when_[i] && !when_[i]->holds(point).value_or(false)) continue;
    const auto given = values.values.find(p.name);
    if (!p.varies())
      point.set(p.name, p.fixed);
    else if (given == values.values.end())
      point.set(p.name, draw(p, rng.uniform()));
    else
      point.set(p.name, nearest_value(p, given->second));
  }
  return point;
}

std::optional<std::string> Space::violated(const Point& point) const {
  for (const Expression& rule : rules_)
    if (!rule.holds(point).value_or(true)) return rule.text();
  return std::nullopt;
}

bool Space::contains(const Point& point) const {
  try {
    return complete(point) == point && !violated(point);
  } catch (const Error&) {
    return false;
  }
}

std::optional<Point> Space::try_sample(Rng& rng, int tries) const {
  for (; tries > 0; --tries)
    if (Point point = complete({}, rng); !violated(point)) return point;
  return std::nullopt;
}

Point Space::sample(Rng& rng) const {
  std::vector<int> broken(rules_.size(), 0);
  for (int tries = 0; tries < kTries; ++tries) {
    Point point = complete({}, rng);
    bool good = true;
    for (size_t r = 0; r < rules_.size(); ++r) {
      if (rules_[r].holds(point).value_or(true)) continue;
      good = false;
      ++broken[r];
    }
    if (good) return point;
  }
  const size_t worst = size_t(std::max_element(broken.begin(), broken.end()) - broken.begin());
  fail("{}constraint '{}': no point met {} in {} tries", prefix(constraints_[worst].where),
       constraints_[worst].expression, rules_.size() > 1 ? "it and the others" : "it", kTries);
}

Point Space::from_unit(std::span<const double> u) const {
  require(u.size() == varying_.size(), "space: {} unit values for {} parameters that vary",
          u.size(), varying_.size());
  Point point;
  std::vector<double> by_parameter(parameters_.size(), 0);
  for (size_t k = 0; k < u.size(); ++k) by_parameter[varying_[k]] = u[k];
  for (size_t i : order_) {
    if (when_[i] && !when_[i]->holds(point).value_or(false)) continue;
    const Parameter& p = parameters_[i];
    point.set(p.name, p.varies() ? draw(p, by_parameter[i]) : p.fixed);
  }
  return point;
}

Features Space::features(const Point& point) const {
  Features features;
  for (size_t i : varying_) {
    const Parameter& p = parameters_[i];
    const auto value = point.values.find(p.name);
    const bool active = value != point.values.end();
    features.active.push_back(active);
    if (!active) {
      features.x.push_back(0);
    } else if (p.kind == Kind::choice) {
      const auto at = std::find_if(p.values.begin(), p.values.end(), [&](const std::string& v) {
        return value_from(v) == value->second;
      });
      features.x.push_back(double(at - p.values.begin()));
    } else {
      features.x.push_back(p.kind == Kind::flag ? point.number(p.name)
                                                : to_unit(p, point.number(p.name)));
    }
  }
  return features;
}

Point Space::moved(const Point& point, std::span<const double> x) const {
  require(x.size() == varying_.size(), "space: {} unit values for {} parameters that vary",
          x.size(), varying_.size());
  Point result = point;
  for (size_t k = 0; k < x.size(); ++k) {
    const Parameter& p = parameters_[varying_[k]];
    if (p.kind == Kind::choice || p.kind == Kind::flag || !point.has(p.name)) continue;
    result.set(p.name, nearest_value(p, search::from_unit(p, x[k])));
  }
  return result;
}

std::optional<Point> Space::mutate(const Point& point, double scale, Rng& rng) const {
  std::vector<size_t> active;
  for (size_t i : varying_)
    if (point.has(parameters_[i].name)) active.push_back(i);
  if (active.empty()) return std::nullopt;
  for (int tries = 0; tries < 100; ++tries) {
    Point values = point;
    for (int64_t changes = 1 + rng.below(3); changes > 0; --changes) {
      const Parameter& p = parameters_[active[size_t(rng.below(int64_t(active.size())))]];
      if (p.kind == Kind::choice || p.kind == Kind::flag) {
        values.set(p.name, draw(p, rng.uniform()));
        continue;
      }
      const double u = to_unit(p, point.number(p.name)) + scale * rng.normal();
      PointValue moved = draw(p, std::clamp(u, 0.0, std::nextafter(1.0, 0.0)));
      // A step too small to leave the grid point would be lost: take the next one.
      const bool grid = p.step > 0 || p.kind == Kind::integer || p.kind == Kind::log_integer;
      if (grid && moved == PointValue(point.number(p.name)))
        moved = nearest_value(
            p, point.number(p.name) + (rng.below(2) ? 1 : -1) * (p.step > 0 ? p.step : 1));
      values.set(p.name, moved);
    }
    Point child = complete(values, rng);
    if (child != point && !violated(child)) return child;
  }
  return std::nullopt;
}

}  // namespace sparlet::search
