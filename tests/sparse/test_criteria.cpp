// What is dropped, grown and redistributed, criterion by criterion; and which forms of weights it
// works on.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "loop.h"
#include "sparse/convert.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

int64_t sum(const std::vector<int64_t>& list) {
  return std::accumulate(list.begin(), list.end(), int64_t(0));
}

std::set<int32_t> places(const Net& net, const sparse::Weight& w) {
  const auto at = sparse::connections(net, w).at;
  return {at.begin(), at.end()};
}

}  // namespace

TEST_CASE("scores compared over the whole net: the least of all go, the greatest of all come") {
  const Net net = sparse_net(mixed_net(8), 0.7, 8);
  sparse::DynamicOptions o = often(sparse::rigl_options(), 2);
  o.keep_together = o.grow_together = true;
  Loop loop(net, Sgd{.rate = 0.05f}, o);
  for (int64_t step = 1; step <= 10; ++step) {
    loop.batch(step);
    const Net before = loop.executor.trained();
    if (!loop.dynamic.step(step, double(step) / 20)) continue;
    const Net after = loop.executor.trained();
    CHECK(sum(connection_counts_of(after)) == sum(connection_counts_of(net)));
    // One threshold: no connection that stayed (or came back) is less than one that went. And of
    // the places that were free, none that came has less gradient than one that did not.
    float most_gone = 0, least_kept = 1e9f, least_grown = 1e9f, most_left = 0;
    int64_t gone = 0, returned = 0;
    const double p = drop_fraction(o.updates, {.step = step, .training = double(step) / 20});
    const int64_t drop = int64_t(p * double(sum(connection_counts_of(net))));
    std::vector<float> all;
    for (const sparse::Weight& w : sparse::weights_of(before.graph))
      for (const float v : sparse::connections(before, w).value) all.push_back(std::abs(v));
    std::ranges::sort(all);
    for (const sparse::Weight& w : sparse::weights_of(before.graph)) {
      const Tensor g = loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
      const std::set<int32_t> is = places(after, w);
      const sparse::Connections was = sparse::connections(before, w);
      const std::set<int32_t> old(was.at.begin(), was.at.end());
      for (size_t i = 0; i < was.at.size(); ++i) {
        const float v = std::abs(was.value[i]);
        const bool dropped = v < all[size_t(drop)];
        gone += dropped && !is.contains(was.at[i]);
        returned += dropped && is.contains(was.at[i]);
        if (!is.contains(was.at[i])) most_gone = std::max(most_gone, v);
        if (!dropped) least_kept = std::min(least_kept, v);
        if (!dropped) CHECK(is.contains(was.at[i]));
      }
      for (int32_t i = 0; i < int32_t(w.size()); ++i) {
        if (old.contains(i)) continue;
        const float s = std::abs(g.read()[size_t(i)]);
        if (is.contains(i))
          least_grown = std::min(least_grown, s);
        else
          most_left = std::max(most_left, s);
      }
    }
    CHECK(gone + returned == drop);
    CHECK(most_gone <= least_kept);
    // remade.
    if (least_grown < 1e9f) CHECK(least_grown >= most_left);
  }
  CHECK_FALSE(connection_counts_of(loop.executor.trained()) == connection_counts_of(net));
}

TEST_CASE("what is dropped and grown again keeps its value and its state") {
  const Net net = sparse_net(mixed_net(12), 0.7, 12);
  sparse::DynamicOptions o = often(sparse::rigl_options(), 1);
  // All that was there comes back; 1 goes to no other place.
  o.grow = [](const sparse::Seen& seen, int64_t begin, int64_t end) {
    const int64_t row = seen.weight.size() / seen.weight.shape[0];
    std::vector<float> score(size_t((end - begin) * row), 0);
    for (const int32_t at : seen.at)
      if (at >= begin * row && at < end * row) score[size_t(at - begin * row)] = 1;
    return score;
  };
  o.fresh = sparse::Fresh::normal;
  o.fresh_slot = 3;
  int64_t regrown = 0;
  o.report = [&](const sparse::UpdateReport& r) {
    for (const auto& w : r.weights) regrown += w.regrown;
  };
  Loop loop(net, Sgd{.rate = 0.05f, .momentum = 0.9f}, o);
  for (int64_t step = 1; step <= 3; ++step) {
    loop.batch(step);
    const Snapshot before(loop.executor);
    CHECK(loop.dynamic.step(step, double(step) / 20));
    const Snapshot after(loop.executor);
    CHECK((before.mask == after.mask && before.value == after.value));
    CHECK(before.momentum == after.momentum);
  }
  CHECK(regrown > 100);
}

