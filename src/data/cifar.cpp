#include "data/cifar.h"

#include <cstring>

#include "data/byte_source.h"
#include "data/checks.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kPixels = 3 * 32 * 32;

// Appends one file's records to samples that begin at `first`.
void read_into(const fs::path& path, const CifarFormat& format, int64_t first, Tensor& x,
               Tensor& y) {
  ByteSource source(path);
  const int64_t record = format.label_bytes + kPixels;
  const uint64_t wanted = uint64_t(format.records * record);
  require(source.most() >= wanted, "{}: found {} bytes, wanted {} ({} records of {})",
          source.name(), source.most(), wanted, format.records, record);
  const std::vector<uint8_t> bytes = source.read_exactly(wanted);
  uint8_t* pixels = x.write<uint8_t>().data() + first * kPixels;
  int32_t* labels = y.write<int32_t>().data() + first;
  for (int64_t i = 0; i < format.records; ++i) {
    const uint8_t* at = bytes.data() + i * record;
    labels[i] = at[format.label_bytes - 1];
    require(labels[i] < format.classes, "{}: found label {} at {}, wanted 0 to {}", source.name(),
            labels[i], i, format.classes - 1);
    std::memcpy(pixels + i * kPixels, at + format.label_bytes, size_t(kPixels));
  }
}

Dataset read_files(const std::vector<fs::path>& paths, const CifarFormat& format) {
  const int64_t n = format.records * int64_t(paths.size());
  Tensor x({n, 3, 32, 32}, DType::u8), y({n}, DType::i32);
  for (size_t i = 0; i < paths.size(); ++i)
    read_into(paths[i], format, int64_t(i) * format.records, x, y);
  return Dataset::all(std::move(x), std::move(y));
}

}  // namespace

Dataset read_cifar(const fs::path& path, const CifarFormat& format) {
  return read_files({path}, format);
}

TrainAndTest read_cifar10(const fs::path& folder) {
  std::vector<fs::path> batches;
  for (int i = 1; i <= 5; ++i) {
    const fs::path path = folder / fmt::format("data_batch_{}.bin", i);
    if (i > 1 && !fs::exists(path)) break;
    batches.push_back(path);
  }
  TrainAndTest data{read_files(batches, {}), read_cifar(folder / "test_batch.bin")};
  check_classes(data.train, 10, folder.string());
  return data;
}

TrainAndTest read_cifar100(const fs::path& folder) {
  const CifarFormat train{.classes = 100, .label_bytes = 2, .records = 50000};
  const CifarFormat test{.classes = 100, .label_bytes = 2, .records = 10000};
  TrainAndTest data{read_cifar(folder / "train.bin", train), read_cifar(folder / "test.bin", test)};
  check_classes(data.train, 100, folder.string());
  return data;
}

}  // namespace sparlet
