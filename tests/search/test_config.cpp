#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "search/config.h"
#include "search/training.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

// The message that a config gives, or "".
std::string complaint(const std::string& text, const std::vector<std::string>& set = {}) {
  try {
    const Config config = config_from_text(text, "a.toml", set);
    Space(config.parameters, config.constraints);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string kSpace =
    "[[parameter]]\nname = \"filters\"\ntype = \"integer\"\nbounds = [1, 8]\n";

}  // namespace

TEST_CASE("config: values arrive, defaults stay") {
  const Config c = config_from_text(
      "name = \"n\"\nseed = 7\nobjectives = 2\n[data]\ntrain = 100\n[search]\nr1 = 3\nminutes = 2\n"
      "[train]\noptimizer = \"sgd\"\nlearning_rate = 1\n[quant]\nscheme = \"post\"\n" +
          kSpace +
          "step = 2\nwhen = \"filters > 0\"\n[[constraint]]\nexpression = \"filters <= 4\"\n"
          "[[objective]]\nname = \"error\"\nreference = 0.5\n[user]\nalpha = 0.25\nnested.word = "
          "\"x\"\n",
      "a.toml");
  CHECK(c.name == "n");
  CHECK(c.seed == 7);
  REQUIRE(c.objectives.size() == 2);
  CHECK(c.objectives[0].name == "error");
  CHECK(c.objectives[0].reference == 0.5);
  CHECK(c.objectives[1].name == "size");
  CHECK(c.data.train == 100);
  CHECK(c.data.source == "digits");
  for (const std::string_view source : data_sources())
    CHECK(config_from_text("", "a.toml", {fmt::format("data.source={}", source)}).data.source ==
          source);
  const DataOptions d = config_from_text(
                            "[data]\nby_group = true\nsteps = 9\nfit = \"chop\"\n"
                            "channels_first = true\ntest_fraction = 0.25\n",
                            "a.toml")
                            .data;
  CHECK(d.by_group);
  CHECK(d.steps == 9);
  CHECK(d.fit == Fit::chop);
  CHECK(d.channels_first);
  CHECK(d.test_fraction == 0.25);
  CHECK(c.search.r1 == 3);
  CHECK(c.search.r2 == PhaseOptions{}.r2);
  CHECK(c.search.minutes == 2.0);
  CHECK(c.train.optimizer == "sgd");
  CHECK(c.train.learning_rate == 1.0);
  CHECK(c.quant.scheme == "static");
  REQUIRE(c.parameters.size() == 1);
  CHECK(c.parameters[0].step == 2);
  CHECK(c.parameters[0].high == 8);
  CHECK(c.constraints.at(0).expression == "filters <= 4");
  CHECK(*c.user.at("alpha").get<double>() == 0.25);
  CHECK(*c.user.at("nested.word").get<std::string>() == "x");
}

TEST_CASE("config: SpArSeMod's words") {
  const Config c = config_from_text(
      "r1 = 1\nr2 = 2\nr3 = 3\nepochs1 = 4\nepochs2 = 5\nepochs3 = 6\nmorphisms = false\npruning = "
      "false\n"
      "quant_scheme = \"post\"\nflops = 80000000\n",
      "a.toml");
  CHECK(c.search.r1 == 1);
  CHECK(c.search.epochs3 == 6);
  CHECK_FALSE(c.search.morphisms);
  CHECK_FALSE(c.prune.enabled);
  CHECK(c.quant.scheme == "static");
  CHECK(c.device.macs_per_second == 8e7);
  CHECK(c.planned() == 3);  // no third phase
  const Config places = config_from_text("objectives = [0, 2]\n", "a.toml");
  REQUIRE(places.objectives.size() == 2);
  CHECK(places.objectives[1].name == "memory");
}

TEST_CASE("config: overrides") {
  const Config c = config_from_text("[search]\nr1 = 3\n" + kSpace, "a.toml",
                                    {"search.r1=5", "data.path=/some/where", "name=\"quoted\"",
                                     "parameter.filters.bounds=[2, 4]", "search.r1=6"});
  CHECK(c.search.r1 == 6);
  CHECK(c.data.path == "/some/where");
  CHECK(c.name == "quoted");
  CHECK(c.parameters.at(0).low == 2);
  // What the run folder keeps reads back the same.
  const Config again = config_from_text(c.text, "b.toml");
  CHECK(again.search.r1 == 6);
  CHECK(first_difference(c, again) == "");
}

TEST_CASE("config: overrides reach a ready space's parameters, and objectives that no file lists") {
  const auto with = [](std::vector<std::string> set) {
    return config_from_text("space = \"sparse_rnn\"\nobjectives = 2\n", "a.toml", set);
  };
  const auto find = [](const Config& config, const std::string& name) {
    return *std::find_if(config.parameters.begin(), config.parameters.end(),
                         [&](const Parameter& p) { return p.name == name; });
  };
  const Config config =
      with({"parameter.neurons_layers.bounds=[8,64]", "parameter.fc_layers.type=fixed",
            "parameter.fc_layers.value=1", "objective.size.reference=500000"});
  CHECK(find(config, "neurons_layers").high == 64);
  CHECK(find(config, "neurons_layers").kind == Kind::log_integer);
  CHECK(find(config, "fc_layers").kind == Kind::fixed);
  CHECK(config.parameters.size() == with({}).parameters.size());
  CHECK(config.objectives.at(1).reference == 500000);
  // What a run folder keeps reads the same.
  const Config again = config_from_text(config.text, "config.toml");
  REQUIRE(again.parameters.size() == config.parameters.size());
  for (size_t i = 0; i < config.parameters.size(); ++i) {
    Parameter same = again.parameters[i];
    same.where = config.parameters[i].where;
    CHECK(same == config.parameters[i]);
  }
  CHECK(first_difference(config, again) == "");
  CHECK_THROWS_WITH_AS(with({"parameter.neuron_layers.bounds=[8,64]"}),
                       doctest::Contains("--set parameter.neuron_layers.bounds: neuron_layers: the "
                                         "space \"sparse_rnn\" has no such parameter"),
                       Error);
  CHECK_THROWS_WITH_AS(with({"parameter.neuron_layers.bounds=[8,64]"}),
                       doctest::Contains("did you mean 'neurons_layers'"), Error);
}

TEST_CASE("config: what does not fit is one line that names the place and the nearest") {
  struct Case {
    std::string text;
    std::vector<std::string> pieces;
    std::vector<std::string> set = {};
  };
  const std::vector<Case> cases = {
      {"[search]\nr5 = 1\n", {"a.toml:2", "search.r5", "unknown key", "search.r1"}},
      {"sed = 1\n", {"a.toml:1", "sed", "\"seed\""}},
      {"trals = 1\n", {"a.toml:1", "\"search.trials\""}},
      {"[serch]\nr1 = 1\n", {"a.toml:2", "serch.r1", "\"search.r1\""}},
      {"[emty]\n", {"a.toml:1", "emty", "unknown key"}},
      {"[search]\nr1 = \"many\"\n", {"a.toml:2", "search.r1", "whole number", "\"many\""}},
      {"[search]\nr1 = 2.5\n", {"a.toml:2", "search.r1", "whole number", "2.5"}},
      {"[search]\nr1 = -1\n", {"a.toml:2", "0 .. 100000", "-1"}},
      {"[prune]\nbegin = 2\n", {"a.toml:2", "prune.begin", "0 .. 1"}},
      {"[prune]\nbegin = 0.9\n", {"prune.begin", "prune.end"}},
      {"[prune]\nenabled = 1\n", {"a.toml:2", "true or false"}},
      {"[train]\noptimizer = \"adm\"\n", {"a.toml:2", "\"adam\"", "\"adm\""}},
      {"[quant]\nscheme = \"dynamic\"\n", {"a.toml:2", "\"static\""}},
      {"objectives = 5\n", {"a.toml:1", "1 .. 4"}},
      {"objectives = [\"error\", \"error\"]\n", {"a.toml:1", "twice"}},
      {"[[objective]]\nname = \"size\"\n[[objective]]\nname = \"size\"\n", {"a.toml:4", "twice"}},
      {"seed = 1\n[[objective]]\n", {"a.toml:2", "name"}},
      {"seed = 1\n[[constraint]]\n", {"a.toml:2", "expression"}},
      {"", {"--set user", "table", "3"}, {"user=3"}},
      {"[data]\nsource = \"cifar1\"\n", {"a.toml:2", "data.source", "\"cifar10\""}},
      {"[[parameter]]\nname = \"x\"\ntype = \"fixed\"\nvalue = nan\n", {"a.toml:4", "finite"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"choice\"\nvalues = [1, inf]\n",
       {"a.toml:4", "finite"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"choice\"\nvalues = [\"2\", \"2.0\"]\n",
       {"a.toml:2", "x", "'2.0' stands twice"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"integer\"\nbounds = [-9223372036854775808, 1]\n",
       {"a.toml:2", "x", "2^53"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"real\"\nbounds = [-1e308, 1e308]\n",
       {"a.toml:2", "x", "too far apart"}},
      {"objectives = [4]\n", {"a.toml:1", "list of names"}},
      {"[[objective]]\nname = \"size\"\nreference = -1\n", {"a.toml:2", "size"}},
      {"[[objective]]\nreference = 1\n", {"a.toml:2", "name"}},
      {"[device]\nname = \"cortex-m44\"\n", {"a.toml:2", "cortex-m4"}},
      {"[[search]]\nr1 = 1\n", {"a.toml:2", "not a list"}},
      {"[parameter]\nname = \"x\"\n", {"a.toml:2", "[[parameter]]"}},
      {"a = [1\n", {"a.toml:"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"int\"\n", {"a.toml:3", "integer"}},
      {"[[parameter]]\nname = \"x\"\n", {"a.toml:2", "type", "missing"}},
      {"[[parameter]]\ntype = \"flag\"\n", {"a.toml:2", "name", "missing"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"real\"\n", {"a.toml:2", "x", "bounds"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"real\"\nbounds = [1]\n", {"a.toml:4", "[low, high]"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"flag\"\nbounds = [1, 2]\n",
       {"a.toml:2", "bounds", "flag"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"choice\"\n", {"a.toml:2", "values"}},
      {"[[parameter]]\nname = \"x\"\ntype = \"real\"\nbounds = [2, 1]\n", {"a.toml:", "x"}},
      {"[[parameter]]\nname = \"x\"\ntyp = \"real\"\n", {"a.toml:3", "parameter.type"}},
      {kSpace + kSpace, {"a.toml:", "filters"}},
      {kSpace + "when = \"filtres > 1\"\n", {"a.toml:", "filtres", "filters"}},
      {kSpace + "[[constraint]]\nexpression = \"filters > 100\"\n", {"filters > 100"}},
      {kSpace + "[[constraint]]\nexpresion = \"filters > 1\"\n",
       {"a.toml:6", "constraint.expression"}},
      {"", {"--set search.r1", "whole number", "\"x\""}, {"search.r1=x"}},
      {"", {"--set serch.r1", "\"search.r1\""}, {"serch.r1=1"}},
      {"", {"--set nothing", "KEY=VALUE"}, {"nothing"}},
      {"seed = 1\n", {"--set seed.x"}, {"seed.x=1"}},
      {kSpace, {"--set parameter.filtr.bounds", "filtr"}, {"parameter.filtr.bounds=[1,2]"}},
  };
  for (const Case& c : cases) {
    const std::string message = complaint(c.text, c.set);
    CAPTURE(c.text);
    CAPTURE(message);
    CHECK(message.find('\n') == std::string::npos);
    for (const std::string& piece : c.pieces) {
      CAPTURE(piece);
      CHECK(message.find(piece) != std::string::npos);
    }
  }
  CHECK(complaint("").find("parameter") != std::string::npos);  // an empty space
}

TEST_CASE("config: a file that is not there") {
  CHECK_THROWS_WITH_AS(load_config("no/such.toml"), "no/such.toml: cannot be read", Error);
  CHECK_THROWS_AS(load_config("."), Error);
}

TEST_CASE("config: differences that matter to a resumed run") {
  const auto config = [](const std::string& text) { return config_from_text(text, "a.toml"); };
  const Config a = config("seed = 1\n[search]\nr1 = 3\n");
  CHECK(first_difference(a, config("r1 = 3\nseed = 1\n[search]\ntrials = 9\nminutes = 1\n")) == "");
  CHECK(first_difference(a, config("seed = 2\n[search]\nr1 = 3\n")) == "seed: 1 before, now 2");
  CHECK(first_difference(a, config("seed = 1\n")) == "search.r1: 3 before, now absent");
  CHECK(first_difference(a, config("seed = 1\nname = \"b\"\n[search]\nr1 = 3\n")) ==
        "name: absent before, now \"b\"");
}

TEST_CASE("[train]: every word becomes what train() takes") {
  const auto train = [](const std::string& set) {
    return config_from_text("", "a.toml", {"train." + set}).train;
  };
  for (const std::string_view word : optimizer_words())
    CHECK(rate_of(optimizer_of(train(fmt::format("optimizer={}", word)), {})) == 1e-3f);
  const auto sgdw = std::get<Sgd>(optimizer_of(train("optimizer=sgdw"), {}));
  CHECK(sgdw.decoupled);
  CHECK(sgdw.momentum == 0.9f);
  Point rate;
  rate.set("learning_rate", 0.25);
  CHECK(std::get<RmsProp>(optimizer_of(train("optimizer=rmsprop"), rate)).rate == 0.25f);
  for (const std::string_view word : schedule_words())
    CHECK_NOTHROW(check(schedule_of(train(fmt::format("schedule={}", word)), {}, 100)));
  CHECK(std::get<MultiStep>(schedule_of(train("schedule=multistep"), {}, 100)).at ==
        std::vector<int64_t>{50, 75});
  CHECK(std::get<ReduceOnPlateau>(schedule_of(train("schedule=plateau"), {}, 100)).patience == 3);

  Data data;
  data.train = Dataset::all(Tensor({4, 1}), Tensor(Shape{4}, DType::i32));
  data.train.y.write<int32_t>()[0] = 1;
  data.spec.classes = 2;
  CHECK(std::holds_alternative<MeanSquaredError>(loss_of(train("loss=mse"), data)));
  CHECK(std::holds_alternative<BinaryCrossEntropy>(loss_of(train("loss=bce"), data)));
  const auto weighed = std::get<CrossEntropy>(loss_of(train("class_weights=balanced"), data));
  CHECK(weighed.class_weights[1] == 3 * weighed.class_weights[0]);
  CHECK(!augment_of(train("flip=false"), {7, 2}, false));
  for (const char* set : {"flip=true", "shift=2", "time_shift=3", "noise=0.5"})
    CHECK(augment_of(train(set), {7, 2}, false));
  CHECK_THROWS_AS(augment_of(train("time_shift=3"), {1, 8, 8}, false), Error);
  CHECK_THROWS_AS(augment_of(train("shift=1"), {8}, false), Error);
  for (const char* wrong :
       {"teacher=nowhere.spt", "milestones=[0.5,1]", "loss=msee", "accumulate=0"})
    CHECK_THROWS_AS(train(wrong), Error);
}

TEST_CASE("docs/config.md lists exactly the known keys") {
  const std::filesystem::path path = std::filesystem::path(SPARLET_SOURCE) / "docs/config.md";
  std::ifstream in(path);
  REQUIRE(in);
  std::set<std::string> rows;
  bool keys = false;  // the table under "## Keys"
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## ")) keys = line == "## Keys";
    if (keys && line.starts_with("| `")) rows.insert(line);
  }
  std::set<std::string> expected;
  for (const KeyInfo& k : known_keys())
    expected.insert(
        fmt::format("| `{}` | {} | {} | {} | {} |", k.path, k.type, k.range, k.preset, k.meaning));
  for (const std::string& row : expected) {
    CAPTURE(row);
    CHECK(rows.contains(row));
  }
  for (const std::string& row : rows) {
    CAPTURE(row);
    CHECK(expected.contains(row));
  }
}

TEST_CASE("the defaults that are documented are those that hold") {
  const Config bare = config_from_text("", "a.toml");
  for (const KeyInfo& k : known_keys()) {
    if (k.preset.empty() || k.path.find("parameter.") == 0 || k.path.find("objective.") == 0)
      continue;
    if (k.path == "data.path" || k.path == "device.macs_per_second") continue;
    CAPTURE(k.path);
    // Writing the default down changes nothing that can be seen.
    const Config written = config_from_text("", "a.toml", {k.path + "=" + k.preset});
    CHECK(written.search.r1 == bare.search.r1);
    CHECK(written.search.r2 == bare.search.r2);
    CHECK(written.search.r3 == bare.search.r3);
    CHECK(written.search.epochs1 == bare.search.epochs1);
    CHECK(written.search.epochs2 == bare.search.epochs2);
    CHECK(written.search.epochs3 == bare.search.epochs3);
    CHECK(written.search.trials == bare.search.trials);
    CHECK(written.search.method == bare.search.method);
    CHECK(written.search.epochs == bare.search.epochs);
    CHECK(written.search.min_epochs == bare.search.min_epochs);
    CHECK(written.search.eta == bare.search.eta);
    CHECK(written.search.tolerance == bare.search.tolerance);
    CHECK(written.search.patience == bare.search.patience);
    CHECK(written.search.minutes == bare.search.minutes);
    CHECK(written.search.workers == bare.search.workers);
    CHECK(written.search.candidates == bare.search.candidates);
    CHECK(written.search.max_changes == bare.search.max_changes);
    CHECK(written.search.morphisms == bare.search.morphisms);
    CHECK(written.train == bare.train);
    CHECK(written.prune.begin == bare.prune.begin);
    CHECK(written.prune.end == bare.prune.end);
    CHECK(written.quant.scheme == bare.quant.scheme);
    CHECK(written.quant.calibration == bare.quant.calibration);
    CHECK(written.quant.encoding == bare.quant.encoding);
    CHECK(written.objectives == bare.objectives);
    CHECK(written.seed == bare.seed);
    CHECK(written.name == bare.name);
    CHECK(written.data.seed == bare.data.seed);
    CHECK(written.data.validation_fraction ==
          doctest::Approx(bare.data.validation_fraction).epsilon(1e-3));
  }
}
