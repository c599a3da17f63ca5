// Hypervolume by trials of the optimiser and its baselines on test problems.
//
//   bo table  [--problems a,b] [--methods a,b] [--seeds N] [--trials N] [--batch Q] [--first SEED]
//             [--init N] [--all-gp] [--no-mask | --middle] [--classic] [--marks 30,60,100]
//
//   bo cost   [--sizes 100x2,500x4,2000x2,1000x4]
//
// cost: mean seconds of 50 proposals in a row behind that many answers, d = 6, that many
// objectives; and the memory of the process so far. table: one line a problem and method: medians
// [min, max] over seeds after so many evaluations, and seconds a proposal behind the initial ones.
// Of one objective it is the regret. --all-gp: learn what is known; --no-mask: the model knows of
// no conditions, and what is inactive has any value; --middle: what is inactive stands in the
// middle of its range; --batch: so many trials always pending. --classic: all objectives learnt,
// no conditions, Gamma priors, the best hyperparameters, 2 (d + 1) first points, however many: the
// usual way, that of the reference tables.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <deque>
#include <iostream>

#include "bo/problems.h"
#include "classic.h"
#include "tensor/error.h"

using namespace bo;

namespace {

struct Args {
  std::vector<std::string> problems = problem_names(), methods = {"ehvi"};
  int seeds = 10, trials = 100, batch = 1, first = 1, init = 0;
  bool all_gp = false, mask = true, middle = false, classic = false;
  std::vector<int> marks = {30, 60, 100};
  std::vector<std::string> sizes = {"100x2", "1000x4", "500x4", "2000x2"};
};

// Of this process, which has one thread: whatever else the machine does.
double processor_seconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == ',')
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

struct Trace {
  std::vector<double> value;  // after each evaluation
  double seconds = 0;         // a proposal
};

