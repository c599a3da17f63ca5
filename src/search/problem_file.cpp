#include "search/problem_file.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "search/config_keys.h"
#include "search/formula.h"
#include "tensor/error.h"

namespace sparlet::search {

namespace {

void only_problem_keys(const SettingsFile& file) {
  for (const Setting& s : file.settings) {
    const std::string table = s.path.substr(0, s.path.find_first_of(".["));
    require(
        table == "parameter" || table == "constraint" || table == "objective" || table == "user",
        "{}: {}: of no use to `optimize`, which reads [[parameter]], [[constraint]] and "
        "[[objective]]",
        s.where, s.path);
  }
}

Objective objective_of(const Draft::ObjectiveDraft& box, size_t count) {
  require(!box.name.empty(), "{}: [[objective]]: \"name\" is missing", box.where);
  Objective o{.name = box.name, .reference = NAN, .ideal = NAN};
  box.edit(o);
  require(!std::isnan(o.reference) || count == 1,
          "{}: [[objective]]: \"{}\" has no reference, the worst value of interest", box.where,
          box.name);
  try {
    if (!std::isnan(o.reference) && !std::isnan(o.ideal)) validate(o);
    require(!o.logarithmic || !(o.reference <= 0),
            "objective '{}': logarithmic, so the reference "
            "must be above 0",
            o.name);
  } catch (const Error& error) {
    fail("{}: {}", box.where, error.what());
  }
  return o;
}

}  // namespace

Problem problem_from_text(std::string_view text, std::string_view where) {
  const SettingsFile file = read_settings(text, where);
  only_problem_keys(file);
  Draft draft = draft_of(file);
  finish_parameters(draft);
  require(!draft.config.parameters.empty(), "{}: no [[parameter]]", where);
  require(!draft.boxes.empty(), "{}: no [[objective]]", where);

  Problem problem;
  problem.space = Space(draft.config.parameters, draft.config.constraints);
  std::vector<std::string> numbers;
  for (const Parameter& p : problem.space.parameters())
    if (p.kind != Kind::choice && !(p.kind == Kind::fixed && p.fixed.index() == 1))
      numbers.push_back(p.name);
  std::vector<std::optional<Formula>> formulas;
  for (const Draft::ObjectiveDraft& box : draft.boxes) {
    for (const Objective& other : problem.objectives)
      require(other.name != box.name, "{}: [[objective]]: \"{}\" stands twice", box.where,
              box.name);
    problem.objectives.push_back(objective_of(box, draft.boxes.size()));
    problem.learned.push_back(box.known.empty());
    formulas.emplace_back();
    if (box.known.empty()) continue;
    try {
      formulas.back().emplace(box.known, numbers);
    } catch (const Error& error) {
      fail("{}: [[objective]]: known: {}", box.where, error.what());
    }
  }
  if (std::find(problem.learned.begin(), problem.learned.end(), false) != problem.learned.end())
    problem.known = [formulas](const Point& point) -> std::optional<std::vector<double>> {
      std::vector<double> values;
      for (const auto& formula : formulas) {
        values.push_back(formula ? (*formula)(point) : NAN);
        if (formula && !std::isfinite(values.back())) return std::nullopt;
      }
      return values;
    };
  return problem;
}

Problem load_problem(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  require(bool(in) && !std::filesystem::is_directory(path), "{}: cannot be read", path.string());
  std::ostringstream text;
  text << in.rdbuf();
  return problem_from_text(text.str(), path.string());
}

}  // namespace sparlet::search
