#include "search/formula.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {

namespace {

using Step = Formula::Step;

struct Function {
  std::string_view name;
  double (*one)(double) = nullptr;
  double (*two)(double, double) = nullptr;
};

constexpr int kDeepest = 100;  // parentheses within one another

const Function kFunctions[] = {
    {"abs", [](double x) { return std::abs(x); }, nullptr},
    {"ceil", [](double x) { return std::ceil(x); }, nullptr},
    {"cos", [](double x) { return std::cos(x); }, nullptr},
    {"exp", [](double x) { return std::exp(x); }, nullptr},
    {"floor", [](double x) { return std::floor(x); }, nullptr},
    {"log", [](double x) { return std::log(x); }, nullptr},
    {"log2", [](double x) { return std::log2(x); }, nullptr},
    {"max", nullptr, [](double x, double y) { return std::max(x, y); }},
    {"min", nullptr, [](double x, double y) { return std::min(x, y); }},
    {"round", [](double x) { return std::round(x); }, nullptr},
    {"sin", [](double x) { return std::sin(x); }, nullptr},
    {"sqrt", [](double x) { return std::sqrt(x); }, nullptr},
};

// Recursive descent: sum = product { ± product }, product = power { */ power },
// power = factor [ ^ power ], factor = -power | number | name | call | ( sum ).
class Parser {
 public:
  Parser(std::string_view text, const std::vector<std::string>& names)
      : text_(text), names_(names) {}

  std::vector<Step> parse() {
    sum();
    skip();
    if (at_ < text_.size()) error("unexpected '{}'", text_[at_]);
    return std::move(steps_);
  }

 private:
  template <class... Args>
  [[noreturn]] void error(fmt::format_string<Args...> format, Args&&... args) const {
    fail("'{}': {} at {}", text_, fmt::format(format, std::forward<Args>(args)...), at_ + 1);
  }
  void skip() {
    while (at_ < text_.size() && std::isspace(uint8_t(text_[at_]))) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (take(c)) return;
    if (at_ >= text_.size()) error("expected '{}', got the end", c);
    error("expected '{}', got '{}'", c, text_[at_]);
  }
  void push(Step::Kind kind) { steps_.push_back({.kind = kind}); }

  void sum() {
    if (++depth_ > kDeepest) error("more than {} levels", kDeepest);
    product();
    for (;;) {
      if (take('+')) {
        product();
        push(Step::Kind::add);
      } else if (take('-')) {
        product();
        push(Step::Kind::subtract);
      } else {
        break;
      }
    }
    --depth_;
  }
  void product() {
    power();
    for (;;) {
      if (take('*')) {
        power();
        push(Step::Kind::multiply);
      } else if (take('/')) {
        power();
        push(Step::Kind::divide);
      } else {
        return;
      }
    }
  }
  void power() {
    if (++depth_ > kDeepest) error("more than {} levels", kDeepest);
    if (take('-')) {
      power();
      push(Step::Kind::negate);
    } else {
      factor();
      if (take('^')) {
        power();
        push(Step::Kind::power);
      }
    }
    --depth_;
  }
  void factor() {
    if (take('(')) {
      sum();
      expect(')');
      return;
    }
    skip();
    if (at_ >= text_.size()) error("expected a number or a name, got the end");
    const char c = text_[at_];
    if (std::isdigit(uint8_t(c)) || c == '.') {
      double number = 0;
      const auto [end, status] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
      if (status != std::errc()) error("bad number");
      at_ = size_t(end - text_.data());
      steps_.push_back({.kind = Step::Kind::number, .number = number});
      return;
    }
    if (!std::isalpha(uint8_t(c)) && c != '_') error("unexpected '{}'", c);
    name();
  }
  void name() {
    size_t end = at_;
    while (end < text_.size() &&
           (std::isalnum(uint8_t(text_[end])) || text_[end] == '_' || text_[end] == '.'))
      ++end;
    const std::string word(text_.substr(at_, end - at_));
    // A parameter hides a function or pi of its name.
    if (std::find(names_.begin(), names_.end(), word) != names_.end()) {
      at_ = end;
      steps_.push_back({.kind = Step::Kind::name, .name = word});
      return;
    }
    for (const Function& f : kFunctions) {
      if (f.name != word) continue;
      at_ = end;
      expect('(');
      sum();
      if (f.two) {
        expect(',');
        sum();
      }
      expect(')');
      steps_.push_back({.kind = Step::Kind::call, .one = f.one, .two = f.two});
      return;
    }
    if (word != "pi") error("unknown name '{}'{}", word, did_you_mean(word, names_));
    at_ = end;
    steps_.push_back({.kind = Step::Kind::number, .number = M_PI});
  }

  std::string_view text_;
  const std::vector<std::string>& names_;
  std::vector<Step> steps_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Formula::Formula(std::string_view text, const std::vector<std::string>& names)
    : text_(text), steps_(Parser(text_, names).parse()) {}

double Formula::operator()(const Point& point) const {
  std::vector<double> stack;
  const auto pop = [&] {
    const double top = stack.back();
    stack.pop_back();
    return top;
  };
  for (const Step& step : steps_) {
    using K = Step::Kind;
    if (step.kind == K::number) {
      stack.push_back(step.number);
    } else if (step.kind == K::name) {
      stack.push_back(point.number(step.name, 0));
    } else if (step.kind == K::negate) {
      stack.back() = -stack.back();
    } else if (step.one) {
      stack.back() = step.one(stack.back());
    } else {
      const double b = pop(), a = pop();
      stack.push_back(step.two                   ? step.two(a, b)
                      : step.kind == K::add      ? a + b
                      : step.kind == K::subtract ? a - b
                      : step.kind == K::multiply ? a * b
                      : step.kind == K::divide   ? a / b
                                                 : std::pow(a, b));
    }
  }
  return stack.back();
}

}  // namespace sparlet::search
