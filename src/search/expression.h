// Expressions over parameters: linear comparisons (`2*a + b < 10`), `==`, `!=`, and `in` on words
// (`type in [conv, separable]`), joined by `and`. Used for activity (`when`) and for constraints.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/point.h"

namespace sparlet::search {

// A name that an expression may use. Words are the values of a choice; empty for a number.
struct Symbol {
  std::string name;
  std::vector<std::string> words = {};
};

class Expression {
 public:
  // Throws Error: "'blocks >= tow': unknown name 'tow' at 11; nearest 'two'".
  Expression(std::string_view text, const std::vector<Symbol>& symbols);

  // Whether it holds; none where a name in it has no value.
  std::optional<bool> holds(const Point&) const;
  const std::string& text() const { return text_; }
  const std::vector<std::string>& names() const { return names_; }  // each once

  struct Term {
    double factor = 1;
    std::string name;
  };  // no name: a constant
  struct Clause {
    enum class Kind { less, less_equal, equal, not_equal, in } kind = Kind::equal;
    std::vector<Term> terms;  // numbers: sum(terms) ? 0
    std::string name;         // words: value of name ? words
    std::vector<PointValue> words;
  };

 private:
  std::string text_;
  std::vector<std::string> names_;
  std::vector<Clause> clauses_;
};

}  // namespace sparlet::search
