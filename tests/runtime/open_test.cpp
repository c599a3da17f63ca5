// Files: what open() refuses, that run() gives what the kernels give, and the arena.
#include <doctest/doctest.h>

#include <cstring>

#include "../../examples/minimal_host/tiny_model.h"
#include "fuzz.h"
#include "naive.h"
#include "runtime/crc32.h"
#include "runtime/runtime.h"

using namespace sparlet::rt;
using File = std::vector<uint8_t>;

static Status try_open(const File& file) {
  std::vector<uint8_t> arena(65536);
  Model model;
  return open(model, file.data(), file.size(), arena.data(), arena.size());
}

// The model after `change`, checksum right.
template <class F>
static Status after(ModelWriter model, F change) {
  change(model);
  return try_open(model.file());
}

TEST_CASE("crc32 is zlib's") {
  CHECK(crc32("123456789", 9) == 0xcbf43926u);
  CHECK(crc32("6789", 4, crc32("12345", 5)) == 0xcbf43926u);
}

TEST_CASE("records come back as they were written") {
  for (const ModelWriter& m : {chain_model(), branch_model()}) {
    for (const Record& r : m.records) {
      uint8_t bytes[max_record_bytes], again[max_record_bytes];
      const size_t n = encode(r, bytes);
      Record back;
      REQUIRE(decode(bytes, bytes + n, back));
      CHECK(back.op == r.op);
      CHECK(back.c == r.c);
      CHECK(back.pad_right == r.pad_right);
      REQUIRE(encode(back, again) == n);
      CHECK(std::memcmp(bytes, again, n) == 0);
      for (size_t cut = 0; cut < n; ++cut) CHECK(!decode(bytes, bytes + cut, back));
    }
  }
}

TEST_CASE("records are small") {
  uint8_t bytes[max_record_bytes];
  const ModelWriter m = chain_model();
  CHECK(encode(m.records[1], bytes) <= 28);  // conv2d 3x3
  CHECK(encode(m.records[2], bytes) <= 14);  // max_pool
  CHECK(encode(m.records[3], bytes) <= 28);  // grouped conv2d, bitmask, 2x3 kernel
  CHECK(encode(m.records[4], bytes) <= 20);  // linear
}

TEST_CASE("the largest record fits its buffer") {
  constexpr uint32_t most = 0xffffffff;
  const Record r{.op = Op::conv2d,
                 .flags = record_clamped | record_bitmask,
                 .inputs = 1,
                 .input = {most},
                 .h = most,
                 .w = most,
                 .c = most,
                 .offset = most,
                 .scale = most,
                 .kernel_h = most,
                 .kernel_w = most - 1,
                 .stride_h = most,
                 .stride_w = most,
                 .pad_top = most,
                 .pad_left = most,
                 .pad_bottom = most,
                 .pad_right = most,
                 .dilation_h = most,
                 .dilation_w = most,
                 .groups = most,
                 .values = most};
  uint8_t bytes[max_record_bytes];
  const size_t n = encode(r, bytes);
  CHECK(n <= max_record_bytes);
  Record back;
  REQUIRE(decode(bytes, bytes + n, back));
  CHECK(back.values == most);
}

TEST_CASE("truncated at every byte, every bit flipped: refused") {
  for (const ModelWriter& m : {chain_model(), branch_model()}) {
    const File good = m.file();
    REQUIRE(try_open(good) == Status::ok);
    for (size_t cut = 0; cut < good.size(); ++cut)
      CHECK(try_open(File(good.begin(), good.begin() + ptrdiff_t(cut))) == Status::truncated);
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      File bad = good;
      bad[bit / 8] ^= uint8_t(1 << (bit % 8));
      CHECK(try_open(bad) != Status::ok);
    }
  }
}

