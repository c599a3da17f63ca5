#include "data/idx.h"

#include <doctest/doctest.h>

#include <functional>

#include "idx_files.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace idx_files;

namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// The message must be one line, begin with the path, and hold both words of the house form.
void check_refused(const Folder& folder, const Bytes& bytes, const std::string& found,
                   bool as_labels = false) {
  const fs::path path = folder.put("file", bytes);
  const std::string message =
      message_of([&] { as_labels ? read_idx_labels(path) : read_idx_images(path); });
  CAPTURE(message);
  CHECK(message.starts_with(path.string() + ": found "));
  CHECK(message.find(found) != std::string::npos);
  CHECK(message.find("wanted") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE("idx: images are read as they are, plain and gzipped, whatever the name") {
  Folder folder;
  const Bytes plain = images(3, 4, 5);
  const Tensor a = read_idx_images(folder.put("a.gz", plain));
  const Tensor b = read_idx_images(folder.put("b", gzip(plain)));
  CHECK(a.shape() == Shape{3, 1, 4, 5});
  CHECK(a.dtype() == DType::u8);
  for (size_t i = 0; i < 60; ++i) CHECK(a.read<uint8_t>()[i] == plain[16 + i]);
  CHECK(a == b);
}

TEST_CASE("idx: data beyond one step of reading, and gzip in several members") {
  Folder folder;
  const Bytes plain = images(1500, 28, 28);  // 1.2 MB
  const Bytes head(plain.begin(), plain.begin() + 1000), tail(plain.begin() + 1000, plain.end());
  const Tensor a = read_idx_images(folder.put("a", plain));
  CHECK(a.bytes() == 1500 * 784);
  CHECK(a == read_idx_images(folder.put("b", gzip(plain))));
  CHECK(a == read_idx_images(folder.put("c", gzip(head) + gzip(tail))));
}

TEST_CASE("idx: labels are read as i32") {
  Folder folder;
  const Tensor y = read_idx_labels(folder.put("y", labels(12)));
  REQUIRE(y.shape() == Shape{12});
  for (int i = 0; i < 12; ++i) CHECK(y.read<int32_t>()[size_t(i)] == i % 10);
}

TEST_CASE("idx: every truncation is refused, plain and gzipped") {
  Folder folder;
  for (const Bytes& whole : {images(2, 3, 3), gzip(images(2, 3, 3))})
    for (size_t n = 0; n < whole.size(); ++n)
      check_refused(folder, Bytes(whole.begin(), whole.begin() + long(n)), "");
  for (const Bytes& whole : {labels(7), gzip(labels(7))})
    for (size_t n = 0; n < whole.size(); ++n)
      check_refused(folder, Bytes(whole.begin(), whole.begin() + long(n)), "", true);
}

TEST_CASE("idx: bytes too many are refused, inside and behind the gzip data") {
  Folder folder;
  check_refused(folder, images(2, 3, 3) + Bytes{0}, "more bytes");
  check_refused(folder, gzip(images(2, 3, 3) + Bytes{0}), "more bytes");
  check_refused(folder, gzip(images(2, 3, 3)) + Bytes{7}, "behind the gzip data");
  check_refused(folder, gzip(images(2, 3, 3)) + gzip(Bytes{1}), "more bytes");
  check_refused(folder, labels(3) + Bytes{0}, "more bytes", true);
}

TEST_CASE("idx: wrong magic names both numbers; labels for images say so") {
  Folder folder;
  check_refused(folder, header(0x0d03, {1, 1, 1}) + Bytes{0, 0, 0, 0}, "magic 0x00000d03");
  check_refused(folder, Bytes{'P', '5', ' ', '2', '8', ' ', '2', '8'}, "magic 0x50352032");
  check_refused(folder, labels(20), "IDX file of labels");
  check_refused(folder, images(1, 2, 2), "IDX file of images", true);
}

TEST_CASE("idx: sizes are checked against the file before anything is allocated") {
  Folder folder;
  const uint32_t most = 0xffffffff;
  check_refused(folder, header(0x803, {0, 28, 28}), "0 images");
  check_refused(folder, header(0x803, {most, 28, 28}), "images");
  check_refused(folder, header(0x803, {0x7fffffff, 4096, 4096}), "too few bytes");
  check_refused(folder, gzip(header(0x803, {0x7fffffff, 4096, 4096})), "too few bytes");
  check_refused(folder, header(0x803, {1, most, most}), "images of 4294967295 x 4294967295");
  check_refused(folder, header(0x803, {1, 0, 28}), "images of 0 x 28");
  check_refused(folder, header(0x801, {0}), "0 labels", true);
  check_refused(folder, header(0x801, {most}), "labels", true);
}

TEST_CASE("idx: a damaged gzip file is refused") {
  Folder folder;
  const Bytes whole = gzip(images(4, 5, 5));
  Bytes wrong_sum = whole, wrong_data = whole;
  wrong_sum[whole.size() - 8] ^= 1;
  wrong_data[12] ^= 0xff;
  check_refused(folder, wrong_sum, "damaged gzip");
  check_refused(folder, wrong_data, "");
}

TEST_CASE("idx: a label out of range is named with its place") {
  Folder folder;
  Bytes bytes = labels(9);
  bytes[8 + 4] = 10;
  check_refused(folder, bytes, "label 10 at 4, wanted 0 to 9", true);
}

TEST_CASE("idx: counts of images and labels must agree") {
  Folder folder;
  const fs::path x = folder.put("x", images(3, 2, 2)), y = folder.put("y", labels(4));
  const std::string message = message_of([&] { read_idx(x, y); });
  CHECK(message == y.string() + ": found 4 labels, wanted 3 as in " + x.string());
  CHECK(read_idx(x, folder.put("y", labels(3))).size() == 3);
}

TEST_CASE("idx: no file, and a folder instead of one") {
  Folder folder;
  const std::string none = (folder.path / "none").string();
  CHECK(message_of([&] { read_idx_images(none); }) == none + ": found no such file");
  CHECK(message_of([&] { read_idx_images(folder.path); }).starts_with(folder.path.string() + ": "));
}
