#include "data/load.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "data/digits.h"
#include "data/idx.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kSources[] = {"digits", "mnist", "fashion", "idx"};
constexpr int kClasses = 10;

void check(const DataOptions& options) {
  require(std::find(std::begin(kSources), std::end(kSources), options.source) != std::end(kSources),
          "data.source: no '{}', one of digits, mnist, fashion, idx{}", options.source,
          did_you_mean(options.source, kSources));
  const auto at_least_none = [](const char* key, int64_t n) {
    require(n >= 0, "data.{}: {} samples, wanted 0 (all) or more", key, n);
  };
  at_least_none("train", options.train);
  at_least_none("validation", options.validation);
  at_least_none("test", options.test);
  require(options.validation_fraction > 0 && options.validation_fraction < 1,
          "data.validation_fraction: {}, wanted more than 0 and less than 1",
          options.validation_fraction);
}

// The parts are far apart in one sequence, so that none depends on another's length.
Data digits(const DataOptions& options) {
  constexpr uint64_t kApart = uint64_t(10) << 40;
  const auto part = [&](int64_t wanted, int64_t usual, uint64_t i) {
    return make_digits(wanted ? wanted : usual, options.seed, i * kApart);
  };
  Data data;
  data.train = part(options.train, 6000, 0);
  data.validation = part(options.validation, 1500, 1);
  data.test = part(options.test, 2000, 2);
  return data;
}

fs::path folder_of(const DataOptions& options) {
  if (!options.path.empty()) return options.path;
  const char* place = std::getenv("SPARLET_DATA");
  require(options.source != "idx", "data.path: empty, wanted the folder of the IDX files");
  require(place && *place,
          "data.path: empty, wanted the folder of the {0} files (or set SPARLET_DATA to the folder "
          "that holds {0}/)",
          options.source);
  return fs::path(place) / options.source;
}

fs::path find(const fs::path& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"})
    if (const fs::path path = folder / (name + ending); fs::exists(path)) return path;
  fail("{}: found no {} nor {}.gz in this folder; give its place as data.path or set SPARLET_DATA",
       folder.string(), name, name);
}

Dataset part_of(const fs::path& folder, const std::string& name) {
  return read_idx(find(folder, name + "-images-idx3-ubyte"),
                  find(folder, name + "-labels-idx1-ubyte"), kClasses);
}

Dataset at_most(const Dataset& all, int64_t n, const char* key, Rng& rng) {
  require(n <= all.size(), "data.{}: {} samples, there are {}", key, n, all.size());
  return n ? stratified_take(all, n, rng).first : all;
}

Data idx_files(const DataOptions& options) {
  const fs::path folder = folder_of(options);
  const Dataset all = part_of(folder, "train"), test = part_of(folder, "t10k");
  require(test.shape() == all.shape(), "{}: found test images of {}, wanted {} as in training",
          folder.string(), to_string(test.shape()), to_string(all.shape()));
  const int64_t validation =
      options.validation
          ? options.validation
          : int64_t(std::floor(options.validation_fraction * double(all.size()) + 0.5));
  require(validation >= 1 && validation < all.size(),
          "data.validation: {} of {} samples, wanted at least one in it and one for training",
          validation, all.size());
  Rng rng(mix(options.seed, 0xda7a));
  Rng for_validation = rng.split(), for_train = rng.split(), for_test = rng.split();
  const auto [held_out, rest] = stratified_take(all, validation, for_validation);
  Data data;
  data.train = at_most(rest, options.train, "train", for_train);
  data.validation = held_out;
  data.test = at_most(test, options.test, "test", for_test);
  return data;
}

}  // namespace

Data load_data(const DataOptions& options) {
  check(options);
  Data data = options.source == "digits" ? digits(options) : idx_files(options);
  data.name = options.source;
  data.spec.shape = data.train.shape();
  data.spec.classes = kClasses;
  data.spec.dtype = data.train.x.dtype();
  fit_normalization(data);
  return data;
}

}  // namespace sparlet
