#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <set>

#include "spaces.h"
#include "tensor/error.h"

using namespace test;

namespace {

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string space_error(std::vector<Parameter> p, std::vector<Constraint> c = {}) {
  return message([&] { Space space(p, c); });
}

bool starts(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }

const std::vector<Symbol> kSymbols = {
    {"a"}, {"b"}, {"two"}, {"type", {"conv", "separable", "pool-2"}}};

std::optional<bool> holds(const std::string& expression, const std::string& point) {
  return Expression(expression, kSymbols).holds(point_from(point));
}

}  // namespace

TEST_CASE("expressions hold as they read") {
  CHECK(holds("a <= b", "a=2 b=2") == true);
  CHECK(holds("a < b", "a=2 b=2") == false);
  CHECK(holds("a >= 3", "a=2") == false);
  CHECK(holds("2*a + b < 10", "a=3 b=3.5") == true);
  CHECK(holds("2*a + b < 10", "a=3 b=4") == false);
  CHECK(holds("a + 0.1 <= 0.3", "a=0.2") == true);  // round-off
  CHECK(holds("-(a - b) * 2 / 4 == 1", "a=1 b=3") == true);
  CHECK(holds("a != 1", "a=1") == false);
  CHECK(holds("a != 1", "a=2") == true);
  CHECK(holds("3 > a and a > b", "a=2 b=1") == true);
  CHECK(holds("3 > a and a > b", "a=2 b=2") == false);
  CHECK(holds("type in [conv, \"separable\"]", "type=separable") == true);
  CHECK(holds("type in [conv]", "type=separable") == false);
  CHECK(holds("type == conv", "type=conv") == true);
  CHECK(holds("type != conv", "type=conv") == false);
  CHECK(holds("type != 'pool-2' and a in [1, -2]", "type=conv a=-2") == true);
  CHECK(holds("a <= b", "a=2") == std::nullopt);
}

TEST_CASE("expressions that do not read say where") {
  const auto error = [](const std::string& text) {
    return message([&] { Expression e(text, kSymbols); });
  };
  CHECK(starts(error("a >= tow"), "'a >= tow': unknown name 'tow'"));
  CHECK(error("a >= tow").find("'two'") != std::string::npos);
  CHECK(error("a >= tow").find("at 6") != std::string::npos);
  CHECK(starts(error("a * b < 1"), "'a * b < 1': not linear"));
  CHECK(starts(error("1 / a < 1"), "'1 / a < 1': not linear"));
  for (const char* text : {"", "a", "a <", "a < b <", "a < 1 or b < 1", "(a < 1", "(a + 1 < 2",
                           "a in conv", "a in [1", "type < 3", "type == cnv", "type in []", "a $ 1",
                           "a in [x]", "1 < 2", "type == \"conv", "a and b", "a = 1"}) {
    INFO(text);
    CHECK(starts(error(text), fmt::format("'{}': ", text)));
  }
}

