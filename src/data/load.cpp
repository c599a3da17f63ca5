#include "data/load.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "data/arrays.h"
#include "data/checks.h"
#include "data/cifar.h"
#include "data/digits.h"
#include "data/folds.h"
#include "data/gestures.h"
#include "data/har.h"
#include "data/idx.h"
#include "data/touch.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet {
namespace fs = std::filesystem;
namespace {

// What a source has, before it is divided: where there is no test part it comes out of `train`.
struct Parts {
  Dataset train;
  std::optional<Dataset> validation, test;
  int classes = 0;
};

struct Source {
  std::string_view name;
  Parts (*read)(const DataOptions&);
  std::string_view folder = "";  // in $SPARLET_DATA
  std::string_view files = "";   // what the path is
};

fs::path path_of(const DataOptions&);

// The parts are far apart in one sequence, so that none depends on another's length.
constexpr uint64_t kApart = uint64_t(10) << 40;

Parts digits(const DataOptions& options) {
  const auto part = [&](int64_t wanted, int64_t usual, uint64_t i) {
    return make_digits(wanted ? wanted : usual, options.seed, i * kApart);
  };
  return {part(options.train, 6000, 0), part(options.validation, 1500, 1),
          part(options.test, 2000, 2), 10};
}

// Subjects as the Corpus of Social Touch's usual split has them. kApart is no multiple of 14: each
// part begins with its class 0 all the same.
template <Dataset (*make)(int64_t, uint64_t, uint64_t, const Subjects&), int classes>
Parts sequences(const DataOptions& options) {
  const uint64_t apart = kApart / 42 * 42;
  const auto part = [&](int64_t wanted, int64_t usual, uint64_t i, const Subjects& subjects) {
    return make(wanted ? wanted : usual, options.seed, i * apart, subjects);
  };
  return {part(options.train, 4200, 0, {0, 20}), part(options.validation, 840, 1, {20, 5}),
          part(options.test, 1260, 2, {25, 6}), classes};
}

fs::path find(const fs::path& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"})
    if (const fs::path path = folder / (name + ending); fs::exists(path)) return path;
  fail("{}: found no {} nor {}.gz in this folder; give its place as data.path or set SPARLET_DATA",
       folder.string(), name, name);
}

Parts idx_files(const DataOptions& options) {
  const fs::path folder = path_of(options);
  const auto part = [&](const std::string& name) {
    return read_idx(find(folder, name + "-images-idx3-ubyte"),
                    find(folder, name + "-labels-idx1-ubyte"), 10);
  };
  Parts parts{.train = part("train"), .test = part("t10k"), .classes = 10};
  require(parts.test->shape() == parts.train.shape(),
          "{}: found test images of {}, wanted {} as in training", folder.string(),
          to_string(parts.test->shape()), to_string(parts.train.shape()));
  check_classes(parts.train, 10, folder.string());
  return parts;
}

template <TrainAndTest (*read)(const fs::path&), int classes>
Parts cifar(const DataOptions& options) {
  const fs::path folder = path_of(options);
  require(fs::is_directory(folder), "{}: found no such folder; give its place as data.path",
          folder.string());
  auto [train, test] = read(folder);
  return {.train = std::move(train), .test = std::move(test), .classes = classes};
}

Parts har(const DataOptions& options) {
  const fs::path folder = path_of(options);
  return {
      .train = read_har(folder, "train"), .test = read_har(folder, "test"), .classes = kHarClasses};
}

Parts npz(const DataOptions& options) {
  ArrayParts parts = read_arrays(path_of(options));
  return {std::move(parts.train), std::move(parts.validation), std::move(parts.test),
          parts.classes};
}

constexpr Source kSources[] = {
    {"digits", digits},
    {"mnist", idx_files, "mnist", "the folder of the mnist files"},
    {"fashion", idx_files, "fashion", "the folder of the fashion files"},
    {"idx", idx_files, "", "the folder of the IDX files"},
    {"cifar10", cifar<read_cifar10, 10>, "cifar-10-batches-bin", "the folder of the batches"},
    {"cifar100", cifar<read_cifar100, 100>, "cifar-100-binary", "the folder of train.bin"},
    {"har", har, "UCI HAR Dataset", "the folder of train/ and test/"},
    {"npz", npz, "", "an .npz file"},
    {"gestures", sequences<make_gestures, kGestureClasses>},
    {"touch", sequences<make_touch, kTouchClasses>}};

const Source& source_of(const std::string& name) {
  const std::vector<std::string_view> names = data_sources();
  for (const Source& source : kSources)
    if (source.name == name) return source;
  std::string list;
  for (const std::string_view known : names) list.append(list.empty() ? "" : ", ").append(known);
  fail("data.source: no '{}', one of {}{}", name, list,
       did_you_mean(name, std::span<const std::string_view>(names)));
}

fs::path path_of(const DataOptions& options) {
  if (!options.path.empty()) return options.path;
  const Source& source = source_of(options.source);
  const char* place = std::getenv("SPARLET_DATA");
  require(!source.folder.empty(), "data.path: empty, wanted {}", source.files);
  require(place && *place,
          "data.path: empty, wanted {} (or set SPARLET_DATA to the folder that holds {}/)",
          source.files, source.folder);
  return fs::path(place) / source.folder;
}

void check_share(const char* key, double share) {
  require(share > 0 && share < 1, "data.{}: {}, wanted more than 0 and less than 1", key, share);
}

// Samples of a part: as bytes of 28x28 these are 8 GB.
constexpr int64_t kMostSamples = 10'000'000;

void check(const DataOptions& options) {
  source_of(options.source);
  const auto at_least_none = [](const char* key, int64_t n) {
    require(n >= 0, "data.{}: {} samples, wanted 0 (all) or more", key, n);
    require(n <= kMostSamples, "data.{}: {} samples, wanted at most {}", key, n, kMostSamples);
  };
  at_least_none("train", options.train);
  at_least_none("validation", options.validation);
  at_least_none("test", options.test);
  require(options.steps >= 0, "data.steps: {}, wanted 0 (as they are) or more", options.steps);
  check_share("validation_fraction", options.validation_fraction);
  check_share("test_fraction", options.test_fraction);
}

Dataset at_most(const Dataset& all, int64_t n, const char* key, Rng& rng) {
  require(n <= all.size(), "data.{}: {} samples, there are {}", key, n, all.size());
  return n ? stratified_take(all, n, rng).first : all;
}

// What stays, and `n` samples (0: `fraction` of all) that go, or about that share of the groups.
std::pair<Dataset, Dataset> held_out(const Dataset& all, int64_t n, double fraction,
                                     const char* key, bool by_group, Rng& rng) {
  if (by_group) {
    auto [rest, held] = group_split(all, n ? double(n) / double(all.size()) : fraction, rng);
    return {std::move(rest), n && n < held.size() ? at_most(held, n, key, rng) : held};
  }
  if (n == 0) n = int64_t(std::floor(fraction * double(all.size()) + 0.5));
  require(n >= 1 && n < all.size(),
          "data.{}: {} of {} samples, wanted at least one in it and one for training", key, n,
          all.size());
  auto [held, rest] = stratified_take(all, n, rng);
  return {std::move(rest), std::move(held)};
}

Data divided(Parts parts, const DataOptions& options) {
  Rng rng(mix(options.seed, 0xda7a));
  Rng for_validation = rng.split(), for_train = rng.split(), for_test = rng.split();
  Data data;
  if (parts.test)
    data.test = at_most(*parts.test, options.test, "test", for_test);
  else
    std::tie(parts.train, data.test) = held_out(parts.train, options.test, options.test_fraction,
                                                "test", options.by_group, for_test);
  if (parts.validation)
    data.validation = at_most(*parts.validation, options.validation, "validation", for_validation);
  else
    std::tie(parts.train, data.validation) =
        held_out(parts.train, options.validation, options.validation_fraction, "validation",
                 options.by_group, for_validation);
  data.train = at_most(parts.train, options.train, "train", for_train);
  return data;
}

}  // namespace

std::vector<std::string_view> data_sources() {
  std::vector<std::string_view> names;
  for (const Source& source : kSources) names.push_back(source.name);
  return names;
}

Data load_data(const DataOptions& options) {
  check(options);
  Parts parts = source_of(options.source).read(options);
  const int classes = parts.classes;
  Data data = divided(std::move(parts), options);
  Dataset* const all[] = {&data.train, &data.validation, &data.test};
  if (options.steps > 0)
    for (Dataset* part : all) *part = collated(*part, options.fit, options.steps);
  data.name = options.source;
  data.spec.classes = classes;
  data.spec.dtype = data.train.x.dtype();
  fit_normalization(data);
  if (options.channels_first)
    for (Dataset* part : all) *part = channels_first(*part);
  data.spec.shape = data.train.shape();
  return data;
}

}  // namespace sparlet
