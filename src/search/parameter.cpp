// One parameter's values: names of kinds, scales, grids.
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "search/space.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {

namespace {

constexpr std::array<std::string_view, 7> kKinds = {"integer", "real", "log_integer", "log_real",
                                                    "choice",  "flag", "fixed"};

bool is_whole(Kind kind) { return kind == Kind::integer || kind == Kind::log_integer; }
bool is_log(Kind kind) { return kind == Kind::log_integer || kind == Kind::log_real; }
double step_of(const Parameter& p) { return p.step > 0 ? p.step : is_whole(p.kind) ? 1 : 0; }

// In bounds, on the grid low + i × step.
double snapped(const Parameter& p, double value) {
  value = std::clamp(value, p.low, p.high);
  const double step = step_of(p);
  if (step == 0) return value;
  const double last = std::floor((p.high - p.low) / step + 1e-9);
  return std::min(p.low + step * std::min(std::round((value - p.low) / step), last), p.high);
}

}  // namespace

std::string_view name_of(Kind kind) { return kKinds[size_t(kind)]; }

Kind kind_from(std::string_view name) {
  const auto at = std::find(kKinds.begin(), kKinds.end(), name);
  require(at != kKinds.end(), "type '{}': not a parameter's type{}", name,
          did_you_mean(name, kKinds));
  return Kind(at - kKinds.begin());
}

double to_unit(const Parameter& p, double value) {
  if (p.high == p.low) return 0;
  return is_log(p.kind) ? std::log(value / p.low) / std::log(p.high / p.low)
                        : (value - p.low) / (p.high - p.low);
}

double from_unit(const Parameter& p, double u) {
  if (u <= 0) return p.low;
  if (u >= 1) return p.high;
  return is_log(p.kind) ? p.low * std::exp(u * std::log(p.high / p.low))
                        : p.low + u * (p.high - p.low);
}

PointValue Space::draw(const Parameter& p, double u) const {
  switch (p.kind) {
    case Kind::fixed:
      return p.fixed;
    case Kind::flag:
      return u < 0.5 ? 0.0 : 1.0;
    case Kind::choice: {
      const size_t n = p.values.size();
      return value_from(p.values[std::min(size_t(u * double(n)), n - 1)]);
    }
    default:
      break;
  }
  if (u <= 0) return p.low;  // exactly, also through the logarithm
  // Half a step beyond the bounds, so that the end points of a grid get their full share.
  const double step = step_of(p);
  const double last = step > 0 ? p.low + step * std::floor((p.high - p.low) / step + 1e-9) : p.high;
  double low = p.low - step / 2, high = last + step / 2;
  if (!is_log(p.kind)) return snapped(p, low + u * (high - low));
  low = std::max(low, p.low / 2);
  return snapped(p, std::exp(std::log(low) + u * (std::log(high) - std::log(low))));
}

PointValue nearest_value(const Parameter& p, const PointValue& value) {
  if (!fault(p, value)) return value;
  const auto* number = std::get_if<double>(&value);
  switch (p.kind) {
    case Kind::fixed:
      return p.fixed;
    case Kind::choice:
      return value_from(p.values.front());
    case Kind::flag:
      return number && *number >= 0.5 ? 1.0 : 0.0;
    default:
      return number && !std::isnan(*number) ? snapped(p, *number) : p.low;
  }
}

std::optional<std::string> fault(const Parameter& p, const PointValue& value) {
  const std::string text = to_text(value);
  if (p.kind == Kind::fixed)
    return value == p.fixed
               ? std::nullopt
               : std::optional(fmt::format("{} is not the fixed value {}", text, to_text(p.fixed)));
  if (p.kind == Kind::choice) {
    for (const std::string& known : p.values)
      if (value_from(known) == value) return std::nullopt;
    return fmt::format("'{}' is none of [{}]{}", text, fmt::join(p.values, ", "),
                       did_you_mean(text, p.values));
  }
  const auto* number = std::get_if<double>(&value);
  if (!number) return fmt::format("'{}' is not a number", text);
  if (p.kind == Kind::flag)
    return *number == 0 || *number == 1
               ? std::nullopt
               : std::optional(fmt::format("{} is not a flag (0 or 1)", text));
  if (!(*number >= p.low && *number <= p.high))
    return fmt::format("{} is not in [{}, {}]", text, p.low, p.high);
  if (is_whole(p.kind) && *number != std::floor(*number))
    return fmt::format("{} is not a whole number", text);
  const double step = step_of(p);
  if (step > 0 && std::abs(snapped(p, *number) - *number) > 1e-9 * step)
    return fmt::format("{} is not {} plus a multiple of {}", text, p.low, p.step);
  return std::nullopt;
}

}  // namespace sparlet::search
