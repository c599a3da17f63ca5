// What is refused before a search begins, and what a tight or hostile space does to proposals.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>

#include "cost/cost.h"
#include "nn/layers.h"
#include "search/check.h"
#include "search/phases.h"
#include "search/run.h"
#include "search_fixture.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

const DataSpec kSpec{.shape = {4}, .classes = 2, .dtype = DType::f32};

Pipeline plain_pipeline() {
  Pipeline p;
  p.build = [](const Point&, const DataSpec& spec, const UserTable&, Rng& rng) {
    NetBuilder b(rng);
    return b.finish(nn::linear(b.input("x", spec.shape), "out", {.out = 2}));
  };
  p.predict = [](const Net&, const Point& point) {
    cost::Cost cost;
    cost.size = 100 + int64_t(100 * point.number("x"));
    return cost;
  };
  return p;
}

// One integer of `most` meets the constraint.
Config tight(int most, const std::string& search) {
  return config_from_text(
      fmt::format("objectives = [\"error\", \"size\"]\n[search]\nworkers = 1\n{}\n"
                  "[[parameter]]\nname = \"n\"\ntype = \"integer\"\nbounds = [1, {}]\n"
                  "[[parameter]]\nname = \"x\"\ntype = \"real\"\nbounds = [0, 1]\n"
                  "[[constraint]]\nexpression = \"n == 3\"\n",
                  search, most),
      "tight.toml");
}

// As if it had been trained.
Trial ended(Trial t) {
  t.status = Status::done;
  t.metrics.error = 0.1 + 0.5 * t.point.number("x");
  t.metrics.size = 100 + int64_t(100 * t.point.number("x"));
  return t;
}

void append(std::vector<Trial>& trials, Proposer::Next next) {
  for (Trial& t : next.infeasible) trials.push_back(std::move(t));
  if (next.trial) trials.push_back(ended(*next.trial));
}

std::vector<std::string> texts(const std::vector<Trial>& trials) {
  std::vector<std::string> out;
  for (const Trial& t : trials)
    out.push_back(fmt::format("{} {} {}", t.arm, name_of(t.status), to_text(t.point)));
  return out;
}

