#include "data/arrays.h"

#include <algorithm>

#include "data/checks.h"
#include "data/npy.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet {
namespace {

using Arrays = std::map<std::string, Tensor>;
constexpr std::string_view kParts[] = {"", "_validation", "_test"};
constexpr std::string_view kNames[] = {"X", "y", "lengths", "group"};

template <class To, class From>
Tensor cast(const Tensor& tensor) {
  Tensor made(tensor.shape(), DTypeOf<To>::value);
  std::ranges::transform(tensor.read<From>(), made.write<To>().begin(),
                         [](From value) { return To(value); });
  return made;
}

template <class To>
Tensor as(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f32:
      return cast<To, float>(tensor);
    case DType::i8:
      return cast<To, int8_t>(tensor);
    case DType::u8:
      return cast<To, uint8_t>(tensor);
    case DType::i16:
      return cast<To, int16_t>(tensor);
    case DType::u16:
      return cast<To, uint16_t>(tensor);
    case DType::i32:
      return tensor.dtype() == DTypeOf<To>::value ? tensor : cast<To, int32_t>(tensor);
  }
  fail("data: unknown type");
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path)
      : path_(path.string()), arrays_(read_npz(path)) {
    for (const auto& [name, tensor] : arrays_) check_known(name);
  }

  Dataset part(std::string_view ending) const {
    const std::string x_name = place("X", ending), y_name = place("y", ending);
    Tensor x = find("X", ending);
    require(x.shape().rank() >= 2, "{}: found samples of shape {}, wanted [N, ...]", x_name,
            to_string(x.shape()));
    check_finite(x, x_name);
    if (x.dtype() != DType::u8 && x.dtype() != DType::f32) x = as<float>(x);
    const int64_t n = x.shape()[0];
    Tensor y = whole("y", ending, n, 0, 65535);
    Dataset data = Dataset::all(std::move(x), std::move(y));
    if (has("lengths", ending))
      data = data.with_lengths(whole("lengths", ending, n, 1, int32_t(data.x.shape()[1])));
    if (has("group", ending))
      data = data.with_groups(whole("group", ending, n, INT32_MIN, INT32_MAX));
    return data;
  }

  bool has(std::string_view name, std::string_view ending) const {
    return arrays_.contains(std::string(name) + std::string(ending));
  }
  std::string place(std::string_view name, std::string_view ending) const {
    return fmt::format("{}:{}{}.npy", path_, name, ending);
  }

 private:
  void check_known(const std::string& name) const {
    std::vector<std::string> all;
    for (const std::string_view ending : kParts)
      for (const std::string_view known : kNames)
        all.push_back(std::string(known) + std::string(ending));
    const std::vector<std::string_view> known(all.begin(), all.end());
    require(std::ranges::find(all, name) != all.end(),
            "{}: found an array {}, wanted X, y, lengths, group, or these with _validation or "
            "_test{}",
            path_, name, did_you_mean(name, std::span<const std::string_view>(known)));
  }

  const Tensor& find(std::string_view name, std::string_view ending) const {
    const auto at = arrays_.find(std::string(name) + std::string(ending));
    require(at != arrays_.end(), "{}: found no array {}{}, wanted one", path_, name, ending);
    return at->second;
  }

  // [n] whole numbers from `least` to `most`, as i32.
  Tensor whole(std::string_view name, std::string_view ending, int64_t n, int32_t least,
               int32_t most) const {
    const std::string where = place(name, ending);
    const Tensor& given = find(name, ending);
    require(given.dtype() != DType::f32, "{}: found {}, wanted whole numbers", where,
            name_of(given.dtype()));
    require(given.shape().rank() == 1 && given.shape()[0] == n,
            "{}: found shape {}, wanted [{}] as X has samples", where, to_string(given.shape()), n);
    Tensor tensor = as<int32_t>(given);
    const std::span<const int32_t> values = tensor.read<int32_t>();
    for (size_t i = 0; i < values.size(); ++i)
      require(values[i] >= least && values[i] <= most, "{}: found {} at {}, wanted {} to {}", where,
              values[i], i, least, most);
    return tensor;
  }

  std::string path_;
  Arrays arrays_;
};

void check_like(const Dataset& part, const Dataset& train, int classes, const Reader& reader,
                std::string_view ending) {
  const std::string where = reader.place("X", ending);
  require(part.shape() == train.shape() && part.x.dtype() == train.x.dtype(),
          "{}: found samples of {} {}, wanted {} {} as in training", where, name_of(part.x.dtype()),
          to_string(part.shape()), name_of(train.x.dtype()), to_string(train.shape()));
  for (int64_t i = 0; i < part.size(); ++i)
    require(part.label(i) < classes, "{}: found {} at {}, wanted 0 to {} as in training",
            reader.place("y", ending), part.label(i), i, classes - 1);
  require(bool(part.lengths) == bool(train.lengths),
          "{}: found samples {} lengths, wanted them as in training", where,
          part.lengths ? "with" : "without");
}

}  // namespace

ArrayParts read_arrays(const std::filesystem::path& path) {
  const Reader reader(path);
  ArrayParts parts{.train = reader.part("")};
  for (int64_t i = 0; i < parts.train.size(); ++i)
    parts.classes = std::max(parts.classes, parts.train.label(i) + 1);
  check_classes(parts.train, parts.classes, reader.place("y", ""));
  for (auto& [ending, place] :
       {std::pair(kParts[1], &parts.validation), std::pair(kParts[2], &parts.test)}) {
    if (!reader.has("X", ending) && !reader.has("y", ending)) continue;
    *place = reader.part(ending);
    check_like(**place, parts.train, parts.classes, reader, ending);
  }
  return parts;
}

}  // namespace sparlet
