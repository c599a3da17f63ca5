#include <doctest/doctest.h>

#include <cstring>

#include "files.h"

using namespace sparlet;
using namespace sparlet::testing;

TEST_CASE("float: names, structure and numbers come back") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Net net = random_net(seed);
    const std::vector<uint8_t> file = deploy::serialize(net);
    const Net back = deploy::parse(file, "some.spt");
    CHECK(to_text(back.graph) == to_text(net.graph));
    CHECK(hash(back) == hash(net));
    CHECK(deploy::serialize(back) == file);
  }
}

TEST_CASE("float: every truncation and flipped bit is found") {
  Rng rng(1);
  NetBuilder b(rng);
  const Net net = b.finish(nn::relu(nn::linear(b.input("x", {3}), "l", {.out = 2})));
  const std::vector<uint8_t> file = deploy::serialize(net);
  for (size_t size = 0; size < file.size(); ++size)
    CHECK(is_clear(message_of({file.begin(), file.begin() + long(size)})));
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::vector<uint8_t> bad = file;
    bad[bit / 8] = uint8_t(bad[bit / 8] ^ 1u << (bit % 8));
    CHECK(is_clear(message_of(bad)));
  }
}

TEST_CASE("float: a lying header, text or shape is refused clearly, without a huge allocation") {
  Rng rng(1);
  NetBuilder b(rng);
  const Net net = b.finish(nn::relu(nn::linear(b.input("x", {3}), "l", {.out = 2})));
  const std::vector<uint8_t> file = deploy::serialize(net);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<uint8_t> bad = file;
    for (int64_t k = 0, edits = 1 + rng.below(3); k < edits; ++k)
      bad[size_t(16 + rng.below(int64_t(bad.size()) - 16))] = uint8_t(rng.below(256));
    reseal(bad);
    const std::string message = message_of(bad);
    refused += !message.empty();
    CHECK((message.empty() || is_clear(message)));
  }
  CHECK(refused > 500);
  const auto with_text = [&](const std::string& text) {
    std::vector<uint8_t> huge = file;
    huge.resize(16);
    const uint32_t bytes = uint32_t(text.size());
    huge.insert(huge.end(), reinterpret_cast<const uint8_t*>(&bytes),
                reinterpret_cast<const uint8_t*>(&bytes) + 4);
    huge.insert(huge.end(), text.begin(), text.end());
    const uint32_t size = uint32_t(huge.size());
    std::memcpy(huge.data() + 8, &size, 4);
    reseal(huge);
    return message_of(huge);
  };
  CHECK(with_text("constant c shape=[500000000]\n").find("cut short in c") != std::string::npos);
  const std::string more = "has more than 2147483647 elements";
  for (const char* text : {"constant c shape=[2000000000,2000000000,2000000000]\n",
                           "input x shape=[784]\nreshape f x shape=[20552879,3725308,5059460]\n"})
    CHECK(with_text(text).find(more) != std::string::npos);
}
