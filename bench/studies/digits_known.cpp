// What knowing size and memory before training is worth on the digits space, replayed from a table
// of trained networks (digits_table): each evaluation reveals a row, chosen by expected hypervolume
// improvement among all that are left. Once error alone has a model and the costs are predicted
// exactly, once all three objectives have models, and once the same the classic way: Gamma priors,
// the best hyperparameters, no conditions, 2 (d + 1) first rows.
//   digits_known TABLE.csv[,MORE.csv] [evaluations=100] [seeds=10] [first=20] [config]
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "known_costs.h"
#include "search/propose.h"

using namespace sparlet;
using namespace sparlet::search;
using study::DigitsRow;

namespace {

struct Study {
  const Config config;
  const Space space;
  const std::vector<DigitsRow> rows;
  std::map<std::string, size_t> place = {};  // of a point's text

  // Hypervolume after each evaluation.
  std::vector<double> run(study::Way way, int evaluations, int first, uint64_t seed) const {
    const bool known_costs = way == study::Way::known;
    if (way == study::Way::classic) first = study::classic_first(space);
    Rng rng(seed);
    std::vector<int> order(rows.size());
    std::iota(order.begin(), order.end(), 0);
    rng.shuffle(order);
    std::vector<Point> points;
    for (const DigitsRow& row : rows) points.push_back(row.point);
    const Known known = [&](const Point& p) {
      const DigitsRow& row = rows[place.at(to_text(p))];
      return std::optional(std::vector<double>{NAN, row.size, row.memory});
    };
    SurrogateOptions options = study::options_of(way);
    options.known = known;
    Models models(space, config.objectives, {true, !known_costs, !known_costs}, options);
    std::vector<Observation> seen;
    std::set<std::string> texts;
    std::vector<Values> values;
    std::vector<double> volumes;
    for (int i = 0; i < evaluations; ++i) {
      size_t row = size_t(order[size_t(i)]);
      if (i >= first) {
        models.update(seen, rng);
        const Surrogate surrogate(models, seen, {}, rng);
        const auto best = choose(space, surrogate, known, points, texts);
        require(best.has_value(), "the table has too few rows for {} evaluations", evaluations);
        row = place.at(to_text(best->point));
      }
      seen.push_back({rows[row].point, rows[row].measured});
      texts.insert(to_text(rows[row].point));
      values.push_back(rows[row].final);
      volumes.push_back(study::box_volume(values));
    }
    return volumes;
  }
};

}  // namespace

int main(int argc, char** argv) try {
  require(argc > 1, "digits_known TABLE.csv[,MORE.csv] [evaluations] [seeds] [first] [config]");
  const auto number = [&](int at, int fallback) {
    return argc > at ? std::atoi(argv[at]) : fallback;
  };
  const int evaluations = number(2, 100), seeds = number(3, 10), first = number(4, 20);
  const Config config = load_config(argc > 5 ? argv[5] : "examples/digits.toml");
  Study study{config, Space(config.parameters, config.constraints),
              study::digits_rows(argv[1], config.objectives)};
  std::vector<Values> all;
  for (size_t i = 0; i < study.rows.size(); ++i) {
    study.place[to_text(study.rows[i].point)] = i;
    all.push_back(study.rows[i].final);
  }
  fmt::print("{} networks, hypervolume of all {:.4f}; {} evaluations, {} of them drawn\n",
             all.size(), study::box_volume(all), evaluations, first);
  study::Comparison comparison;
  for (int seed = 1; seed <= seeds; ++seed)
    comparison.add(
        seed, [&](study::Way way) { return study.run(way, evaluations, first, uint64_t(seed)); });
  comparison.print();
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
