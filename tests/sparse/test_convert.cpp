#include <algorithm>

#include "deploy/spt.h"
#include "sparse/layers.h"
#include "sparse_nets.h"
#include "tensor/error.h"

using namespace sparlet;
using sparse::Format;

namespace {

// One layer x wᵀ + b of this density; `entries`: that many instead.
Net one_layer(int64_t in, int64_t out, double density, bool bias, uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  const Net net = b.finish(nn::linear(b.input("x", {in}), "fc", {.out = out, .bias = bias}));
  Tensor mask({out, in});
  for (float& m : mask.write()) m = rng.uniform() < density ? 1 : 0;
  if (density < 0) mask.write()[size_t(rng.below(in * out))] = 1;
  return sparse::convert(net, Format::masked, {.masks = {{"fc.w", mask}}});
}

// |Δy| <= 1e-6 (|W||x| + |b|) for each element, with sums in double.
void check_bound(const Net& masked, const Tensor& x, const Tensor& y) {
  const auto w = masked.value("fc.w").read(), m = masked.value("fc.w.mask").read();
  const Shape& shape = masked.value("fc.w").shape();
  const bool bias = masked.graph.find("fc.b").has_value();
  int64_t wrong = 0;
  for (int64_t s = 0; s < x.shape()[0]; ++s)
    for (int64_t o = 0; o < shape[0]; ++o) {
      double sum = bias ? masked.value("fc.b").read()[size_t(o)] : 0, bound = std::abs(sum);
      for (int64_t i = 0; i < shape[1]; ++i) {
        const auto at = size_t(o * shape[1] + i);
        const double term = m[at] == 0 ? 0 : double(w[at]) * x.read()[size_t(s * shape[1] + i)];
        sum += term;
        bound += std::abs(term);
      }
      wrong += std::abs(y.read()[size_t(s * shape[0] + o)] - sum) > 1e-6 * bound + 1e-30;
    }
  CHECK(wrong == 0);
}

Tensor outputs(const Net& net, const Tensor& x, const Kernels* kernels = nullptr) {
  Tensor copy = x;
  return run(net, {x.shape(), x.dtype(), copy.raw_write()}, x.shape()[0], kernels);
}

}  // namespace

TEST_CASE("linear in every form: outputs within 1e-6 of |W||x| + |b|, batches 1 to 130") {
  for (const Kernels* kernels : all_kernels())
    for (double density : {0.0, -1.0, 0.03, 0.3, 1.0})
      for (bool bias : {true, false}) {
        INFO(kernels->name, " density ", density, " bias ", bias);
        const Net masked = one_layer(37, 45, density, bias, 5);
        for (Format format : kForms) {
          const Net net = sparse::convert(masked, format);
          for (int64_t n : {1, 2, 7, 8, 9, 31, 32, 64, 100, 130}) {
            const Tensor x = random_samples(net, n, uint64_t(n));
            check_bound(masked, x, outputs(net, x, kernels));
          }
        }
      }
}

TEST_CASE("linear: fuzzed shapes and patterns, every path, forward and gradients") {
  Rng rng(11);
  for (int round = 0; round < 60; ++round) {
    const int64_t in = 1 + rng.below(90), out = 1 + rng.below(90), n = 1 + rng.below(130);
    const Net masked = one_layer(in, out, rng.uniform(), rng.below(2) == 0, rng.next());
    const Tensor x = random_samples(masked, n, rng.next());
    const Results wanted = results(masked, x, all_kernels().front());
    for (Format format : {Format::csr, Format::coo})
      for (const Kernels* kernels : all_kernels()) {
        INFO(kernels->name, " round ", round, " in ", in, " out ", out, " n ", n);
        const Net net = sparse::convert(masked, format);
        check_bound(masked, x, outputs(net, x, kernels));
        const Results found = results(net, x, kernels);
        check_bound(masked, x, found.y);
        const sparse::Weight weight = sparse::weights_of(net.graph)[0];
        CHECK(apart(dense_gradient(net, weight, found.gradients.at("fc.w")),
                    wanted.gradients.at("fc.w")) < 1e-5);
        if (wanted.gradients.contains("fc.b"))
          CHECK(apart(found.gradients.at("fc.b"), wanted.gradients.at("fc.b")) < 1e-5);
      }
  }
}

