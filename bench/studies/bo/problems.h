// Test problems: their spaces, formulas and reference points. All objectives are minimised.
#pragma once
#include <string>
#include <vector>

#include "search/optimizer.h"

namespace bo {

using namespace sparlet;
using namespace sparlet::search;

struct TestProblem {
  Problem problem;
  std::function<Values(const Point&)> evaluate;
  double best = 0;  // greatest hypervolume, or the least value of one objective; 0: not known
};

// branin_currin, dtlz2_6_2, zdt1_6, dtlz2_8_4 (definitions: Deb et al. 2005; Zitzler et al. 2000);
// nas: a chain CNN's exact size, memory and MACs beside a made-up error; hierarchical: 40
// parameters, of which about 10 are active.
TestProblem problem_of(const std::string& name);
std::vector<std::string> problem_names();

// The same with every objective learnt.
TestProblem all_learnt(TestProblem);
// The same in a flat space: every parameter always active, as where a model knows of no conditions.
// What is inactive then has a value, which matters to the model alone.
TestProblem flat(TestProblem);

}  // namespace bo
