// Space: typed parameters, when they are active, and constraints between them.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "search/expression.h"
#include "search/point.h"
#include "tensor/rng.h"

namespace sparlet::search {

enum class Kind { integer, real, log_integer, log_real, choice, flag, fixed };
std::string_view name_of(Kind);
Kind kind_from(std::string_view name);  // throws Error naming the nearest

struct Parameter {
  std::string name;
  Kind kind = Kind::real;
  double low = 0, high = 1;              // both included; numbers only
  double step = 0;                       // values low + i × step; 0: 1 for integers, any for reals
  std::vector<std::string> values = {};  // of a choice
  PointValue fixed = 0.0;
  std::string when = {};   // active where this holds; empty: always
  std::string where = {};  // file:line, begins error messages

  bool varies() const { return kind != Kind::fixed; }
  bool operator==(const Parameter&) const = default;
};

struct Constraint {
  std::string expression;  // holds where a parameter in it is inactive
  std::string where = {};
  bool operator==(const Constraint&) const = default;
};

// One model input: a parameter that varies. A category is compared by equality only; a conditional
// one is not active everywhere.
struct Dimension {
  bool category = false;
  bool conditional = false;
  int values = 0;  // of a category
  bool operator==(const Dimension&) const = default;
};

// A point as model input, one entry a Dimension.
struct Features {
  std::vector<double> x;        // in [0,1], logarithmic for log kinds; index of a category
  std::vector<uint8_t> active;  // x is 0 where it is not
};

class Space {
 public:
  Space() = default;
  // Throws Error for an empty space, a doubled or unusable name, bad bounds, choice values that are
  // equal as values ("2", "2.0"), an expression that does not read, cyclic activity, and
  // constraints that none of 20,000 random points meets.
  explicit Space(std::vector<Parameter>, std::vector<Constraint> = {});

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<Constraint>& constraints() const { return constraints_; }
  const Parameter* find(std::string_view name) const;
  const Parameter& at(std::string_view name) const;  // throws Error naming the nearest
  // Whether the parameter is active, given the values in the point (others count as inactive).
  bool active(const Parameter&, const Point&) const;

  // The canonical point of these values: inactive ones dropped, fixed ones filled in. Throws Error
  // for an unknown name, a missing or bad value.
  Point complete(const Point& values) const;
  // The same, but missing values are drawn and bad ones (range, step) brought to the nearest good
  // one.
  Point complete(const Point& values, Rng&) const;
  // The broken constraint's expression, if there is one.
  std::optional<std::string> violated(const Point&) const;
  // In the space and meeting the constraints.
  bool contains(const Point&) const;

  // Uniform (in the logarithm for log kinds; bounds included) among the points that meet the
  // constraints, by rejection. Throws Error after 20,000 tries.
  Point sample(Rng&) const;
  // The same; none where so many tries find nothing.
  std::optional<Point> try_sample(Rng&, int tries) const;
  // Number of parameters that vary: the size of `u`, in the order of parameters().
  int dimension() const { return int(varying_.size()); }
  // From the unit cube (Sobol). The point may break a constraint.
  Point from_unit(std::span<const double> u) const;
  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  Features features(const Point&) const;
  // The point with its numbers moved to these unit values (Features::x), to the nearest good ones;
  // inactive ones and categories stay. What is active may change: complete() it.
  Point moved(const Point&, std::span<const double> x) const;
  // A near point: one to three active parameters moved by about `scale` of their range (choices
  // drawn anew). Meets the constraints and differs, unless 100 tries fail: then none.
  std::optional<Point> mutate(const Point&, double scale, Rng&) const;

 private:
  PointValue draw(const Parameter&, double u) const;
  std::vector<Parameter> parameters_;
  std::vector<Constraint> constraints_;
  std::vector<std::optional<Expression>> when_;  // by parameter
  std::vector<Expression> rules_;                // by constraint
  std::vector<size_t> order_;                    // activity: what a `when` reads comes first
  std::vector<size_t> varying_;
  std::vector<Dimension> dimensions_;
};

// --- one parameter's values
double to_unit(const Parameter&, double value);                 // linear or logarithmic, in [0,1]
double from_unit(const Parameter&, double u);                   // its inverse, not rounded
PointValue nearest_value(const Parameter&, const PointValue&);  // in bounds, on the steps
// Why the value is not one of the parameter's, if so.
std::optional<std::string> fault(const Parameter&, const PointValue&);

}  // namespace sparlet::search