TEST_CASE("momentum of busy neurons: |m| times its row's mean, however the rows are cut") {
  Rng rng(1);
  const sparse::Weight weight{.name = "w", .shape = {3, 2, 2}};
  const std::vector<float> m{1, -2, 3, 4, 0, 0, 0, 1, 2, 2, 2, -2};
  const auto rows = [&](int64_t begin, int64_t end) {
    return Tensor({end - begin, 4}, std::vector<float>(m.begin() + begin * 4, m.begin() + end * 4));
  };
  const sparse::Seen seen{weight, {}, {}, {}, rows, {}, rng};
  const std::vector<float> wanted{2.5f, 5, 7.5f, 10, 0, 0, 0, 0.25f, 4, 4, 4, 4};
  CHECK(sparse::grow_busy_neurons()(seen, 0, 3) == wanted);
  CHECK(sparse::grow_busy_neurons()(seen, 1, 2) ==
        std::vector<float>(wanted.begin() + 4, wanted.begin() + 8));
  CHECK(sparse::grow_momentum()(seen, 0, 1) == std::vector<float>{1, 2, 3, 4});
  // Random scores are those of the place, too.
  const auto all = sparse::grow_random()(seen, 0, 3), last = sparse::grow_random()(seen, 2, 3);
  CHECK(std::equal(last.begin(), last.end(), all.begin() + 8));
}

TEST_CASE("sensitivity, flatness and shares, by their formulas") {
  Rng rng(1);
  const sparse::Weight weight{.name = "w", .shape = {2, 3}};
  const std::vector<int32_t> at{1, 3, 5};
  const std::vector<float> value{0.5f, -2, 1}, g{3, -1, 2, 0.5f, -4, 6};
  const auto rows = [&](int64_t begin, int64_t end) {
    return Tensor({end - begin, 3}, std::vector<float>(g.begin() + begin * 3, g.begin() + end * 3));
  };
  const auto slot = [](int index) {
    return index == 1 ? std::vector<float>{1, 2, 6} : std::vector<float>{9, 9, 9};
  };
  const sparse::Seen seen{weight, at, value, rows, rows, slot, rng};
  CHECK(sparse::keep_sensitive()(seen) == std::vector<float>{0.5f, 1, 6});
  CHECK(sparse::keep_magnitude()(seen) == std::vector<float>{0.5f, 2, 1});
  CHECK(sparse::grow_gradient()(seen, 1, 2) == std::vector<float>{0.5f, 4, 6});
  CHECK(sparse::grow_flat()(seen, 0, 1) == std::vector<float>{-3, -1, -2});
  CHECK(sparse::share_momentum()(seen) == doctest::Approx(7.5 / 3));
  CHECK(sparse::share_magnitude()(seen) == doctest::Approx(3.5 / 3));
  CHECK(sparse::share_connections()(seen) == 3);
  CHECK(sparse::share_variance()(seen) == doctest::Approx(3));
}

TEST_CASE("dense gradients are made at updates only, and for every row once") {
  const Net masked = sparse_net(mixed_net(13), 0.8, 13);
  const Net net = sparse::convert(masked, sparse::Format::csr);
  int64_t rows = 0;
  for (const sparse::Weight& w : sparse::weights_of(net.graph))
    if (w.has_pattern()) rows += w.shape[0];
  for (const std::string method : {"static", "set", "rigl", "rigl-itop", "snfs"}) {
    CAPTURE(method);
    Loop loop(net, Sgd{.rate = 0.01f}, often(sparse::dynamic_from(method), 4));
    for (int64_t step = 1; step <= 10; ++step) {
      loop.batch(step);
      const int64_t before = loop.dynamic.dense_rows();
      const bool changed = loop.dynamic.step(step, double(step) / 20);
      const bool asks = method.starts_with("rigl") ? changed : method == "snfs";
      CHECK(loop.dynamic.dense_rows() - before == (asks ? rows : 0));
      CHECK(changed == (step % 4 == 0 && method != "static"));
    }
  }
  // Batches that make one step: still none but at updates.
  Loop loop(net, Sgd{.rate = 0.01f}, often(sparse::rigl_options(), 4));
  for (int64_t step = 1; step <= 8; ++step) {
    const int64_t before = loop.dynamic.dense_rows();
    for (const int64_t part : {1, 2}) {
      loop.batch(2 * step + part);
      if (part == 1) loop.dynamic.add(step, double(step) / 20, 8);
    }
    loop.dynamic.step(step, double(step) / 20, 8);
    CHECK(loop.dynamic.dense_rows() - before == (step % 4 == 0 ? 2 * rows : 0));
  }
}