TEST_CASE("a net in any form, converted to any other: outputs, gradients, and back") {
  // What a mask closes is not kept by the other forms.
  const Net masked = sparse::convert(
      sparse::convert(sparse::mask(flat_net(3), {.sparsity = 0.7}), Format::csr), Format::masked);
  const Tensor x = random_samples(masked, 5, 9);
  const Results wanted = results(masked, x, nullptr);
  for (Format from : kForms)
    for (Format to : kForms) {
      INFO(sparse::name_of(from), " to ", sparse::name_of(to));
      const Net first = sparse::convert(masked, from), net = sparse::convert(first, to);
      const Results found = results(net, x, nullptr);
      CHECK(apart(found.y, wanted.y) < 1e-6);
      for (const sparse::Weight& weight : sparse::weights_of(net.graph)) {
        const bool all = !weight.has_pattern();  // also what masks close
        const Tensor gradient = dense_gradient(net, weight, found.gradients.at(weight.name));
        if (!all) CHECK(apart(gradient, wanted.gradients.at(weight.name)) < 1e-5);
      }
      CHECK(apart(found.gradients.at("f1.b"), wanted.gradients.at("f1.b")) < 1e-5);
      const Net back = sparse::convert(net, from);
      CHECK(to_text(back.graph) == to_text(first.graph));
      CHECK(hash(back) == hash(first));
      CHECK(sparse::convert(net, to).graph.nodes.size() == net.graph.nodes.size());
      CHECK(hash(from_text(to_text(net.graph))) == hash(net.graph));
    }
}

// From every form to every other: outputs, gradients, and back.
void check_all_forms(const Net& masked) {
  const Tensor x = random_samples(masked, 5, 9);
  const Results wanted = results(masked, x, nullptr);
  for (Format from : kForms)
    for (Format to : kForms) {
      INFO(sparse::name_of(from), " to ", sparse::name_of(to));
      const Net first = sparse::convert(masked, from), net = sparse::convert(first, to);
      const Results found = results(net, x, nullptr);
      CHECK(apart(found.y, wanted.y) < 1e-5);
      for (const sparse::Weight& weight : sparse::weights_of(net.graph))
        if (weight.has_pattern())
          CHECK(apart(dense_gradient(net, weight, found.gradients.at(weight.name)),
                      wanted.gradients.at(weight.name)) < 1e-4);
      const Net back = sparse::convert(net, from);
      CHECK(to_text(back.graph) == to_text(first.graph));
      CHECK(hash(back) == hash(first));
      CHECK(hash(from_text(to_text(net.graph))) == hash(net.graph));
    }
}

TEST_CASE("convolutions in any form; depthwise stays dense") {
  const Net net = conv_net(3);
  const Net csr = sparse::convert(sparse::mask(net, {.sparsity = 0.6, .keep = {"dw.w"}}),
                                  Format::csr, {.layers = {"c1", "c2", "fc"}});
  CHECK(csr.graph[csr.graph.at("c1")].op == &conv2d_csr_op);
  CHECK(csr.graph[csr.graph.at("c2")].op == &conv2d_csr_op);
  CHECK(csr.graph[csr.graph.at("dw")].op == &conv2d_op);
  check_all_forms(sparse::convert(csr, Format::masked));
}

