// Objectives: what is optimised, and the box in which its values are compared.
#pragma once
#include <span>
#include <string>
#include <vector>

namespace sparlet::search {

// Values are kept raw everywhere; models, scalarisation and hypervolume see `normalised` ones: 0 at
// `ideal`, 1 at `reference`, so less is better whatever `minimize` says.
struct Objective {
  std::string name;
  bool minimize = true;
  double reference = 1;      // worst value of interest, in the objective's own unit
  double ideal = 0;          // lower anchor of the box; better values become negative
  bool logarithmic = false;  // compare log2 of values
  bool operator==(const Objective&) const = default;
};

// A network's objective by name, with default box: error (0 .. 0.9), size and memory (1 B .. 64
// kB), macs (1 .. 1e7), latency (1e-3 .. 1e3 ms); all but error logarithmic. Another name: a
// metric, minimised, linear, box 0..1.
Objective network_objective(const std::string& name);
// Throws Error for a box that is empty, on the wrong side, or not positive where logarithmic.
void validate(const Objective&);

double normalised(const Objective&, double value);
// NaN where a value is.
std::vector<double> normalised(std::span<const Objective>, std::span<const double> values);
// Some value is no better than its reference: such a point is in no hypervolume. NaN: not known.
bool beyond(std::span<const Objective>, std::span<const double> values);

// Which places of a sequence of designs are passed over: those beyond a reference, for training
// them would add nothing to the hypervolume, unless that has been the fate of many in a row.
class PassOver {
 public:
  bool operator()(std::span<const Objective>, std::span<const double> values);
  void taken() { in_a_row_ = 0; }  // a place was taken, now or in an earlier run

 private:
  int in_a_row_ = 0;
};

}  // namespace sparlet::search
