#include "data/cifar.h"

#include <cstdlib>

#include "data/load.h"
#include "files.h"
#include "make_files.h"

using namespace sparlet;
using namespace data_files;

TEST_CASE("cifar: records are read as they are, plain and gzipped, one label byte or two") {
  Folder folder;
  for (const CifarFormat& format :
       {CifarFormat{.records = 12}, CifarFormat{.classes = 100, .label_bytes = 2, .records = 7}}) {
    const Bytes plain = cifar(format);
    const Dataset a = read_cifar(folder.put("a", plain), format);
    const Dataset b = read_cifar(folder.put("b", gzip(plain)), format);
    CHECK(a.x.shape() == Shape{format.records, 3, 32, 32});
    CHECK(a.x == b.x);
    CHECK(a.y == b.y);
    for (int64_t i = 0; i < format.records; ++i) {
      CHECK(a.label(i) == i % format.classes);
      for (int64_t p : {0, 1023, 1024, 3071})
        CHECK(a.x.read<uint8_t>()[size_t(i * 3072 + p)] == (i * 3072 + p) % 251);
    }
  }
}

TEST_CASE("cifar: any other size is refused, a whole record too little or too much as well") {
  Folder folder;
  const CifarFormat format{.records = 3};
  const Bytes whole = cifar(format);
  for (const size_t size : {size_t(0), size_t(1), whole.size() - 3073, whole.size() - 1}) {
    const fs::path path = folder.put("file", Bytes(whole.begin(), whole.begin() + long(size)));
    check_message(message_of([&] { read_cifar(path, format); }), path.string() + ": found ",
                  std::to_string(size) + " bytes");
  }
  const fs::path path = folder.put("file", whole + cifar({.records = 1}));
  check_message(message_of([&] { read_cifar(path, format); }), path.string() + ": ", "more bytes");
  const fs::path packed = folder.put("packed", gzip(cifar({.records = 2})));
  check_message(message_of([&] { read_cifar(packed, format); }), packed.string() + ": ", "6146");
}

TEST_CASE("cifar: a label out of range is named with its place") {
  Folder folder;
  Bytes bytes = cifar({.records = 3});
  bytes[2 * 3073] = 10;
  const fs::path path = folder.put("file", bytes);
  check_message(message_of([&] { read_cifar(path, {.records = 3}); }), path.string() + ": found ",
                "label 10 at 2, wanted 0 to 9");
}

TEST_CASE("cifar: a folder without its files, and none") {
  Folder folder;
  CHECK(message_of([&] { read_cifar10(folder.path); }) ==
        (folder.path / "data_batch_1.bin").string() + ": found no such file");
  CHECK(message_of([&] {
          load_data({.source = "cifar100", .path = folder.path / "no"});
        }).starts_with((folder.path / "no").string() + ": found no such folder"));
}

TEST_CASE("cifar: an empty class is refused") {
  Folder folder;
  Bytes bytes = cifar({.records = 10000});
  for (int64_t i = 0; i < 10000; ++i)
    if (bytes[size_t(i * 3073)] == 4) bytes[size_t(i * 3073)] = 5;
  folder.put("data_batch_1.bin", bytes);
  folder.put("test_batch.bin", bytes);
  check_message(message_of([&] { read_cifar10(folder.path); }), folder.path.string() + ": found ",
                "no sample of class 4");
}

TEST_CASE("cifar: the real CIFAR-10, where there is one") {
  const char* place = std::getenv("SPARLET_DATA");
  if (!place || !fs::exists(fs::path(place) / "cifar-10-batches-bin")) {
    MESSAGE("skipped: SPARLET_DATA names no folder with cifar-10-batches-bin/ in it");
    return;
  }
  const Data data = load_data({.source = "cifar10"});
  CHECK(data.spec.shape == Shape{3, 32, 32});
  CHECK(data.test.size() == 10000);
  CHECK((data.train.size() + data.validation.size()) % 10000 == 0);
  CHECK(data.spec.mean == doctest::Approx(121).epsilon(0.02));
}