TEST_CASE("recurrent layers in any form") {
  for (const OpDef* op : {&lstm_op, &gru_op, &rnn_op})
    for (int directions : {1, 2}) {
      INFO(op->name, " ", directions);
      const int64_t gates = op == &lstm_op ? 4 : op == &gru_op ? 3 : 1;
      std::string text = "input x shape=[4,5]\n", in = "x";
      for (int d = 0; d < directions; ++d)
        for (const auto& [name, columns] :
             {std::pair{"i", ",5"}, {"h", ",6"}, {"b", ""}, {"v", ""}}) {
          text += fmt::format("param {}{} shape=[{}{}]\n", name, d, gates * 6, columns);
          in += fmt::format(" {}{}", name, d);
        }
      text += fmt::format("{} y {} bidirectional={}\n", op->name, in, directions - 1);
      Net net{from_text(text), {}};
      net.params.resize(net.graph.nodes.size());
      Rng rng(4);
      for (Id id = 1; id < net.graph.output(); ++id) {
        net.params[size_t(id)] = Tensor(net.graph[id].type.shape);
        for (float& v : net.params[size_t(id)].write()) v = float(rng.normal());
      }
      const Net csr = sparse::convert(sparse::mask(net, {.sparsity = 0.7}), Format::csr);
      CHECK(csr.graph[csr.graph.at("y")].op->name == fmt::format("{}_csr", op->name));
      check_all_forms(sparse::convert(csr, Format::masked));
    }
}

TEST_CASE("automatic: convolutions and recurrent layers by their own rule") {
  CHECK(sparse::sparse_is_faster("conv2d", {64, 64, 3, 3}, 0.1, 1));
  CHECK_FALSE(sparse::sparse_is_faster("conv2d", {64, 64, 3, 3}, 0.5, 32));
  CHECK_FALSE(sparse::sparse_is_faster("conv2d", {256, 256, 3, 3}, 0.2, 32));
  CHECK(sparse::sparse_is_faster("lstm", {512, 128}, 0.2, 1));
  CHECK_FALSE(sparse::sparse_is_faster("lstm", {512, 128}, 0.7, 1));
}

TEST_CASE("entries that are zero survive COO, CSR and masks; plain zeros go") {
  Net masked = one_layer(6, 5, 0.5, true, 2);
  const auto m = masked.value("fc.w.mask").read();
  const size_t at = size_t(std::ranges::find(m, 1.f) - m.begin());
  masked.params[size_t(masked.graph.at("fc.w"))].write()[at] = 0;
  const int64_t open = std::ranges::count(m, 1.f);
  const Net csr = sparse::convert(masked, Format::csr);
  CHECK(csr.value("fc.w").size() == open);
  const Net back = sparse::convert(sparse::convert(csr, Format::coo), Format::masked);
  CHECK(back.value("fc.w.mask") == masked.value("fc.w.mask"));
  const Net dense = sparse::convert(csr, Format::dense);
  CHECK(sparse::convert(dense, Format::csr).value("fc.w").size() == open - 1);
}

TEST_CASE("convert: one layer, by predicate, with masks; what cannot be is refused") {
  const Net net = flat_net(4);
  const Net one = sparse::convert(net, Format::csr, {.layers = {"f2"}});
  CHECK(one.graph[one.graph.at("f1")].op == &linear_op);
  CHECK(one.graph[one.graph.at("f2")].op == &linear_csr_op);
  const auto wide = [](const Graph&, const Node& node) { return node.type.shape[0] > 10; };
  const Net wider = sparse::convert(net, Format::coo, {.which = wide});
  CHECK(wider.graph[wider.graph.at("f1")].op == &linear_coo_op);
  CHECK(wider.graph[wider.graph.at("f2")].op == &linear_op);
  Tensor mask({4, 19});
  mask.write()[7] = 1;
  const Net masked =
      sparse::convert(one, Format::csr, {.layers = {"f2"}, .masks = {{"f2.w", mask}}});
  CHECK(masked.value("f2.w") == Tensor({1}, {net.value("f2.w").read()[7]}));
  CHECK_THROWS_WITH_AS(sparse::convert(net, Format::csr, {.layers = {"f3"}}),
                       doctest::Contains("'f3' is no layer with sparse forms"), Error);
  CHECK_THROWS_WITH_AS(sparse::convert(net, Format::csr, {.masks = {{"f2.q", mask}}}),
                       doctest::Contains("did you mean 'f2.w'"), Error);
  CHECK_THROWS_WITH_AS(sparse::convert(net, Format::csr, {.masks = {{"f1.w", mask}}}),
                       doctest::Contains("f1.w is [4,19], wanted [19,60]"), Error);
  CHECK_THROWS_WITH_AS(sparse::format_from("crs"), doctest::Contains("csr"), Error);
}

