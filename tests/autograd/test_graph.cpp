// Laws 1, 3, 6 and 7: nodes, text, rewriting, and refusals.
#include <doctest/doctest.h>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "tensor/error.h"
#include "test_nets.h"

using namespace sparlet;

TEST_CASE("graph: text is the identity") {
  const Net net = testing::small_cnn(1);
  const std::string text = to_text(net.graph);
  const Graph again = from_text(text);
  CHECK(to_text(again) == text);
  CHECK(hash(again) == hash(net.graph));
  REQUIRE(again.nodes.size() == net.graph.nodes.size());
  for (size_t i = 0; i < again.nodes.size(); ++i) {
    CHECK(again.nodes[i].op == net.graph.nodes[i].op);
    CHECK(again.nodes[i].type == net.graph.nodes[i].type);
    CHECK(again.nodes[i].attrs == net.graph.nodes[i].attrs);
  }
}

TEST_CASE("graph: floats read back as the same bits") {
  Graph graph;
  const double odd = 0.1 + 0.2;
  graph.add(input_op, "x", {},
            {{"shape", attr({3})}, {"scale", odd}, {"tiny", 5e-324}, {"kind", std::string("a_b")}});
  const Graph again = from_text(to_text(graph));
  CHECK(again[0].number("scale") == odd);
  CHECK(again[0].number("tiny") == 5e-324);
  CHECK(again[0].word("kind", "") == "a_b");
}

TEST_CASE("graph: the hash is of the structure, the net's hash of the weights too") {
  const Net a = testing::small_cnn(1), b = testing::small_cnn(2);
  CHECK(hash(a.graph) == hash(b.graph));
  CHECK(hash(a) != hash(b));
  Net c = a;
  CHECK(hash(c) == hash(a));
  c.params[size_t(c.graph.at("c1.w"))].write()[0] += 1;
  CHECK(hash(c) != hash(a));
}