TEST_CASE("a file of another kind, version or rounding says so") {
  const File good = chain_model().file();
  auto with = [&](size_t at, uint8_t value) {
    File f = good;
    f[at] = value;
    set_crc(f);
    return try_open(f);
  };
  CHECK(with(0, 'X') == Status::bad_magic);
  CHECK(with(4, uint8_t(Kind::float_net)) == Status::bad_kind);
  CHECK(with(5, version + 1) == Status::bad_version);
  CHECK(with(6, flag_single_rounding) == Status::bad_rounding);
  CHECK(with(6, 2) == Status::bad_model);
  CHECK(with(7, 1) == Status::bad_model);
  CHECK(with(good.size() - 1, uint8_t(good.back() + 1)) == Status::ok);  // a weight: another model
  File damaged = good;
  damaged.back() ^= 1;
  CHECK(try_open(damaged) == Status::bad_checksum);
  File longer = good;
  longer.resize(good.size() + 100);
  CHECK(try_open(longer) == Status::ok);
}

TEST_CASE("the arena: enough, and the address of the file") {
  const File file = chain_model().file();
  const size_t need = memory_needed(file.data(), file.size());
  CHECK(need == 320);
  std::vector<uint8_t> arena(need), shifted(file.size() + 4);
  Model model;
  CHECK(open(model, file.data(), file.size(), arena.data(), need) == Status::ok);
  CHECK(open(model, file.data(), file.size(), arena.data(), need - 1) == Status::arena_too_small);
  std::copy(file.begin(), file.end(), shifted.begin() + 1);
  CHECK(open(model, shifted.data() + 1, file.size(), arena.data(), need) == Status::misaligned);
  CHECK(memory_needed(file.data(), 27) == 0);
}

TEST_CASE("what is impossible is refused though the checksum is right") {
  const ModelWriter chain = chain_model(), branch = branch_model();
  auto refused = [](const ModelWriter& m, auto change) {
    CHECK(after(m, change) == Status::bad_model);
  };
  refused(chain, [](ModelWriter& m) { m.records[1].h = 7; });
  refused(chain, [](ModelWriter& m) { m.records[1].stride_h = 0; });
  refused(chain, [](ModelWriter& m) { m.records[1].scale = naive::bits(NAN); });
  refused(chain, [](ModelWriter& m) { m.records[1].low = 3, m.records[1].high = 2; });
  refused(chain, [](ModelWriter& m) { m.records[1].offset = 60; });  // over its input
  refused(chain, [](ModelWriter& m) { m.records[1].input[0] = 1; });
  refused(chain, [](ModelWriter& m) { m.records[2].offset = 65; });  // neither in place nor beside
  refused(chain, [](ModelWriter& m) { m.records[3].groups = 3; });
  refused(chain, [](ModelWriter& m) { m.records[5].zero = 0; });
  refused(chain, [](ModelWriter& m) { m.channels[0].bias = INT32_MAX; });
  refused(chain, [](ModelWriter& m) { m.channels[0].scale = naive::bits(1e-20f); });
  refused(chain, [](ModelWriter& m) { m.channels[0].scale = naive::bits(-0.01f); });
  refused(chain, [](ModelWriter& m) { m.channels.pop_back(); });
  refused(chain, [](ModelWriter& m) { m.weights.pop_back(); });
  refused(chain, [](ModelWriter& m) { m.weights.push_back(0); });
  refused(chain, [](ModelWriter& m) { m.weights[36] ^= 1; });  // the mask against its count
  refused(branch, [](ModelWriter& m) {
    m.records[2].offset = 0;
    m.records[3].input[0] = 0;
  });
  refused(branch, [](ModelWriter& m) { m.records[3].inputs = 1; });
  refused(branch, [](ModelWriter& m) { m.records[3].c = 8; });
  refused(branch, [](ModelWriter& m) { m.records[9].start = 3; });
  refused(branch, [](ModelWriter& m) { m.records[10].flags = record_flat; });
  refused(branch, [](ModelWriter& m) { m.records.resize(1); });
}

