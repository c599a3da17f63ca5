// The host's int8 path, the plan and the runtime agree byte for byte.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "autograd/executor.h"
#include "cost/cost.h"
#include "files.h"
#include "runtime/runtime.h"

using namespace sparlet;
using namespace sparlet::testing;

namespace {

struct Device {
  std::vector<uint32_t> file, arena;
  rt::Model model;
  int64_t arena_bytes = 0;

  explicit Device(const std::vector<uint8_t>& bytes) : file((bytes.size() + 3) / 4) {
    std::memcpy(file.data(), bytes.data(), bytes.size());
    arena_bytes = int64_t(rt::memory_needed(file.data(), bytes.size()));
    arena.assign(size_t(arena_bytes) / 4 + 16, 0xa5a5a5a5);
    REQUIRE(rt::open(model, file.data(), bytes.size(), arena.data(), size_t(arena_bytes)) ==
            rt::Status::ok);
  }
  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(arena.data()); }
  // Of the arena and what stands behind it.
  int64_t highest_touched(const std::vector<uint8_t>& before) const {
    int64_t highest = -1;
    for (size_t i = 0; i < before.size(); ++i)
      if (bytes()[i] != before[i]) highest = int64_t(i);
    return highest;
  }
};

}  // namespace

TEST_CASE("the host computes the device's bytes; arena == plan == highest byte touched + 1") {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    const Net net = random_int8(seed);
    const std::vector<uint8_t> file = deploy::serialize(net);
    Device device(file);
    const Id in = inputs(net.graph)[0];
    Executor host(net, {.batch = 3, .align = 4});
    Rng rng(seed);
    const Dataset data = random_bytes(input_shape(net), 3, rng);
    Tensor samples = data.gathered();
    host.set_input(in, {samples.shape(), DType::u8, samples.raw_write()});
    const View host_in = host.value(in);
    std::vector<int8_t> inputs_kept(host_in.as<int8_t>(), host_in.as<int8_t>() + host_in.size());
    const View out = host.forward(3);
    const int64_t in_size = host_in.size() / 3, out_size = out.size() / 3;
    REQUIRE(rt::input(device.model).bytes == in_size);
    REQUIRE(rt::output(device.model).bytes == out_size);
    int64_t highest = -1;
    for (int64_t i = 0; i < 3; ++i) {
      for (const uint8_t paint : {0x5a, 0xa5}) {  // a byte may happen to get the value it had
        std::memset(device.arena.data(), paint, device.arena.size() * 4);
        const std::vector<uint8_t> before(device.bytes(), device.bytes() + device.arena.size() * 4);
        std::memcpy(rt::input(device.model).data, inputs_kept.data() + i * in_size,
                    size_t(in_size));
        rt::run(device.model);
        highest = std::max(highest, device.highest_touched(before));
        CHECK(std::memcmp(rt::output(device.model).data, out.as<int8_t>() + i * out_size,
                          size_t(out_size)) == 0);
      }
    }
    CHECK(highest + 1 == device.arena_bytes);
    CHECK(plan_memory(net.graph, {.batch = 1, .align = 4}).size == device.arena_bytes);
    CHECK(cost::measure(net).memory == device.arena_bytes);
    CHECK(Executor(net, {.batch = 1, .align = 4}).arena_bytes() == device.arena_bytes);
  }
}

TEST_CASE("a net that is read back computes the same bytes") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Net net = random_int8(seed), back = deploy::parse(deploy::serialize(net), "some.spt");
    Rng rng(seed);
    Tensor samples = random_bytes(input_shape(net), 7, rng).gathered();
    const View view{samples.shape(), DType::u8, samples.raw_write()};
    CHECK(run(net, view, 3) == run(back, view, 7));
  }
}