TEST_CASE("graph: bad text is one line that names the place") {
  const struct {
    const char* text;
    const char* wanted;
  } cases[] = {
      {"", "m.net: no nodes"},
      {"input", "m.net:1: wants `op name"},
      {"inptu x shape=[1]", "m.net:1: "},
      {"input x shape=[1]\nrelu y z", "m.net:2: graph: no node 'z'"},
      {"input x shape=[1]\nrelu x x", "m.net:2: x (relu): the name is taken"},
      {"input x shape=[0]", "m.net:1: x (input): a size of 0"},
      {"input x shape=[1,1,1,1,1,1,1]", "more than 6"},
      {"input x shape=[2.5]", "whole number"},
      {"input x shape=[65536,65536,65536,65536]",
       "m.net:1: x (input): [65536,65536,65536,65536] has more than 2147483647 elements"},
      {"input x shape=[20552879,3725308,5059460]", "more than 2147483647 elements"},
      {"input x shape=[784]\nreshape f x shape=[20552879,3725308,5059460]",
       "m.net:2: f (reshape): [20552879,3725308,5059460] has more than"},
      {"input x shape=[1,28,28]\nparam w shape=[16,1,1073741824,1073741824]\n"
       "conv2d c x w pad=536870898",
       "m.net:2: w (param)"},
      {"input x shape=[1,28,28]\nparam w shape=[1,1,70000,1]\nconv2d c x w pad=70000",
       "m.net:3: c (conv2d): window 70000, wanted at most 65535"},
      {"input x shape=[1,28,28]\nparam w shape=[1,1,3,3]\nconv2d c x w pad=70000", "pad 70000"},
      {"input x shape=[1,28,28]\nparam w shape=[1,1,3,3]\nconv2d c x w dilation=1e12",
       "dilation is"},
      {"input x shape=[1,28,28]\nupsample_nearest2d u x scale=65536\nupsample_nearest2d v u "
       "scale=65536",
       "m.net:2: u (upsample_nearest2d): [1,1835008,1835008] has more than"},
      {"input x shape=[1,28,28]\nupsample_nearest2d u x scale=2147483647",
       "m.net:2: u (upsample_nearest2d): shape: a size of"},
      {"input x shape=[1]\nparam w shape=[536870913]", "m.net:2: w (param): [536870913] of f32"},
      {"input x shape=[1]\nparam a shape=[536870912]\nparam b shape=[536870912]\n"
       "param c shape=[1]",
       "m.net:4: c (param): with it the net's weights are 4294967300 bytes"},
      {"input x shape=[1,", "no closing ]"},
      {"input x shape=[1,]", "ends with a comma"},
      {"input x shape=1e99", "m.net:1: "},
      {"input x shape=nan", "no finite number"},
      {"input x shape=[1] shape=[1]", "given twice"},
      {"input x =3", "no key"},
      {"input x a=", "has no value"},
      {"input a/b shape=[1]", "a name is made of"},
      {"input x shape=[4]\nparam w shape=[3,5]\nlinear y x w", "m.net:3: y (linear)"},
      {"input x shape=[1,3,3]\nparam w shape=[2,1,5,5]\nconv2d y x w", "m.net:3: y (conv2d)"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    std::string message;
    try {
      from_text(c.text, "m.net");
    } catch (const Error& error) {
      message = error.what();
    }
    CAPTURE(message);
    CHECK(message.find(c.wanted) != message.npos);
    CHECK(message.find('\n') == message.npos);
  }
}

TEST_CASE("graph: any bytes as text give a graph or an Error") {
  Rng rng(5);
  const std::string good = to_text(testing::small_cnn(1).graph);
  int refused = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    std::string text = good;
    for (int64_t k = rng.below(4) + 1; k > 0; --k) {
      const size_t at = size_t(rng.below(int64_t(text.size())));
      if (rng.below(3) == 0)
        text.erase(at, size_t(rng.below(20)));
      else
        text[at] = char(rng.below(128));
    }
    try {
      const Graph graph = from_text(text);
      CHECK(to_text(from_text(to_text(graph))) == to_text(graph));
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 1000);
}

TEST_CASE("graph: unknown names tell the nearest") {
  const Net net = testing::small_cnn(1);
  CHECK_THROWS_WITH_AS(net.graph.at("c1.v"), doctest::Contains("did you mean 'c1.w'"), Error);
  CHECK_THROWS_WITH_AS(find_op("conv2"), doctest::Contains("conv2d"), Error);
}

TEST_CASE(
    "rewrite: a new net; the old one and its numbers stay; weights are shared until written") {
  const Net net = testing::small_cnn(1);
  const uint64_t before = hash(net);
  Net made = rewrite(net, [](Rewriter& r, Id id) {
    if (r.old(id).op == &relu_op) return r.now(r.old(id).in[0]);
    return r.copy(id);
  });
  CHECK(hash(net) == before);
  for (const Node& node : made.graph.nodes) CHECK(node.op != &relu_op);
  const Tensor& a = net.value("c1.w");
  const Tensor& b = made.value("c1.w");
  CHECK(a.raw() == b.raw());
  made.params[size_t(made.graph.at("c1.w"))].write()[0] = 99;
  CHECK(hash(net) == before);
  CHECK(a.raw() != made.value("c1.w").raw());
}

TEST_CASE("rewrite: what the output does not need is dropped, inputs stay") {
  Net net = testing::small_cnn(1);
  net.graph.add(param_op, "spare", {}, {{"shape", attr({2})}});
  net.params.push_back(Tensor({2}));
  net.graph.add(relu_op, "end", {net.graph.at("fc")});
  net.params.emplace_back();
  const Net made = drop_dead(net);
  CHECK(!made.graph.find("spare"));
  CHECK(made.graph.find("x"));
  CHECK(made.graph.nodes.back().name == "end");
}

TEST_CASE("rewrite: folding constants keeps the outputs") {
  Rng rng(3);
  const Net net = testing::masked_cnn(1);
  const Net folded = fold_constants(net, true);
  CHECK(!folded.graph.find("c1.w.mask"));
  CHECK(folded.graph[folded.graph.at("c1.w.masked")].op == &constant_op);
  Tensor x = testing::random({3, 1, 8, 8}, rng);
  const View view{x.shape(), DType::f32, x.raw_write()};
  CHECK(testing::worst(run(net, view), run(folded, view)) == 0);
  CHECK(to_text(fold_constants(net, false).graph) == to_text(net.graph));  // a param stands below
}