TEST_CASE("a bad space is told precisely") {
  const Parameter good{.name = "x"};
  CHECK(starts(space_error({}), "space: "));
  CHECK(starts(space_error({good, good}), "parameter 'x': the name stands twice"));
  CHECK(starts(space_error({{.name = "x", .low = 2, .high = 1, .where = "f.toml:3"}}),
               "f.toml:3: parameter 'x': bounds [2, 1]"));
  CHECK(starts(space_error({{.name = "x", .kind = Kind::log_real, .low = 0}}),
               "parameter 'x': bounds [0, 1]"));
  CHECK(starts(space_error({{.name = "x", .kind = Kind::integer, .low = 0.5, .high = 3}}),
               "parameter 'x': bounds"));
  CHECK(starts(space_error({{.name = "x", .high = NAN}}), "parameter 'x': bounds"));
  CHECK(starts(space_error({{.name = "x", .step = -1}}), "parameter 'x': step"));
  CHECK(starts(space_error({{.name = "x", .kind = Kind::choice}}),
               "parameter 'x': a choice needs values"));
  CHECK(starts(space_error({{.name = "x", .kind = Kind::choice, .values = {"a", "a"}}}),
               "parameter 'x': the value"));
  CHECK(starts(space_error({{.name = "x", .kind = Kind::choice, .values = {"a b"}}}),
               "parameter 'x': 'a b'"));
  CHECK(starts(space_error({{.name = "a b"}}), "parameter 'a b': a name"));
  CHECK(starts(space_error({{.name = "filters", .when = "filterz > 1"}}),
               "parameter 'filters': when 'filterz > 1'"));
  CHECK(starts(space_error({{.name = "a", .when = "b > 0"}, {.name = "b", .when = "a > 0"}}),
               "parameter 'a': when 'b > 0' depends on itself"));
  CHECK(starts(space_error({good}, {{.expression = "x > 2", .where = "f.toml:9"}}),
               "f.toml:9: constraint 'x > 2': no point met it in "));
  CHECK(starts(space_error({good}, {{.expression = "y > 2"}}),
               "constraint 'y > 2': unknown name 'y'"));
  CHECK_THROWS_AS(kind_from("intger"), Error);
  CHECK(kind_from("log_integer") == Kind::log_integer);
}

TEST_CASE("inactive values are dropped, missing and bad ones named") {
  const Space space({{.name = "blocks", .kind = Kind::integer, .low = 1, .high = 2},
                     {.name = "deep", .kind = Kind::flag, .when = "blocks >= 2"},
                     {.name = "deeper", .kind = Kind::real, .when = "deep == 1"},
                     {.name = "kernel", .kind = Kind::integer, .low = 3, .high = 7, .step = 2},
                     {.name = "width", .kind = Kind::choice, .values = {"8", "16"}},
                     {.name = "tag", .kind = Kind::fixed, .fixed = std::string("v1")}},
                    {{.expression = "deeper <= 0.5"}});
  const auto canonical = [&](const std::string& text) {
    return to_text(space.complete(point_from(text)));
  };
  CHECK(canonical("blocks=1 deep=1 deeper=0.25 kernel=5 width=16") ==
        "blocks=1 kernel=5 tag=v1 width=16");
  CHECK(canonical("blocks=2 deep=0 deeper=0.25 kernel=3 width=8") ==
        "blocks=2 deep=0 kernel=3 tag=v1 width=8");
  CHECK(message([&] { canonical("blocks=2 deep=1 kernel=3 width=8"); }) ==
        "parameter 'deeper': a value is missing");
  CHECK(message([&] { canonical("blocks=3 kernel=3 width=8"); }) ==
        "parameter 'blocks': 3 is not in [1, 2]");
  CHECK(message([&] { canonical("blocks=1 kernel=4 width=8"); }) ==
        "parameter 'kernel': 4 is not 3 plus a multiple of 2");
  CHECK(starts(message([&] { canonical("blocks=1 kernel=3 width=9"); }),
               "parameter 'width': '9' is none of [8, 16]"));
  CHECK(starts(message([&] { canonical("blokcs=1"); }), "parameter 'blokcs': not in the space"));
  CHECK(space.violated(point_from("deeper=0.75")) == "deeper <= 0.5");
  CHECK(space.violated(point_from("blocks=1")) == std::nullopt);  // inactive: holds
  CHECK(space.dimension() == 5);

  const Features f =
      space.features(space.complete(point_from("blocks=2 deep=0 kernel=5 width=16")));
  CHECK(f.x == std::vector<double>{1, 0, 0, 0.5, 1});
  CHECK(f.active == std::vector<uint8_t>{1, 1, 0, 1, 1});
  CHECK(space.dimensions()[2] == Dimension{.category = false, .conditional = true});
  CHECK(space.dimensions()[4].category);
}