// The message that check() gives for the built-in pipeline, or "".
std::string complaint(const std::string& text, const Pipeline* pipeline = nullptr) {
  try {
    const Config config = config_from_text(text, "a.toml");
    check(config, pipeline ? *pipeline : default_pipeline(config));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string parameter(const std::string& name, const std::string& rest) {
  return fmt::format("[[parameter]]\nname = \"{}\"\n{}\n", name, rest);
}

}  // namespace

TEST_CASE("proposals under a tight constraint: resumed as uninterrupted") {
  const Config config = tight(2000, "r1 = 40\nr2 = 0\nr3 = 0");
  const Space space(config.parameters, config.constraints);
  const Pipeline pipeline = plain_pipeline();
  Proposer whole(config, space, pipeline, kSpec, 1);
  std::vector<Trial> trials;
  for (int i = 0; i < 30; ++i) {
    append(trials, whole.next(trials));
    REQUIRE(int(trials.size()) == i + 1);
    CHECK(trials.back().point.integer("n") == 3);
  }
  // 30 trials lie further along the sequence than one look reaches.
  for (const size_t stop : {29, 12}) {
    CAPTURE(stop);
    std::vector<Trial> part(trials.begin(), trials.begin() + long(stop));
    Proposer resumed(config, space, pipeline, kSpec, 1);
    append(part, resumed.next(part));
    append(part, resumed.next(part));
    append(trials, whole.next(trials));  // 31, then 32 for the comparison at 29
    REQUIRE(part.size() == stop + 2);
    for (size_t i = 0; i < part.size() && i < trials.size(); ++i)
      CHECK(to_text(part[i].point) == to_text(trials[i].point));
  }
  // The same proposer, given fewer trials than it has met, begins anew.
  std::vector<Trial> fewer(trials.begin(), trials.begin() + 5);
  append(fewer, whole.next(fewer));
  CHECK(to_text(fewer.back().point) == to_text(trials[5].point));
}

TEST_CASE("proposals under a tight constraint: the GP phase goes on where a draw finds nothing") {
  const Config config = tight(4000, "r1 = 2\nr2 = 3\nr3 = 0");
  const Space space(config.parameters, config.constraints);
  Rng rng(5);
  CHECK_FALSE(space.try_sample(rng, 1));
  const Pipeline pipeline = plain_pipeline();
  Proposer proposer(config, space, pipeline, kSpec, 1);
  std::vector<Trial> trials;
  for (int i = 0; i < 5; ++i) append(trials, proposer.next(trials));
  REQUIRE(trials.size() == 5);
  CHECK(trials.back().phase == Phase::gp);
  CHECK(trials.back().point.integer("n") == 3);
}

TEST_CASE("proposals: infeasible candidates of the GP phase are recorded, any exception is one") {
  const Config config = config_from_text(
      "objectives = [\"error\", \"size\"]\n[search]\nworkers = 1\nr1 = 3\nr2 = 3\nr3 = 0\n"
      "[[parameter]]\nname = \"x\"\ntype = \"real\"\nbounds = [0, 1]\n",
      "a.toml");
  const Space space(config.parameters);
  Pipeline pipeline = plain_pipeline();
  pipeline.build = [build = pipeline.build](const Point& point, const DataSpec& spec,
                                            const UserTable& user, Rng& rng) {
    if (point.number("x") > 0.7) throw std::bad_alloc();
    if (point.number("x") > 0.5) throw std::length_error("too long");
    return build(point, spec, user, rng);
  };
  std::vector<std::string> once;
  for (int run = 0; run < 2; ++run) {
    Proposer proposer(config, space, pipeline, kSpec, 1);
    std::vector<Trial> trials;
    while (trained_count(trials) < 6) append(trials, proposer.next(trials));
    int gp = 0;
    for (size_t i = 0; i < trials.size(); ++i) {
      const Trial& t = trials[i];
      CHECK(t.arm == int(i));
      CHECK((t.status == Status::infeasible) == (t.point.number("x") > 0.5));
      if (t.status != Status::infeasible) continue;
      gp += t.phase == Phase::gp;
      CHECK(t.reason == (t.point.number("x") > 0.7 ? "the net does not fit in memory"
                                                   : "the net cannot be built: too long"));
    }
    CHECK(gp == 9);  // three a proposal
    if (run == 0) once = texts(trials);
    CHECK(texts(trials) == once);
  }
}

TEST_CASE("check: parameters that nothing reads, and values that training cannot take") {
  struct Case {
    std::string name, rest;
    std::vector<std::string> pieces;
  };
  const std::string real = "type = \"real\"\nbounds = ", fixed = "type = \"fixed\"\nvalue = ";
  const std::vector<Case> cases = {
      {"block_1_layer_2_filterz", fixed + "3", {"a.toml:2", "'block_1_layer_2_filters'"}},
      {"prune_thresh", fixed + "0.5", {"a.toml:2", "'prune_threshold'"}},
      {"blokcs", fixed + "1", {"a.toml:2", "'blocks'"}},
      {"block_0_layers", fixed + "1", {"a.toml:2", "block_0_layers", "reads it"}},
      {"dense_01_units", fixed + "1", {"a.toml:2", "reads it"}},
      {"learning_rate", real + "[0, 1]", {"a.toml:2", "0 is not a number above 0"}},
      {"learning_rate", fixed + "-1", {"a.toml:2", "-1 is not a number above 0"}},
      {"learning_step", real + "[0, 1]", {"a.toml:2", "learning_step"}},
      {"learning_gamma", real + "[0.5, 1.5]", {"a.toml:2", "1.5 is not"}},
      {"prune_threshold", real + "[0, 1]", {"a.toml:2", "1 is not"}},
      {"batch_size", "type = \"integer\"\nbounds = [0, 8]", {"a.toml:2", "0 is not a whole"}},
      {"batch_size", "type = \"choice\"\nvalues = [8, 2.5]", {"a.toml:2", "2.5 is not a whole"}},
      {"batch_size", real + "[8, 16]", {"a.toml:2", "use integer"}},
      {"schedule", "type = \"choice\"\nvalues = [\"step\", \"cosin\"]", {"a.toml:2", "'cosine'"}},
  };
  const Pipeline own = plain_pipeline();
  for (const Case& c : cases) {
    const std::string message = complaint(parameter(c.name, c.rest));
    CAPTURE(c.name);
    CAPTURE(message);
    for (const std::string& piece : c.pieces) {
      CAPTURE(piece);
      CHECK(message.find(piece) != std::string::npos);
    }
    CHECK(complaint(parameter(c.name, c.rest), &own) == "");  // a pipeline of one's own
  }
  CHECK(complaint(parameter("block_12_layer_3_ratio", fixed + "0.5") +
                  parameter("learning_gamma", real + "[0.5, 1]") +
                  parameter("schedule", "type = \"choice\"\nvalues = [\"step\", \"cosine\"]") +
                  parameter("dense_2_units", fixed + "4") +
                  parameter("head", fixed + "\"flatten\"")) == "");
}

TEST_CASE("check: objectives and kernels") {
  const auto has = [](const std::string& text, std::vector<std::string> pieces) {
    for (const std::string& piece : pieces) {
      CAPTURE(text);
      CAPTURE(piece);
      CHECK(text.find(piece) != std::string::npos);
    }
  };
  has(complaint("objectives = [\"eror\"]\n"), {"a.toml:1", "\"eror\"", "'error'"});
  has(complaint("[[objective]]\nname = \"sise\"\n"), {"a.toml:2", "\"sise\"", "'size'"});
  Pipeline own = plain_pipeline();
  own.metrics["wisdom"] = [](const Net&, const Dataset&, const UserTable&) { return 0.0; };
  CHECK(complaint("objectives = [\"wisdom\"]\n", &own) == "");
  has(complaint("objectives = [\"wisdm\"]\n", &own), {"a.toml:1", "'wisdom'"});

  // Nothing is left behind by a config that cannot run.
  const TestFolder folder;
  const Config config = config_from_text(
      "objectives = [\"eror\"]\n" + parameter("blocks", "type = \"fixed\"\nvalue = 1"), "a.toml");
  CHECK_THROWS_AS(run(config, {.folder = folder / "run"}), Error);
  CHECK_FALSE(std::filesystem::exists(folder / "run"));

  const char* before = std::getenv("SPARLET_KERNELS");
  const std::string kept = before ? before : "";
  setenv("SPARLET_KERNELS", "bogus", 1);
  const std::string message = complaint("");
  setenv("SPARLET_KERNELS", kept.c_str(), 1);
  has(message, {"SPARLET_KERNELS", "bogus"});
  CHECK(complaint("") == "");
}

TEST_CASE("training a child: masks are dropped where they would leave it sparser than it asks") {
  const DataSpec spec{.shape = {1, 6, 6}, .classes = 10, .dtype = DType::f32};
  const Config config = config_from_text("[train]\nbatch_size = 4\n", "a.toml");
  const Pipeline pipeline = default_pipeline(config);
  Rng rng(3);
  const auto build = [&](const std::string& text) {
    return pipeline.build(point_from(text), spec, {}, rng);
  };
  // The parent is pruned in its convolution only; the child is little else.
  const std::string conv = "block_1_layer_1_filters=8";
  Net parent = build(conv + " dense_layers=1 dense_1_units=32");
  for (float& w : parent.params[size_t(parent.graph.at("b1.l1.conv.w"))].write<float>()) w *= 1e-6f;
  parent = sparse::mask(parent, {.sparsity = 72.0 / 648});
  REQUIRE(sparse::density(parent) == doctest::Approx(1 - 72.0 / 648));

  Data data;
  data.spec = spec;
  Tensor x(Shape{40, 1, 6, 6});
  for (float& v : x.write<float>()) v = float(rng.uniform());
  data.train = data.validation = Dataset::all(x, Tensor({40}, DType::i32));
  const auto density = [&](double threshold) {
    const Point point = point_from(fmt::format("{} prune_threshold={}", conv, threshold));
    const Net fresh = build(conv);
    const Trained child = pipeline.train(
        {.net = fresh, .parent = &parent, .point = point, .data = data, .epochs = 2, .user = {}},
        rng);
    return sparse::density(child.net);
  };
  CHECK(density(0.2) == doctest::Approx(1 - std::round(0.2 * 152) / 152));
  CHECK(density(0.75) == doctest::Approx(1 - 0.75));
}
