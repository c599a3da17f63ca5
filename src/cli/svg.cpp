#include "cli/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace sparlet::cli {
namespace {

constexpr double kWidth = 860, kHeight = 540, kLeft = 70, kRight = 150, kTop = 50, kBottom = 60;

// A scale from values to pixels.
struct Axis {
  double low = 0, high = 1, from = 0, to = 1;
  bool logarithmic = false;

  double share(double value) const {
    if (logarithmic) return std::log(value / low) / std::log(high / low);
    return (value - low) / (high - low);
  }
  double operator()(double value) const { return from + (to - from) * share(value); }
};

// 1, 2 and 5 times powers of ten within the axis.
std::vector<double> ticks(const Axis& axis) {
  std::vector<double> list;
  for (int power = 0; power < 10; ++power)
    for (const double lead : {1.0, 2.0, 5.0}) {
      const double value = lead * std::pow(10.0, power);
      if (value >= axis.low && value <= axis.high) list.push_back(value);
    }
  return list;
}

std::vector<double> linear_ticks(const Axis& axis) {
  const double raw = (axis.high - axis.low) / 6;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double lead = raw / power;
  const double step = power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
  std::vector<double> list;
  for (double v = std::ceil(axis.low / step) * step; v <= axis.high + step * 1e-6; v += step)
    list.push_back(v);
  return list;
}

std::string bytes(double value) {
  return value >= 1000 ? fmt::format("{:g} kB", value / 1000) : fmt::format("{:g} B", value);
}

// Viridis by five anchors: even in lightness, and safe for the colour-blind.
std::string colour(double share) {
  constexpr std::array<std::array<double, 3>, 5> anchors = {
      {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}}};
  const double at = std::clamp(share, 0.0, 1.0) * 4;
  const size_t i = std::min<size_t>(3, size_t(at));
  std::array<int, 3> c{};
  for (size_t k = 0; k < 3; ++k)
    c[k] = int(anchors[i][k] + (anchors[i + 1][k] - anchors[i][k]) * (at - double(i)));
  return fmt::format("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]);
}

std::string text(double x, double y, const std::string& anchor, const std::string& what) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     what);
}

std::string escaped(const std::string& raw) {
  std::string out;
  for (const char c : raw) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return out;
}

// Bounds of a value over trials, with some room.
template <class Get>
Axis logarithmic_axis(const std::vector<search::Trial>& trials, Get get) {
  Axis axis{.low = 1e18, .high = 1, .logarithmic = true};
  for (const auto& t : trials) {
    axis.low = std::min(axis.low, double(get(t)));
    axis.high = std::max(axis.high, double(get(t)));
  }
  axis.low = std::max(1.0, axis.low / 1.2);
  axis.high = std::max(axis.low * 2, axis.high * 1.2);
  return axis;
}

std::string frame(const Axis& x, const Axis& y) {
  std::string out;
  for (const double v : ticks(x))
    out +=
        fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#ddd\"/>\n",
                    x(v), kTop, kHeight - kBottom) +
        text(x(v), kHeight - kBottom + 18, "middle", bytes(v));
  for (const double v : linear_ticks(y))
    out +=
        fmt::format("<line x1=\"{1}\" x2=\"{2}\" y1=\"{0:.1f}\" y2=\"{0:.1f}\" stroke=\"#ddd\"/>\n",
                    y(v), kLeft, kWidth - kRight) +
        text(kLeft - 8, y(v) + 4, "end", fmt::format("{:.3g} %", v * 100));
  out += text((kLeft + kWidth - kRight) / 2, kHeight - 14, "middle", "model size");
  out += fmt::format(
      "<text transform=\"translate(16 {:.0f}) rotate(-90)\" text-anchor=\"middle\">"
      "validation error</text>\n",
      (kTop + kHeight - kBottom) / 2);
  return out;
}

std::string legend(const Axis& memory) {
  std::string out = text(kWidth - kRight + 20, kTop + 4, "start", "working memory");
  constexpr int kSteps = 40;
  for (int i = 0; i < kSteps; ++i)
    out += fmt::format("<rect x=\"{}\" y=\"{:.1f}\" width=\"16\" height=\"6\" fill=\"{}\"/>\n",
                       kWidth - kRight + 20, kTop + 16 + 5.0 * (kSteps - 1 - i),
                       colour(double(i) / (kSteps - 1)));
  out += text(kWidth - kRight + 42, kTop + 26, "start", bytes(std::round(memory.high)));
  out +=
      text(kWidth - kRight + 42, kTop + 16 + 5.0 * kSteps, "start", bytes(std::round(memory.low)));
  return out;
}

}  // namespace

std::string front_svg(const std::vector<search::Trial>& done, const std::vector<int>& front,
                      const std::string& title) {
  Axis x = logarithmic_axis(done, [](const auto& t) { return t.metrics.size; });
  x.from = kLeft;
  x.to = kWidth - kRight;
  Axis memory = logarithmic_axis(done, [](const auto& t) { return t.metrics.memory; });
  double worst = 0;
  std::vector<search::Trial> arms;
  for (const auto& t : done) {
    if (std::find(front.begin(), front.end(), t.arm) == front.end()) continue;
    arms.push_back(t);
    worst = std::max(worst, t.metrics.error);
  }
  const Axis y{
      .low = 0, .high = std::clamp(worst * 1.15, 0.01, 1.0), .from = kHeight - kBottom, .to = kTop};
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
      kWidth, kHeight);
  out += fmt::format("<text x=\"{}\" y=\"26\" font-size=\"16\">{}</text>\n", kLeft, escaped(title));
  out += frame(x, y);
  for (const auto& t : done)
    if (t.metrics.error <= y.high)
      out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" fill=\"#bbb\"/>\n",
                         x(double(t.metrics.size)), y(t.metrics.error));
  for (const auto& t : arms) {
    const double cx = x(double(t.metrics.size)), cy = y(t.metrics.error);
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"6\" fill=\"{}\" stroke=\"#333\"><title>arm {}: "
        "error "
        "{:.2f} %, size {} B, memory {} B</title></circle>\n",
        cx, cy, colour(memory.share(double(t.metrics.memory))), t.arm, t.metrics.error * 100,
        t.metrics.size, t.metrics.memory);
    out += text(cx + 8, cy - 6, "start", fmt::format("{}", t.arm));
  }
  return out + legend(memory) + "</svg>\n";
}

}  // namespace sparlet::cli
