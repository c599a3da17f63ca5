#include "search/expression.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {

namespace {

using Clause = Expression::Clause;

struct Token {
  enum class Kind { number, name, string, sign, end } kind = Kind::end;
  std::string text;
  double number = 0;
  size_t at = 1;  // column, from 1
};

// A sum of terms as it is read.
struct Linear {
  std::vector<Expression::Term> terms;
  double constant = 0;

  bool is_constant() const { return terms.empty(); }
  void add(const Linear& other, double factor) {
    constant += factor * other.constant;
    for (const auto& term : other.terms) {
      const auto same = std::find_if(terms.begin(), terms.end(),
                                     [&](const auto& t) { return t.name == term.name; });
      if (same == terms.end())
        terms.push_back({factor * term.factor, term.name});
      else
        same->factor += factor * term.factor;
    }
  }
};

// Recursive descent: expression = clause { "and" clause }.
class Parser {
 public:
  Parser(std::string_view text, const std::vector<Symbol>& symbols)
      : text_(text), symbols_(symbols) {
    scan();
  }

  std::vector<Clause> parse() {
    std::vector<Clause> clauses{clause()};
    while (is("and")) {
      ++next_;
      clauses.push_back(clause());
    }
    if (peek().kind != Token::Kind::end) error("unexpected '{}'", peek().text);
    return clauses;
  }

 private:
  template <class... Args>
  [[noreturn]] void error(fmt::format_string<Args...> format, Args&&... args) const {
    fail("'{}': {} at {}", text_, fmt::format(format, std::forward<Args>(args)...), peek().at);
  }

  const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
  }
  bool is(std::string_view text, size_t ahead = 0) const {
    const Token& token = peek(ahead);
    return (token.kind == Token::Kind::sign || token.kind == Token::Kind::name) &&
           token.text == text;
  }
  bool take(std::string_view text) {
    if (!is(text)) return false;
    ++next_;
    return true;
  }

  void scan() {
    size_t i = 0;
    const auto word = [](char c) { return std::isalnum(uint8_t(c)) || c == '_' || c == '.'; };
    while (i < text_.size()) {
      const char c = text_[i];
      if (std::isspace(uint8_t(c))) {
        ++i;
        continue;
      }
      Token token{.at = i + 1};
      if (std::isdigit(uint8_t(c)) || c == '.') {
        const auto [end, status] =
            std::from_chars(text_.data() + i, text_.data() + text_.size(), token.number);
        if (status != std::errc()) fail("'{}': bad number at {}", text_, i + 1);
        token.kind = Token::Kind::number;
        token.text = text_.substr(i, size_t(end - text_.data()) - i);
      } else if (std::isalpha(uint8_t(c)) || c == '_') {
        size_t end = i;
        while (end < text_.size() && word(text_[end])) ++end;
        token.kind = Token::Kind::name;
        token.text = text_.substr(i, end - i);
      } else if (c == '"' || c == '\'') {
        const size_t end = text_.find(c, i + 1);
        if (end == text_.npos) fail("'{}': a quote is not closed at {}", text_, i + 1);
        token.kind = Token::Kind::string;
        token.text = text_.substr(i + 1, end - i - 1);
        i += 2;
      } else {
        const std::string_view two = text_.substr(i, 2);
        const bool pair = two == "<=" || two == ">=" || two == "==" || two == "!=";
        if (!pair && std::string_view("<>+-*/()[],").find(c) == std::string_view::npos)
          fail("'{}': unexpected '{}' at {}", text_, c, i + 1);
        token.kind = Token::Kind::sign;
        token.text = std::string(pair ? two : text_.substr(i, 1));
      }
      i += token.text.size();
      tokens_.push_back(std::move(token));
    }
    tokens_.push_back({.text = "end", .at = text_.size() + 1});
  }

  const Symbol* find(std::string_view name) const {
    for (const Symbol& symbol : symbols_)
      if (symbol.name == name) return &symbol;
    return nullptr;
  }
  const Symbol& known(std::string_view name) const {
    if (const Symbol* symbol = find(name)) return *symbol;
    std::vector<std::string> names;
    for (const Symbol& symbol : symbols_) names.push_back(symbol.name);
    error("unknown name '{}'{}", name, did_you_mean(name, names));
  }

  Clause clause() {
    if (peek().kind == Token::Kind::name && is("in", 1)) return membership();
    if (peek().kind == Token::Kind::name && (is("==", 1) || is("!=", 1))) {
      const Symbol& symbol = known(peek().text);
      if (!symbol.words.empty()) {
        next_ += 2;
        Clause made{
            .kind = tokens_[next_ - 1].text == "==" ? Clause::Kind::in : Clause::Kind::not_equal,
            .name = symbol.name};
        made.words.push_back(word_of(symbol));
        return made;
      }
    }
    return comparison();
  }

  Clause membership() {
    const Symbol& symbol = known(peek().text);
    next_ += 2;
    Clause made{.kind = Clause::Kind::in, .name = symbol.name};
    if (!take("[")) error("expected '[' after 'in', found '{}'", peek().text);
    do made.words.push_back(word_of(symbol));
    while (take(","));
    if (!take("]")) error("expected ',' or ']', found '{}'", peek().text);
    return made;
  }