TEST_CASE("criteria of one's own; weights kept out; names that are none") {
  const Net net = sparse_net(mixed_net(9), 0.7, 9);
  sparse::DynamicOptions o = often(sparse::rigl_options(), 1);
  // Keep the last places, grow the first ones.
  o.keep = [](const sparse::Seen& seen) {
    return std::vector<float>(seen.at.begin(), seen.at.end());
  };
  o.grow = [](const sparse::Seen& seen, int64_t begin, int64_t end) {
    const int64_t row = seen.weight.size() / seen.weight.shape[0];
    std::vector<float> score;
    for (int64_t i = begin * row; i < end * row; ++i) score.push_back(-float(i));
    return score;
  };
  o.keep_out = {"f.w"};
  o.updates.fraction = 1;
  o.updates.anneal = sparse::Anneal::constant;
  Loop loop(net, Sgd{.rate = 0.05f}, o);
  loop.batch(1);
  loop.dynamic.step(1, 0.1);
  const Net after = loop.executor.trained();
  for (const sparse::Weight& w : sparse::weights_of(after.graph)) {
    const auto at = sparse::connections(after, w).at;
    if (w.name == "f.w")
      CHECK(at == sparse::connections(net, w).at);
    else
      CHECK(at.back() == int32_t(at.size()) - 1);
  }
  o.keep_out = {"ff.w"};
  Loop wrong(net, Sgd{.rate = 0.05f}, o);
  wrong.batch(1);
  CHECK_THROWS_WITH_AS(wrong.dynamic.step(1, 0.1), doctest::Contains("'f.w'"), Error);
  CHECK_THROWS_WITH_AS(sparse::dynamic_from("rigle"), doctest::Contains("'rigl'"), Error);
}

TEST_CASE("grown connections: first values and first state") {
  const Net net = sparse_net(mixed_net(10), 0.7, 10);
  for (const auto fresh : {sparse::Fresh::initial, sparse::Fresh::normal, sparse::Fresh::uniform,
                           sparse::Fresh::gradient, sparse::Fresh::gradient_sign}) {
    sparse::DynamicOptions o = often(sparse::rigl_options(), 1);
    o.fresh = fresh;
    o.divisor = 10;
    o.fresh_slot = 0.5f;
    Loop loop(net, Sgd{.rate = 0.05f, .momentum = 0.9f}, o);
    loop.batch(1);
    const Snapshot before(loop.executor);
    std::map<std::string, Tensor> gradient;
    for (const sparse::Weight& w : sparse::weights_of(net.graph))
      gradient[w.name] = loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
    loop.dynamic.step(1, 0.1);
    const Snapshot after(loop.executor);
    int grown = 0;
    for (const auto& [name, mask] : after.mask)
      for (size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] == 0 || before.mask.at(name)[i] != 0) continue;
        ++grown;
        const float g = gradient[name].read()[i], value = after.value.at(name)[i];
        CHECK(after.momentum.at(name)[i] == 0.5f * g);
        if (fresh == sparse::Fresh::gradient) CHECK(value == doctest::Approx(-g / 10));
        if (fresh == sparse::Fresh::gradient_sign)
          CHECK(value == doctest::Approx(g > 0 ? -0.1 : 0.1));
        if (fresh == sparse::Fresh::initial) CHECK((std::abs(value) <= 0.1f && value != 0));
        if (fresh == sparse::Fresh::normal) CHECK(std::abs(value) < 0.5f);
        if (fresh == sparse::Fresh::uniform) CHECK(std::abs(value) < 0.1f);
      }
    CHECK(grown > 10);
  }
}

TEST_CASE("SET's sign rule drops the same share of either sign") {
  const std::vector<int32_t> at{0, 1, 2, 3, 4, 5};
  const std::vector<float> value{0.1f, -0.9f, 0.5f, -0.05f, 0.3f, 0.2f};
  Rng rng(1);
  const sparse::Weight weight{.name = "w", .shape = {2, 3}};
  const sparse::Seen seen{weight, at, value, {}, {}, {}, rng};
  const std::vector<float> score = sparse::keep_by_sign()(seen);
  CHECK(score[0] < score[5]);
  CHECK(score[5] < score[4]);
  CHECK(score[4] < score[2]);
  CHECK(score[3] < score[1]);
  CHECK(score[3] < score[4]);  // the least of two negatives goes before the third of four positives
}

