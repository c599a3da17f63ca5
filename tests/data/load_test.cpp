#include "data/load.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>

#include "idx_files.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace idx_files;

namespace {

// Sets SPARLET_DATA (or removes it) and puts it back at the end.
class Place {
 public:
  explicit Place(const char* value) {
    if (const char* old = std::getenv("SPARLET_DATA")) before_ = old;
    value ? setenv("SPARLET_DATA", value, 1) : unsetenv("SPARLET_DATA");
  }
  ~Place() { before_ ? setenv("SPARLET_DATA", before_->c_str(), 1) : unsetenv("SPARLET_DATA"); }

 private:
  std::optional<std::string> before_;
};

std::string message_of(const DataOptions& options) {
  try {
    load_data(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// 120 training and 30 test samples of 2 x 2, half of the files gzipped.
void put_four(const Folder& folder) {
  folder.put("train-images-idx3-ubyte", images(120, 2, 2));
  folder.put("train-labels-idx1-ubyte.gz", gzip(labels(120)));
  folder.put("t10k-images-idx3-ubyte.gz", gzip(images(30, 2, 2)));
  folder.put("t10k-labels-idx1-ubyte", labels(30));
}

std::vector<int> per_class(const Dataset& data) {
  std::vector<int> counts(10);
  for (int64_t i = 0; i < data.size(); ++i) ++counts[size_t(data.label(i))];
  return counts;
}

}  // namespace

TEST_CASE("load: the digits' usual numbers, description and normalisation") {
  const Data data = load_data({});
  CHECK(data.name == "digits");
  CHECK(data.train.size() == 6000);
  CHECK(data.validation.size() == 1500);
  CHECK(data.test.size() == 2000);
  CHECK(data.spec.shape == Shape{1, 28, 28});
  CHECK(data.spec.classes == 10);
  CHECK(data.spec.dtype == DType::u8);
  CHECK(data.spec.mean == float(int(data.spec.mean)));
  CHECK(data.spec.deviation > 20);
  Data again = data;
  again.test = again.validation = again.train.take(0);
  fit_normalization(again);
  CHECK(again.spec.mean == data.spec.mean);
  CHECK(again.spec.deviation == data.spec.deviation);
}

TEST_CASE("load: parts of the digits do not overlap, and do not depend on each other's length") {
  const Data a = load_data({.train = 200, .validation = 100, .test = 100, .seed = 4});
  const Data b = load_data({.train = 50, .validation = 100, .test = 20, .seed = 4});
  CHECK(a.validation.x == b.validation.x);
  CHECK(a.test.take(20).gathered() == b.test.x);
  CHECK(a.train.take(50).gathered() == b.train.x);
  std::set<std::string> seen;
  for (const Dataset* part : {&a.train, &a.validation, &a.test}) {
    CHECK(per_class(*part) == std::vector<int>(10, int(part->size() / 10)));
    const char* bytes = reinterpret_cast<const char*>(part->x.raw());
    for (int64_t i = 0; i < part->size(); ++i) seen.insert(std::string(bytes + i * 784, 784));
  }
  CHECK(seen.size() == 400);
  CHECK_FALSE(load_data({.train = 50, .seed = 5}).train.x == b.train.x);
}

TEST_CASE("load: IDX files are split by class, completely, without overlap, the same each time") {
  Folder folder;
  put_four(folder);
  const DataOptions options{.source = "idx", .path = folder.path, .validation = 30, .seed = 6};
  const Data data = load_data(options);
  CHECK(per_class(data.train) == std::vector<int>(10, 9));
  CHECK(per_class(data.validation) == std::vector<int>(10, 3));
  CHECK(per_class(data.test) == std::vector<int>(10, 3));
  std::set<int32_t> seen(data.train.index.begin(), data.train.index.end());
  seen.insert(data.validation.index.begin(), data.validation.index.end());
  CHECK(seen.size() == 120);
  CHECK(data.test.x.raw() != data.train.x.raw());
  CHECK(data.spec.shape == Shape{1, 2, 2});
  CHECK(load_data(options).validation.index == data.validation.index);

  DataOptions other = options;
  other.seed = 7;
  CHECK(load_data(other).validation.index != data.validation.index);

  DataOptions less = options;
  less.train = 20, less.test = 10;
  const Data small = load_data(less);
  CHECK(small.validation.index == data.validation.index);
  CHECK(per_class(small.train) == std::vector<int>(10, 2));
  CHECK(per_class(small.test) == std::vector<int>(10, 1));
  for (const int32_t i : small.train.index)
    CHECK(std::count(data.train.index.begin(), data.train.index.end(), i) == 1);
}

TEST_CASE("load: the usual share of the training files validates") {
  Folder folder;
  put_four(folder);
  const Data data = load_data({.source = "idx", .path = folder.path});
  CHECK(data.validation.size() == 10);
  CHECK(data.train.size() == 110);
}

TEST_CASE("load: SPARLET_DATA holds the folders mnist and fashion; a path goes before it") {
  Folder place, other;
  fs::create_directories(place.path / "fashion");
  put_four(other);
  for (const auto& entry : fs::directory_iterator(other.path))
    fs::copy(entry, place.path / "fashion");
  const Place set(place.path.c_str());
  CHECK(load_data({.source = "fashion"}).train.size() == 110);
  CHECK(load_data({.source = "mnist", .path = other.path}).train.size() == 110);
  CHECK(
      message_of({.source = "mnist"}).starts_with((place.path / "mnist").string() + ": found no "));
}

TEST_CASE("load: what is missing is named, and how to give it") {
  const Place none(nullptr);
  CHECK(message_of({.source = "mnist"}).find("SPARLET_DATA") != std::string::npos);
  CHECK(message_of({.source = "idx"}).starts_with("data.path: "));
  Folder folder;
  put_four(folder);
  fs::remove(folder.path / "t10k-labels-idx1-ubyte");
  CHECK(message_of({.source = "idx", .path = folder.path}) ==
        folder.path.string() +
            ": found no t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz in this folder; give "
            "its place as data.path or set SPARLET_DATA");
}

TEST_CASE("load: a wrong word names the nearest and the known ones") {
  const std::string message = message_of({.source = "minst"});
  CHECK(message.starts_with("data.source: no 'minst'"));
  CHECK(message.find("digits, mnist, fashion, idx") != std::string::npos);
  CHECK(message.find("did you mean 'mnist'?") != std::string::npos);
}

TEST_CASE("load: numbers out of range") {
  Folder folder;
  put_four(folder);
  const auto with = [&](DataOptions options) {
    options.source = "idx", options.path = folder.path;
    return message_of(options);
  };
  CHECK(with({.train = 111}) == "data.train: 111 samples, there are 110");
  CHECK(with({.train = 110}) == "no error");
  CHECK(with({.test = 31}) == "data.test: 31 samples, there are 30");
  CHECK(with({.validation = 120}).starts_with("data.validation: 120 of 120"));
  CHECK(with({.train = -1}).starts_with("data.train: -1"));
  CHECK(with({.validation_fraction = 0}).starts_with("data.validation_fraction: 0"));
  CHECK(with({.validation_fraction = 1}).starts_with("data.validation_fraction: 1"));
  CHECK(with({.validation_fraction = 0.001}).starts_with("data.validation: 0 of 120"));
}

TEST_CASE("load: test images of another size than the training ones") {
  Folder folder;
  put_four(folder);
  fs::remove(folder.path / "t10k-images-idx3-ubyte.gz");
  folder.put("t10k-images-idx3-ubyte", images(30, 3, 2));
  CHECK(message_of({.source = "idx", .path = folder.path}).find("[1,3,2]") != std::string::npos);
}

TEST_CASE("load: IDX files without a sample of some class") {
  Folder folder;
  put_four(folder);
  fs::remove(folder.path / "train-labels-idx1-ubyte.gz");
  Bytes most = labels(120);
  for (size_t i = 8; i < most.size(); ++i)
    if (most[i] == 7) most[i] = 6;
  folder.put("train-labels-idx1-ubyte", most);
  const std::string message = message_of({.source = "idx", .path = folder.path});
  CHECK(message ==
        folder.path.string() + ": found no sample of class 7, wanted at least one of each 0 to 9");
}

TEST_CASE("load: the real MNIST, where there is one") {
  const char* place = std::getenv("SPARLET_DATA");
  if (!place || !fs::exists(fs::path(place) / "mnist")) {
    MESSAGE("skipped: SPARLET_DATA names no folder with mnist/ in it");
    return;
  }
  const Data data = load_data({.source = "mnist"});
  CHECK(data.train.size() == 55000);
  CHECK(data.validation.size() == 5000);
  CHECK(data.test.size() == 10000);
  CHECK(data.test.label(0) == 7);
  CHECK(data.spec.mean == 33.0f);
  CHECK(data.spec.deviation == doctest::Approx(78.57).epsilon(0.001));
}
