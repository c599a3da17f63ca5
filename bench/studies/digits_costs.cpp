// What knowing size and memory before training is worth on the digits space: the optimiser with
// networks that are really trained, once with error alone as its model and the costs predicted
// exactly, once with models of all three, and once those in the classic way: Gamma priors, the best
// hyperparameters, no conditions, 2 (d + 1) first points. Networks that cannot be built cost no
// evaluation.
//   digits_costs [evaluations=100] [seeds=3] [first seed=1] [epochs=5] [samples=1500] [config]
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "known_costs.h"
#include "search/optimizer.h"
#include "search/worker.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

struct Study {
  const Config config;
  const int epochs;
  const Space space;
  const Pipeline pipeline;
  const Data data;

  Study(Config c, int trained)
      : config(std::move(c)),
        epochs(trained),
        space(config.parameters, config.constraints),
        pipeline(default_pipeline(config)),
        data(load_data(config.data)) {}

  std::optional<std::vector<double>> costs(const Point& point) const {
    Rng rng(1);
    try {
      const Metrics m =
          costs_of(pipeline.predict(pipeline.build(point, data.spec, pipeline.user, rng), point));
      return std::vector<double>{NAN, double(m.size), double(m.memory)};
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  // Error of the int8 net and its predicted costs. The same point always gives the same.
  std::vector<double> trained(const Point& point, std::vector<double> values) const {
    Rng rng(mix(config.seed, std::hash<std::string>{}(to_text(point))));
    const TrialContext context{config, pipeline, data, {}};
    const Made made = make_net(context, point, epochs, rng);
    values[0] = made.trained.diverged ? 1 : measure(pipeline, made.shipped, data.validation).error;
    return values;
  }

  // Hypervolume after each evaluation.
  std::vector<double> run(study::Way way, int evaluations, uint64_t seed) const {
    Problem problem{.space = space, .objectives = config.objectives};
    if (way == study::Way::known) {
      problem.learned = {true, false, false};
      problem.known = [this](const Point& p) { return costs(p); };
    }
    OptimizerOptions options{.seed = seed};
    options.propose.cheap_known = false;  // a net is built for each
    options.surrogate = study::options_of(way);
    if (way == study::Way::classic) options.initial = study::classic_first(space);
    search::Optimizer optimizer(std::move(problem), options);
    std::vector<Values> values;
    std::vector<double> volumes;
    while (int(volumes.size()) < evaluations) {
      const auto asked = optimizer.ask();
      require(asked.has_value(), "the space holds nothing new");
      const auto known = costs(asked->point);
      if (!known) {
        optimizer.tell_infeasible(asked->trial);
        continue;
      }
      const std::vector<double> row = trained(asked->point, *known);
      optimizer.tell(asked->trial, row);
      values.push_back(normalised(config.objectives, row));
      volumes.push_back(study::box_volume(values));
    }
    return volumes;
  }
};

}  // namespace

int main(int argc, char** argv) try {
  const auto number = [&](int at, int fallback) {
    return argc > at ? std::atoi(argv[at]) : fallback;
  };
  const int evaluations = number(1, 100), seeds = number(2, 3), first = number(3, 1);
  const std::vector<std::string> keys = {fmt::format("data.train={}", number(5, 1500)),
                                         "data.validation=1500"};
  const Study study(load_config(argc > 6 ? argv[6] : "examples/digits.toml", keys), number(4, 5));
  study::Comparison comparison;
  for (int seed = first; seed < first + seeds; ++seed)
    comparison.add(seed,
                   [&](study::Way way) { return study.run(way, evaluations, uint64_t(seed)); });
  comparison.print();
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