Trace run(const TestProblem& test, const Args& args, const std::string& method, uint64_t seed) {
  OptimizerOptions options{.method = method_from(method), .initial = args.init, .seed = seed};
  options.surrogate.mask = !args.middle;
  if (args.classic) {
    study::make_classic(options.surrogate);
    if (args.init == 0) options.initial = study::classic_first(test.problem.space);
  }
  Optimizer optimizer(test.problem, options);
  Trace trace;
  double spent = 0, least = INFINITY;
  int proposals = 0;
  std::deque<Optimizer::Asked> waiting;
  // The box's own volume is 1, where there is a box.
  double box = 1;
  for (const Objective& o : test.problem.objectives)
    if (o.logarithmic)
      box *= std::log2(o.reference / o.ideal);
    else if (!std::isnan(o.ideal))
      box *= o.reference - o.ideal;
  while (int(trace.value.size()) < args.trials) {
    while (int(waiting.size()) < args.batch && optimizer.asked() < args.trials) {
      const double start = processor_seconds();
      waiting.push_back(optimizer.ask().value());
      if (optimizer.asked() > optimizer.options().initial) {
        spent += processor_seconds() - start;
        ++proposals;
      }
    }
    const Values f = test.evaluate(waiting.front().point);
    optimizer.tell(waiting.front().trial, f);
    waiting.pop_front();
    least = std::min(least, f[0]);
    trace.value.push_back(f.size() == 1 ? least - test.best : optimizer.hypervolume() / box);
  }
  trace.seconds = proposals ? spent / proposals : 0;
  return trace;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  const size_t n = v.size();
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void table(const Args& args) {
  fmt::print("| problem | method | seeds |");
  for (const int mark : args.marks) fmt::print(" after {} |", mark);
  fmt::print(" s per proposal |\n|---|---|---|");
  for (size_t i = 0; i < args.marks.size(); ++i) fmt::print("---|");
  fmt::print("---|\n");
  for (const std::string& name : args.problems) {
    TestProblem test = problem_of(name);
    if (args.all_gp) test = all_learnt(std::move(test));
    if (!args.mask) test = flat(std::move(test));
    for (const std::string& method : args.methods) {
      std::vector<Trace> traces;
      for (int s = 0; s < args.seeds; ++s)
        traces.push_back(run(test, args, method, uint64_t(args.first + s)));
      fmt::print("| {} | {}{}{}{}{} | {} |", name, method, args.all_gp ? ", all learnt" : "",
                 args.classic ? ", classic"
                 : args.mask  ? ""
                              : ", no mask",
                 args.middle ? ", in the middle" : "",
                 args.batch > 1 ? fmt::format(", {} pending", args.batch) : "", args.seeds);
      for (const int mark : args.marks) {
        std::vector<double> at;
        for (const Trace& t : traces)
          if (mark <= int(t.value.size())) at.push_back(t.value[size_t(mark) - 1]);
        if (at.empty())
          fmt::print(" - |");
        else
          fmt::print(" {:.4f} [{:.4f}, {:.4f}] |", median(at),
                     *std::min_element(at.begin(), at.end()),
                     *std::max_element(at.begin(), at.end()));
      }
      std::vector<double> seconds;
      for (const Trace& t : traces) seconds.push_back(t.seconds);
      fmt::print(" {:.4f} |\n", median(seconds));
      std::fflush(stdout);
    }
  }
}

// DTLZ2 with 6 parameters.
Values dtlz2(const Point& p, size_t m) {
  std::vector<double> x;
  for (int i = 1; i <= 6; ++i) x.push_back(p.number(fmt::format("x{}", i)));
  double g = 0;
  for (size_t i = m - 1; i < x.size(); ++i) g += (x[i] - 0.5) * (x[i] - 0.5);
  Values f(m, 1 + g);
  for (size_t k = 0; k < m; ++k) {
    for (size_t j = 0; j + k + 1 < m; ++j) f[k] *= std::cos(M_PI / 2 * x[j]);
    if (k > 0) f[k] *= std::sin(M_PI / 2 * x[m - 1 - k]);
  }
  return f;
}

void cost(const Args& args) {
  fmt::print(
      "| answers | objectives | first proposal, s | mean of 50, s | slowest, s | RSS, MB |\n");
  fmt::print("|---|---|---|---|---|---|\n");
  for (const std::string& size : args.sizes) {
    const int n = std::stoi(size), m = std::stoi(size.substr(size.find('x') + 1));
    Problem problem = problem_of("dtlz2_6_2").problem;
    problem.objectives.resize(1);
    for (int k = 1; k < m; ++k) {
      problem.objectives.push_back(problem.objectives[0]);
      problem.objectives.back().name = fmt::format("f{}", k + 1);
    }
    Optimizer optimizer(problem, {.initial = n});
    for (int t = 0; t < n; ++t) optimizer.tell(t, dtlz2(optimizer.ask()->point, size_t(m)));
    double first = 0, sum = 0, slowest = 0;
    for (int i = 0; i <= 50; ++i) {
      const double start = processor_seconds();
      const auto asked = *optimizer.ask();
      const double seconds = processor_seconds() - start;
      optimizer.tell(asked.trial, dtlz2(asked.point, size_t(m)));
      if (i == 0) {  // from nothing: not warm
        first = seconds;
        continue;
      }
      sum += seconds / 50;
      slowest = std::max(slowest, seconds);
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    fmt::print("| {} | {} | {:.3f} | {:.4f} | {:.4f} | {:.0f} |\n", n, m, first, sum, slowest,
               double(usage.ru_maxrss) / 1000);
    std::fflush(stdout);
  }
}

Args parse(int argc, char** argv) {
  Args args;
  for (int i = 2; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--all-gp") {
      args.all_gp = true;
      continue;
    }
    if (option == "--no-mask") {
      args.mask = false;
      continue;
    }
    if (option == "--middle") {
      args.middle = true;
      continue;
    }
    if (option == "--classic") {
      args.classic = args.all_gp = true;
      args.mask = false;
      continue;
    }
    require(i + 1 < argc, "{}: a value is missing", option);
    const std::string value = argv[++i];
    if (option == "--problems") {
      args.problems = split(value);
    } else if (option == "--methods") {
      args.methods = split(value);
    } else if (option == "--sizes") {
      args.sizes = split(value);
    } else if (option == "--marks") {
      args.marks.clear();
      for (const std::string& mark : split(value)) args.marks.push_back(std::stoi(mark));
    } else {
      int* number = option == "--seeds"    ? &args.seeds
                    : option == "--trials" ? &args.trials
                    : option == "--batch"  ? &args.batch
                    : option == "--first"  ? &args.first
                    : option == "--init"   ? &args.init
                                           : nullptr;
      require(number, "{}: not an option", option);
      *number = std::stoi(value);
    }
  }
  return args;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string command = argc > 1 ? argv[1] : "";
    require(command == "table" || command == "cost",
            "usage: bo table|cost [options], see the head of bo.cpp");
    command == "table" ? table(parse(argc, argv)) : cost(parse(argc, argv));
  } catch (const std::exception& error) {
    fmt::print(stderr, "bo: {}\n", error.what());
    return 1;
  }
}