TEST_CASE("sparse weights move the connections that masked ones do, in a loop and as a hook") {
  for (const char* method : {"set", "rigl", "snfs"}) {
    CAPTURE(method);
    const Data data = toy_digits();
    Rng init(1);
    const Net masked = sparse_net(digits_mlp(data.spec, init), 0.8, 11);
    const Net csr = sparse::convert(masked, sparse::Format::csr);
    REQUIRE(sparse::weights_of(csr.graph)[0].format);
    const sparse::DynamicOptions o = often(sparse::dynamic_from(method));
    const Sgd optimizer{.rate = 0.02f, .momentum = 0.9f};
    Rng a(5), b(5);
    const TrainOptions options{.epochs = 2, .batch = 32, .hooks = {sparse::dynamic(o)}};
    const Trained one = train(masked, data, optimizer, options, a);
    const Trained two = train(csr, data, optimizer, options, b);
    const Net back = sparse::convert(two.net, sparse::Format::masked);
    for (const char* name : {"f1.w", "f2.w"}) {
      CHECK(one.net.value(std::string(name) + ".mask") == back.value(std::string(name) + ".mask"));
      CHECK(distance(one.net.value(name), back.value(name)) < 1e-3);
    }
    Loop left(masked, optimizer, o), right(csr, optimizer, o);
    for (int64_t step = 1; step <= 9; ++step) {
      left.batch(step), right.batch(step);
      CHECK(left.dynamic.step(step, double(step) / 20) ==
            right.dynamic.step(step, double(step) / 20));
    }
    const Net now = sparse::convert(right.executor.trained(), sparse::Format::masked);
    CHECK(now.value("f1.w.mask") == left.executor.trained().value("f1.w.mask"));
    CHECK(distance(now.value("f1.w"), left.executor.trained().value("f1.w")) < 1e-3);
  }
}

namespace {

// Every kind of layer that has sparse forms.
Net recurrent_net(uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  Var x = nn::relu(nn::conv2d(b.input("x", {1, 6, 6}), "c", {.out = 4, .pad = 1}));
  x = nn::reshape(x, {12, 12});
  x = nn::self_attention(x, "a", {.heads = 2});
  x = nn::gru(x, "g", {.hidden = 8}).y;
  x = nn::lstm(x, "l", {.hidden = 6}).h;
  return b.finish(nn::linear(x, "f", {.out = 3}));
}

}  // namespace

TEST_CASE("convolutions, attention, GRU and LSTM: sparse weights move as masked ones do") {
  const Net masked = sparse_net(recurrent_net(14), 0.7, 14);
  const std::vector<std::string> names{"c.w",       "a.in.w",    "a.out.w",   "g.l0.w_ih",
                                       "g.l0.w_hh", "l.l0.w_ih", "l.l0.w_hh", "f.w"};
  CHECK(sparse::prunable(masked.graph) == names);
  const Net csr = sparse::convert(masked, sparse::Format::csr);
  for (const sparse::Weight& w : sparse::weights_of(csr.graph)) CHECK(w.format);
  for (const char* method : {"set", "rigl", "snfs"}) {
    CAPTURE(method);
    const sparse::DynamicOptions o = often(sparse::dynamic_from(method));
    const Sgd optimizer{.rate = 0.02f, .momentum = 0.9f};
    Loop left(masked, optimizer, o), right(csr, optimizer, o);
    for (int64_t step = 1; step <= 9; ++step)
      for (Loop* each : {&left, &right}) {
        each->batch(step);
        each->dynamic.step(step, double(step) / 20);
      }
    const Net one = left.executor.trained();
    const Net two = sparse::convert(right.executor.trained(), sparse::Format::masked);
    for (const std::string& name : names) {
      CAPTURE(name);
      const auto a = one.value(name + ".mask").read(), b = two.value(name + ".mask").read(),
                 first = masked.value(name + ".mask").read();
      const auto v = one.value(name).read(), w = two.value(name).read();
      int64_t apart = 0, moved = 0, wrong = 0;
      for (size_t i = 0; i < a.size(); ++i) {
        apart += a[i] != b[i];
        moved += a[i] != first[i];
        wrong += a[i] == b[i] && std::abs(v[i] - w[i]) > 1e-3f;
      }
      CHECK(apart <= 2);  // gradients as good as equal, added up in another order
      CHECK(wrong == 0);
      if (std::ranges::count(first, 0.f) > 0) CHECK(moved > 0);
    }
  }
}