TEST_CASE("automatic: by the stored table; what stays keeps its mask") {
  for (double density : {0.05, 0.95}) {
    const Net masked = one_layer(100, 100, density, true, 6);
    const Net net = sparse::convert(masked, Format::automatic);
    const bool sparse = sparse::sparse_is_faster("linear", {100, 100}, density, 1);
    CHECK(sparse == (density < 0.5));
    CHECK((net.graph[net.graph.at("fc")].op == &linear_csr_op) == sparse);
    CHECK(net.graph.find("fc.w.masked").has_value() == !sparse);
  }
}

TEST_CASE("weights shared by two layers have one sparse form") {
  Rng rng(1);
  NetBuilder b(rng);
  const Var w = b.param("w", Shape{4, 4}, Init::kaiming_uniform);
  const Var x = b.op(linear_op, "a", {b.input("x", {4}), w});
  const Net net = b.finish(b.op(linear_op, "b", {nn::relu(x), w}));
  const Net csr = sparse::convert(sparse::mask(net, {.sparsity = 0.5}), Format::csr);
  CHECK(csr.graph[csr.graph.at("a")].in[1] == csr.graph[csr.graph.at("b")].in[1]);
  CHECK(csr.value("w").size() == 8);
  CHECK_THROWS_WITH_AS(sparse::convert(net, Format::csr, {.layers = {"a"}}),
                       doctest::Contains("w: read by b (linear) too"), Error);
}

TEST_CASE("prune_smallest: k of the dense size a call, smallest first, in every form") {
  Rng rng(1);
  NetBuilder b(rng);
  Tensor w({5, 2});
  for (int i = 0; i < 10; ++i) w.write()[size_t(i)] = float(i + 1) / 10 * (i % 2 ? -1 : 1);
  const Net net = b.finish(b.op(linear_op, "fc", {b.input("x", {2}), b.param("fc.w", w)}));
  for (Format format : kForms)
    for (const auto& [k, gone] : {std::pair(0.1, 1), {0.33, 3}, {0.5, 5}, {1.0, 10}}) {
      INFO(sparse::name_of(format), " ", k);
      const Net pruned = sparse::prune_smallest(sparse::convert(net, format), k);
      const sparse::Connections c =
          sparse::connections(pruned, sparse::weights_of(pruned.graph)[0]);
      CHECK(c.size() == 10 - gone);
      for (int i = 0; i < 10 - gone; ++i) {
        CHECK(c.at[size_t(i)] == i + gone);
        CHECK(c.value[size_t(i)] == w.read()[size_t(i + gone)]);
      }
      if (format == Format::csr || format == Format::coo)
        CHECK(pruned.value("fc.w").size() == std::max(1, 10 - gone));
      const Net twice = sparse::prune_smallest(pruned, k);  // of the dense size again
      CHECK(sparse::density(twice) == doctest::Approx(std::max(0.0, 1 - 0.2 * gone)));
    }
  CHECK_THROWS_WITH_AS(sparse::prune_smallest(net, 0.001), doctest::Contains("0.01 to 1"), Error);
  CHECK_THROWS_AS(sparse::prune_smallest(net, 0.5, {"fc"}), Error);
  const Net two = flat_net(1);
  const Net layer = sparse::prune_smallest(two, 0.5, {"f2.w"});
  CHECK(sparse::weights_of(layer.graph).back().mask >= 0);
  CHECK(!layer.graph.find("f1.w.mask"));
}

