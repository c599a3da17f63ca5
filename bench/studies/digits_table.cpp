// A table of trained networks of the digits space, for studies that replay it instead of training:
// points, the validation error after every epoch of one full training, and what the int8 net
// measured. The first half are Sobol points, the others morphs of the front so far.
//   digits_table FILE.csv [rows=1024] [epochs=16] [config] [key=value …]
// Keys are the config's; data.train=600 and data.validation=500 where none are given.
// An existing file is continued: the row's number and the rows before it decide what a row is.
#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "search/morphism.h"
#include "search/pareto.h"
#include "search/sobol.h"
#include "search/worker.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

struct Row {
  Point point;
  std::vector<double> front;  // error, size, memory, normalised
};

// The lines of a table that was begun.
std::vector<Row> rows_of(const std::string& path, const std::vector<Objective>& objectives) {
  std::vector<Row> rows;
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, ',');) fields.push_back(field);
    require(fields.size() > 12, "{}: a line of {} fields", path, fields.size());
    rows.push_back(
        {point_from(fields.back()),
         normalised(objectives, std::vector<double>{std::stod(fields[3]), std::stod(fields[4]),
                                                    std::stod(fields[5])})});
  }
  return rows;
}

struct Study {
  const Config config;
  const Space space;
  const Pipeline pipeline;
  Data data;
  std::set<std::string> seen = {};

  std::optional<Metrics> predicted(const Point& point) const {
    Rng rng(1);
    try {
      return costs_of(
          pipeline.predict(pipeline.build(point, data.spec, pipeline.user, rng), point));
    } catch (const Error&) {
      return std::nullopt;
    }
  }
  bool usable(const Point& point) const {
    return !space.violated(point) && !seen.contains(to_text(point)) && predicted(point);
  }
  Point next(const std::vector<Row>& rows, size_t sobol_rows, uint32_t& place) const {
    Rng rng(mix(config.seed, 7000 + rows.size()));
    const Sobol sequence(space.dimension(), config.seed);
    std::vector<std::vector<double>> values;
    for (const Row& row : rows) values.push_back(row.front);
    const std::vector<Move> moves = moves_of(space);
    while (true) {
      if (rows.size() < sobol_rows) {
        const Point point = space.from_unit(sequence.at(place++));
        if (usable(point)) return point;
        continue;
      }
      const std::vector<size_t> front = pareto_front(values);
      const Row& parent = rows[front[size_t(rng.below(int64_t(front.size())))]];
      const auto child = morph(space, parent.point, moves, rng);
      if (child && usable(child->point)) return child->point;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "digits_table FILE.csv [rows] [epochs] [config] [key=value …]\n");
    return 1;
  }
  const std::string path = argv[1];
  const size_t wanted = argc > 2 ? size_t(std::atoll(argv[2])) : 1024;
  const int epochs = argc > 3 ? std::atoi(argv[3]) : 16;
  std::vector<std::string> keys(argv + std::min(argc, 5), argv + argc);
  if (keys.empty()) keys = {"data.train=600", "data.validation=500"};
  const Config config = load_config(argc > 4 ? argv[4] : "examples/digits.toml", keys);
  Study study{config, Space(config.parameters, config.constraints), default_pipeline(config),
              load_data(config.data)};
  study.data.test = {};
  const TrialContext context{study.config, study.pipeline, study.data, {}};

  std::vector<Row> rows;
  if (std::ifstream(path)) rows = rows_of(path, config.objectives);
  std::ofstream out(path, std::ios::app);
  if (rows.empty()) {
    out << "row,origin,diverged,error,size,memory,macs,effective_macs,predicted_size,"
           "predicted_memory,predicted_macs,seconds";
    for (int e = 1; e <= epochs; ++e) out << fmt::format(",error_{}", e);
    out << ",point\n";
  }
  for (const Row& row : rows) study.seen.insert(to_text(row.point));
  uint32_t place = 0;
  while (rows.size() < wanted) {
    const Point point = study.next(rows, wanted / 2, place);
    const Metrics predicted = *study.predicted(point);
    Rng rng(mix(mix(config.seed, 9000), uint64_t(rows.size())));
    const Made made = make_net(context, point, epochs, rng);
    Metrics m = predicted;  // of one that diverged: the worst error at its cost
    m.error = 1;
    if (!made.trained.diverged) m = measure(study.pipeline, made.shipped, study.data.validation);
    out << fmt::format("{},{},{},{},{},{},{},{},{},{},{},{:.2f}", rows.size(),
                       rows.size() < wanted / 2 ? "sobol" : "morph", int(made.trained.diverged),
                       m.error, m.size, m.memory, m.macs, m.effective_macs, predicted.size,
                       predicted.memory, predicted.macs, made.trained.seconds);
    for (size_t e = 0; e < size_t(epochs); ++e)
      out << fmt::format(",{:.5g}", e < made.trained.history.size()
                                        ? made.trained.history[e].validation_error
                                        : 1.0);
    out << "," << to_text(point) << std::endl;
    study.seen.insert(to_text(point));
    rows.push_back(
        {point, normalised(config.objectives,
                           std::vector<double>{m.error, double(m.size), double(m.memory)})});
  }
}