TEST_CASE("samples are uniform, with both bounds, in logarithm where asked") {
  const Space space({{.name = "i", .kind = Kind::integer, .low = 1, .high = 4},
                     {.name = "s", .kind = Kind::integer, .low = 0, .high = 10, .step = 5},
                     {.name = "l", .kind = Kind::log_integer, .low = 1, .high = 64},
                     {.name = "r", .kind = Kind::log_real, .low = 1e-4, .high = 1},
                     {.name = "c", .kind = Kind::choice, .values = {"a", "b"}}});
  Rng rng(3);
  std::map<std::string, int> count;
  const int n = 20000;
  for (int k = 0; k < n; ++k) {
    const Point p = space.sample(rng);
    for (const char* name : {"i", "s", "c"}) ++count[std::string(name) + p.word(name)];
    ++count[p.number("l") <= 8 ? "low" : "high"];
    ++count[p.number("l") == 64 ? "top" : ""];
    ++count[p.number("r") < 1e-2 ? "small" : "large"];
  }
  const auto near = [&](const std::string& key, double share, double slack) {
    INFO(key);
    CHECK(std::abs(double(count[key]) / n - share) < slack);
  };
  for (const char* key : {"i1", "i2", "i3", "i4"}) near(key, 0.25, 0.02);
  for (const char* key : {"s0", "s5", "s10"}) near(key, 1.0 / 3, 0.02);
  near("ca", 0.5, 0.02);
  near("low", std::log(8.5 / 0.5) / std::log(64.5 / 0.5), 0.02);
  CHECK(count["top"] > 0);
  near("small", 0.5, 0.02);
  CHECK(space.from_unit(std::vector<double>(5, 0)) == point_from("i=1 s=0 l=1 r=0.0001 c=a"));
  CHECK(space.from_unit(std::vector<double>(5, 0.9999999)).integer("l") == 64);
  CHECK_THROWS_AS(space.from_unit(std::vector<double>(4, 0)), Error);
}

TEST_CASE("points: canonical text reads back; drawn and mutated ones are in the space") {
  const Space space = chain_space();
  Rng rng(5);
  std::set<std::string> texts;
  for (int k = 0; k < 2000; ++k) {
    const Point p = space.sample(rng);
    REQUIRE(point_from(to_text(p)) == p);
    REQUIRE(space.contains(p));
    REQUIRE(p.has("block_2_layers") == (p.integer("blocks") >= 2));
    const Features f = space.features(p);
    REQUIRE(int(f.x.size()) == space.dimension());
    for (size_t i = 0; i < f.x.size(); ++i) REQUIRE((f.active[i] || f.x[i] == 0));
    const auto child = space.mutate(p, 0.1, rng);
    REQUIRE(child);
    REQUIRE(space.contains(*child));
    REQUIRE(*child != p);
    texts.insert(to_text(p));
  }
  CHECK(texts.size() > 1990);
  CHECK(point_from("") == Point{});
  CHECK(to_text(point_from("b=-0 a=1e-3")) == "a=0.001 b=0");
  for (const char* bad : {"a", "=1", "a=", "a=1 a=2"}) CHECK_THROWS_AS(point_from(bad), Error);
}

TEST_CASE("point getters name what is wrong") {
  const Point p = point_from("filters=6 rate=0.5 type=conv on=1");
  CHECK(p.integer("filters") == 6);
  CHECK(p.number("absent", 2.5) == 2.5);
  CHECK(p.word("type") == "conv");
  CHECK(p.word("filters") == "6");
  CHECK(p.flag("on", false));
  CHECK(message([&] { p.integer("rate"); }) == "parameter 'rate': 0.5 is not a whole number");
  CHECK(message([&] { p.number("type"); }) == "parameter 'type': 'conv' is not a number");
  CHECK(message([&] { p.number("filtrs"); }).find("'filters'") != std::string::npos);
  CHECK_THROWS_AS(p.flag("filters", false), Error);
}