TEST_CASE("sparse::linear: exact count, variance of the dense layer, every form the same") {
  for (Format format : kForms) {
    Rng rng(8);
    NetBuilder b(rng);
    const Net net = b.finish(
        sparse::linear(b.input("x", {400}), "fc", {.out = 300, .format = format, .density = 0.1}));
    const sparse::Weight weight = sparse::weights_of(net.graph)[0];
    const sparse::Connections c = sparse::connections(net, weight);
    CHECK(c.size() == 12000);
    double sum = 0;
    for (float v : c.value) sum += double(v) * v;
    CHECK(sum == doctest::Approx(300 / 3.0).epsilon(0.05));  // rows of 1/3
    Rng again(8);
    NetBuilder other(again);
    const Net csr = other.finish(sparse::linear(other.input("x", {400}), "fc", {.out = 300}));
    CHECK(hash(sparse::convert(net, Format::csr)) == hash(csr));
  }
}

TEST_CASE(
    "files: smaller by density, round trip, other numbers of entries, corrupt places refused") {
  const Net dense = one_layer(300, 200, 1, true, 1), few = one_layer(300, 200, 0.05, true, 1);
  const auto bytes = [](const Net& net) { return double(deploy::serialize(net).size()); };
  const double plain = bytes(sparse::convert(dense, Format::dense));
  const Net csr = sparse::convert(few, Format::csr), coo = sparse::convert(few, Format::coo);
  const double entries = double(csr.value("fc.w").size());
  CHECK(bytes(csr) < entries * 6 + 201 * 2 + 200 * 4 + 500);
  CHECK(bytes(coo) < entries * 7 + 200 * 4 + 500);
  CHECK(bytes(csr) < 0.1 * plain);
  for (const Net& net : {csr, coo, sparse::prune_smallest(csr, 0.02)}) {
    const std::vector<uint8_t> file = deploy::serialize(net);
    CHECK(hash(deploy::parse(file, "file")) == hash(net));
  }
  const auto refused = [](Net net, const std::string& leaf, size_t at, int value, const char* why) {
    Tensor& index = net.params[size_t(net.graph.at(leaf))];
    if (index.dtype() == DType::u8)
      index.write<uint8_t>()[at] = uint8_t(value);
    else
      index.write<uint16_t>()[at] = uint16_t(value);
    CHECK_THROWS_WITH_AS(deploy::parse(deploy::serialize(net), "net.spt"), doctest::Contains(why),
                         Error);
  };
  refused(csr, "fc.w.columns", 3, 300,
          "net.spt: fc (linear_csr): columns[3] is 300, wanted 0 to 299");
  refused(csr, "fc.w.columns", 1, csr.value("fc.w.columns").read<uint16_t>()[0],
          "again in row 0, wanted each place once");
  refused(csr, "fc.w.columns", 0, 299, "wanted sorted entries");
  refused(csr, "fc.w.rows", 5, 60000, "net.spt: fc (linear_csr): rows[5] is 60000");
  refused(coo, "fc.w.row", 9, 250, "net.spt: fc (linear_coo): row[9] is 250, wanted 0 to 199");
}

TEST_CASE("describe: format, density, entries and bytes of each layer") {
  const Net csr = sparse::convert(one_layer(300, 200, 0.05, true, 1), Format::csr);
  const sparse::Stored one = sparse::stored(csr)[0];
  CHECK(one.format == "csr");
  CHECK(one.entries == csr.value("fc.w").size());
  CHECK(one.bytes == one.entries * 6 + 201 * 2);
  CHECK(sparse::describe(csr).find("linear_csr") != std::string::npos);
}