  // A value of the symbol: a word of a choice, or a number.
  PointValue word_of(const Symbol& symbol) {
    const bool minus = take("-");
    const Token& token = peek();
    if (token.kind == Token::Kind::end || token.kind == Token::Kind::sign)
      error("expected a value, found '{}'", token.text);
    PointValue value = value_from(token.text);
    if (token.text == "true" || token.text == "false") value = token.text == "true" ? 1.0 : 0.0;
    if (minus && token.kind == Token::Kind::number) value = -token.number;
    const auto& words = symbol.words;
    if (words.empty()) {
      if (!std::holds_alternative<double>(value))
        error("'{}' is a number, it cannot be '{}'", symbol.name, token.text);
    } else if (std::find(words.begin(), words.end(), to_text(value)) == words.end()) {
      error("'{}' is never '{}'{}", symbol.name, token.text, did_you_mean(token.text, words));
    }
    ++next_;
    return value;
  }

  Clause comparison() {
    Linear left = sum();
    const std::string sign = peek().text;
    const bool swap = sign == ">" || sign == ">=";
    if (peek().kind != Token::Kind::sign ||
        (sign != "<" && sign != "<=" && sign != "==" && sign != "!=" && !swap))
      error("expected a comparison (< <= > >= == != in), found '{}'", sign);
    ++next_;
    left.add(sum(), -1);  // left - right ? 0
    Clause made;
    made.kind = sign == "=="                 ? Clause::Kind::equal
                : sign == "!="               ? Clause::Kind::not_equal
                : sign == "<" || sign == ">" ? Clause::Kind::less
                                             : Clause::Kind::less_equal;
    for (const auto& term : left.terms)
      made.terms.push_back({swap ? -term.factor : term.factor, term.name});
    if (left.terms.empty()) error("a comparison without a parameter");
    made.terms.push_back({swap ? -left.constant : left.constant, ""});
    return made;
  }

  Linear sum() {
    Linear total;
    double sign = take("-") ? -1 : (take("+"), 1);
    for (;;) {
      total.add(product(), sign);
      if (take("+"))
        sign = 1;
      else if (take("-"))
        sign = -1;
      else
        return total;
    }
  }

  Linear product() {
    Linear total = factor();
    while (is("*") || is("/")) {
      const bool divide = is("/");
      ++next_;
      Linear right = factor();
      if (divide && (!right.is_constant() || right.constant == 0))
        error("not linear: only division by a number other than 0");
      if (!total.is_constant() && !right.is_constant())
        error("not linear: a product of parameters");
      if (total.is_constant() && !divide) std::swap(total, right);
      Linear scaled;
      scaled.add(total, divide ? 1 / right.constant : right.constant);
      total = scaled;
    }
    return total;
  }

  Linear factor() {
    const Token token = peek();
    ++next_;
    if (token.kind == Token::Kind::number) return {.constant = token.number};
    if (token.text == "(" && token.kind == Token::Kind::sign) {
      if (++depth_ > 100) error("too many parentheses");
      Linear inner = sum();
      --depth_;
      if (!take(")")) error("expected ')', found '{}'", peek().text);
      return inner;
    }
    --next_;
    if (token.kind != Token::Kind::name) error("expected a number or name, found '{}'", token.text);
    if (!find(token.text) && (token.text == "true" || token.text == "false")) {
      ++next_;
      return {.constant = token.text == "true" ? 1.0 : 0.0};
    }
    if (!known(token.text).words.empty()) error("'{}' is a choice, not a number", token.text);
    ++next_;
    return {.terms = {{1, token.text}}};
  }

  std::string_view text_;
  const std::vector<Symbol>& symbols_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  int depth_ = 0;
};

bool holds_for(const Clause& clause, const Point& point) {
  if (!clause.words.empty()) {
    const PointValue& value = point.values.find(clause.name)->second;
    const bool found =
        std::find(clause.words.begin(), clause.words.end(), value) != clause.words.end();
    return found == (clause.kind == Clause::Kind::in);
  }
  double sum = 0, size = 0;
  for (const auto& term : clause.terms) {
    const double part = term.factor * (term.name.empty() ? 1 : point.number(term.name));
    sum += part;
    size += std::abs(part);
  }
  if (std::abs(sum) <= 1e-12 * size) sum = 0;  // 0.1 + 0.2 is 0.3
  switch (clause.kind) {
    case Clause::Kind::less:
      return sum < 0;
    case Clause::Kind::less_equal:
      return sum <= 0;
    case Clause::Kind::equal:
      return sum == 0;
    default:
      return sum != 0;
  }
}

}  // namespace

Expression::Expression(std::string_view text, const std::vector<Symbol>& symbols)
    : text_(text), clauses_(Parser(text, symbols).parse()) {
  const auto note = [&](const std::string& name) {
    if (!name.empty() && std::find(names_.begin(), names_.end(), name) == names_.end())
      names_.push_back(name);
  };
  for (const Clause& clause : clauses_) {
    note(clause.name);
    for (const Term& term : clause.terms) note(term.name);
  }
}

std::optional<bool> Expression::holds(const Point& point) const {
  for (const std::string& name : names_)
    if (!point.has(name)) return std::nullopt;
  return std::all_of(clauses_.begin(), clauses_.end(),
                     [&](const Clause& clause) { return holds_for(clause, point); });
}

}  // namespace sparlet::search
