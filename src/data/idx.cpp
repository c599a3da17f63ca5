#include "data/idx.h"

#include <cstring>

#include "data/byte_source.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

constexpr uint32_t kUnsignedByte = 0x0800;

struct Idx {
  std::vector<uint32_t> sizes;
  std::vector<uint8_t> bytes;
};

uint32_t big_endian(const uint8_t* b) {
  return uint32_t(b[0]) << 24 | uint32_t(b[1]) << 16 | uint32_t(b[2]) << 8 | b[3];
}

std::vector<uint32_t> read_header(ByteSource& source, int rank, std::string_view kind) {
  std::vector<uint8_t> header(size_t(4 + 4 * rank));
  const int64_t n = source.read(header.data(), int64_t(header.size()));
  const uint32_t magic = n >= 4 ? big_endian(header.data()) : 0, wanted = kUnsignedByte | rank;
  if (n >= 4 && magic == (kUnsignedByte | (rank == 1 ? 3u : 1u)))
    fail("{}: found an IDX file of {}, wanted one of {}", source.name(),
         rank == 1 ? "images" : "labels", kind);
  require(n < 4 || magic == wanted, "{}: found magic {:#010x}, wanted {:#010x} (IDX {})",
          source.name(), magic, wanted, kind);
  require(n == int64_t(header.size()), "{}: found {} bytes, wanted an IDX header of {}",
          source.name(), n, header.size());
  std::vector<uint32_t> sizes;
  for (int i = 1; i <= rank; ++i) sizes.push_back(big_endian(&header[size_t(4 * i)]));
  return sizes;
}

Idx read(const std::filesystem::path& path, int rank, std::string_view kind) {
  ByteSource source(path);
  Idx idx{.sizes = read_header(source, rank, kind), .bytes = {}};
  const std::vector<uint32_t>& sizes = idx.sizes;
  require(sizes[0] >= 1 && sizes[0] <= INT32_MAX, "{}: found {} {}, wanted 1 to {}", source.name(),
          sizes[0], kind, INT32_MAX);
  uint64_t wanted = sizes[0];
  for (int i = 1; i < rank; ++i) {
    constexpr uint32_t kMost = 4096;
    require(sizes[size_t(i)] >= 1 && sizes[size_t(i)] <= kMost,
            "{}: found images of {} x {}, wanted 1 to {} rows and columns", source.name(), sizes[1],
            sizes[2], kMost);
    wanted *= sizes[size_t(i)];
  }
  const uint64_t header = 4 + 4 * uint64_t(rank);
  require(header + wanted <= source.most(),
          "{}: found too few bytes for {} {}, wanted {} behind the header", source.name(), sizes[0],
          kind, wanted);
  idx.bytes = source.read_exactly(wanted);
  return idx;
}

}  // namespace

Tensor read_idx_images(const std::filesystem::path& path) {
  const Idx idx = read(path, 3, "images");
  Tensor x({idx.sizes[0], 1, idx.sizes[1], idx.sizes[2]}, DType::u8);
  std::memcpy(x.raw_write(), idx.bytes.data(), idx.bytes.size());
  return x;
}

Tensor read_idx_labels(const std::filesystem::path& path, int classes) {
  const Idx idx = read(path, 1, "labels");
  Tensor y({idx.sizes[0]}, DType::i32);
  const std::span<int32_t> labels = y.write<int32_t>();
  for (size_t i = 0; i < labels.size(); ++i) {
    labels[i] = idx.bytes[i];
    require(labels[i] < classes, "{}: found label {} at {}, wanted 0 to {}", path.string(),
            labels[i], i, classes - 1);
  }
  return y;
}

Dataset read_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                 int classes) {
  Tensor x = read_idx_images(images), y = read_idx_labels(labels, classes);
  require(x.shape()[0] == y.shape()[0], "{}: found {} labels, wanted {} as in {}", labels.string(),
          y.shape()[0], x.shape()[0], images.string());
  return Dataset::all(std::move(x), std::move(y));
}

}  // namespace sparlet
