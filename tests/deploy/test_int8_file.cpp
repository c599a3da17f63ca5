#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "files.h"

using namespace sparlet;
using namespace sparlet::testing;
namespace fs = std::filesystem;

TEST_CASE("int8: serialize(parse(bytes)) == bytes, and the nets compute the same text") {
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    CAPTURE(seed);
    const Net net = random_int8(seed);
    const std::vector<uint8_t> file = deploy::serialize(net);
    const Net back = deploy::parse(file, "some.spt");
    CHECK(deploy::serialize(back) == file);
    const Net again = deploy::parse(deploy::serialize(back), "some.spt");
    CHECK(hash(again) == hash(back));
    CHECK(back.graph.nodes.size() == net.graph.nodes.size());
    CHECK(from_text(to_text(back.graph)).nodes.size() == back.graph.nodes.size());
  }
}

TEST_CASE("int8: every truncation, flipped bit and mutation is found or harmless") {
  const std::vector<uint8_t> file = deploy::serialize(random_int8(4));
  for (size_t size = 0; size < file.size(); ++size)
    CHECK(is_clear(message_of({file.begin(), file.begin() + long(size)})));
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::vector<uint8_t> bad = file;
    bad[bit / 8] = uint8_t(bad[bit / 8] ^ 1u << (bit % 8));
    CHECK(is_clear(message_of(bad)));
  }
  std::vector<uint8_t> longer = file;
  longer.push_back(0);
  CHECK(is_clear(message_of(longer)));
}

TEST_CASE("int8: with a checksum that fits, a mutation is refused clearly or is a good model") {
  int refused = 0, taken = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const std::vector<uint8_t> file = deploy::serialize(random_int8(seed));
    Rng rng(seed);
    for (int i = 0; i < 300; ++i) {
      std::vector<uint8_t> bad = file;
      for (int64_t k = 0, edits = 1 + rng.below(3); k < edits; ++k)
        bad[size_t(rng.below(int64_t(bad.size())))] = uint8_t(rng.below(256));
      reseal(bad);
      const std::string message = message_of(bad);
      if (message.empty()) {
        ++taken;
        CHECK(deploy::serialize(deploy::parse(bad, "some.spt")).size() > 0);
      } else {
        ++refused;
        CHECK(is_clear(message));
      }
    }
  }
  CHECK(refused > 100);
  CHECK(taken > 100);  // weights may be anything
}

TEST_CASE("save and load: the file is the bytes; a failed save leaves the old file and no other") {
  const fs::path folder = fs::temp_directory_path() / "sparlet_test_deploy";
  fs::remove_all(folder);
  fs::create_directories(folder);
  const fs::path path = folder / "a.spt";
  const Net one = random_int8(1), two = random_int8(2);
  deploy::save(one, path);
  CHECK(fs::file_size(path) == deploy::serialize(one).size());
  CHECK(deploy::serialize(deploy::load(path)) == deploy::serialize(one));

  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit little = old;
  little.rlim_cur = 100;  // the disk is full after 100 bytes: a short write, then an error
  setrlimit(RLIMIT_FSIZE, &little);
  std::string message;
  try {
    deploy::save(two, path);
  } catch (const Error& error) {
    message = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  CHECK(message.find("cannot write") != std::string::npos);
  CHECK(deploy::serialize(deploy::load(path)) == deploy::serialize(one));
  CHECK(std::distance(fs::directory_iterator(folder), {}) == 1);

  CHECK_THROWS_WITH_AS(deploy::load(folder / "none.spt"),
                       doctest::Contains("none.spt: cannot open"), Error);
  CHECK_THROWS_WITH_AS(deploy::save(two, folder / "no" / "where.spt"),
                       doctest::Contains("there is no folder"), Error);
  CHECK_THROWS_WITH_AS(deploy::save(two, folder), doctest::Contains("is a folder"), Error);
  CHECK_THROWS_WITH_AS(deploy::save(two, folder / ""), doctest::Contains("is a folder"), Error);
  CHECK_THROWS_WITH_AS(deploy::save(two, "/dev/null"), doctest::Contains("is no regular file"),
                       Error);
  CHECK(fs::is_character_file("/dev/null"));
  fs::remove_all(folder);
}