TEST_CASE("run() is the kernels one after the other, again and again") {
  const ModelWriter m = chain_model();
  const File file = m.file();
  std::vector<uint8_t> arena(320);
  Model model;
  REQUIRE(open(model, file.data(), file.size(), arena.data(), arena.size()) == Status::ok);
  REQUIRE(input(model).bytes == 64);
  CHECK(input(model).scale == 1 / 255.0f);
  CHECK(output(model).scale == 1 / 256.0f);
  CHECK(output(model).zero == -128);
  CHECK(output(model).flat);

  // Dense weights again, from the same dice that made the model.
  const auto* dense = reinterpret_cast<const int8_t*>(m.weights.data());
  const uint8_t* second = m.weights.data() + 36;
  const uint8_t* third = second + 6 + m.records[3].values;
  auto sparse = [](const uint8_t* at, size_t mask) {
    return Weights{.values = reinterpret_cast<const int8_t*>(at + mask), .mask = at};
  };
  Dice dice(5);
  for (int round = 0; round < 5; ++round) {
    const auto x = dice.values(64);
    std::memcpy(input(model).data, x.data(), 64);
    run(model);
    std::vector<int8_t> a(256), b(64), c(96), d(5), e(5);
    Weights w1{.values = dense, .channels = &m.channels[0]};
    Weights w2 = sparse(second, 6), w3 = sparse(third, 60);
    w2.channels = &m.channels[4];
    w3.channels = &m.channels[12];
    conv2d_i8({.x = x.data(),
               .y = a.data(),
               .in = {8, 8, 1},
               .out = {8, 8, 4},
               .window = {.kernel_h = 3, .kernel_w = 3, .pad_top = 1, .pad_left = 1},
               .x_zero = -128,
               .q = {.zero = -128},
               .weights = w1});
    max_pool_i8({.x = a.data(),
                 .y = b.data(),
                 .in = {8, 8, 4},
                 .out = {4, 4, 4},
                 .window = {.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2}});
    conv2d_i8({.x = b.data(),
               .y = c.data(),
               .in = {4, 4, 4},
               .out = {3, 4, 8},
               .window = {.kernel_h = 2, .kernel_w = 3, .pad_left = 1},
               .groups = 4,
               .x_zero = -128,
               .q = {.zero = 3},
               .weights = w2});
    linear_i8({.x = c.data(),
               .y = d.data(),
               .in = 96,
               .out = 5,
               .x_zero = 3,
               .q = {.zero = -2},
               .weights = w3});
    softmax_i8({.x = d.data(), .y = e.data(), .count = 5, .x_scale = naive::bits(0.05f)});
    CHECK(std::memcmp(output(model).data, e.data(), 5) == 0);
  }
}

TEST_CASE("highest byte touched + 1 is the memory, below and above nothing is") {
  for (const ModelWriter& m : {chain_model(), branch_model()}) {
    const File file = m.file();
    const size_t need = memory_needed(file.data(), file.size());
    size_t highest = 0;
    for (int paint : {0xa5, 0x5a}) {  // a value may equal one of them
      std::vector<uint8_t> memory(need + 128, uint8_t(paint));
      Model model;
      REQUIRE(open(model, file.data(), file.size(), memory.data() + 64, need) == Status::ok);
      std::memset(input(model).data, 11, input(model).bytes);
      run(model);
      for (size_t i = 0; i < memory.size(); ++i) {
        if (memory[i] == paint) continue;
        REQUIRE(i >= 64);
        highest = std::max(highest, i - 64 + 1);
      }
    }
    CHECK(highest == need);
  }
}

TEST_CASE("mutated files: refused, or run inside their bounds") {
  int opened = 0;
  constexpr int count = 20000;
  for (uint32_t seed = 0; seed < count; ++seed) opened += fuzz::survives(fuzz::mutated(seed));
  CHECK(opened > count / 50);
  CHECK(opened < count);
}

TEST_CASE("the example's built-in model is the one that its source makes") {
  const File file = tiny_model_writer().file();
  REQUIRE(file.size() == sizeof tiny_model);
  CHECK(std::memcmp(file.data(), tiny_model, file.size()) == 0);
  CHECK(try_open(file) == Status::ok);
}
