#include "data/byte_source.h"

#include <algorithm>

#include "tensor/error.h"

namespace sparlet {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kStep = 1 << 20;

}  // namespace

ByteSource::ByteSource(const fs::path& path) : name_(path.string()) {
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  require(fs::exists(status), "{}: found no such file", name_);
  require(fs::is_regular_file(status), "{}: found a folder or device, wanted a file", name_);
  file_size_ = fs::file_size(path, failed);
  file_.open(path, std::ios::binary);
  require(!failed && file_.is_open(), "{}: found a file that cannot be read", name_);
  uint8_t magic[2] = {};
  gzip_ = read_file(magic, 2) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
  file_.clear();
  file_.seekg(0);
  if (!gzip_) return;
  packed_.resize(1 << 16);
  // 15: the largest window; 16: a gzip header, not a zlib one.
  if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
}

ByteSource::~ByteSource() {
  if (gzip_) inflateEnd(&stream_);
}

int64_t ByteSource::read_file(uint8_t* to, int64_t n) {
  file_.read(reinterpret_cast<char*>(to), n);
  require(!file_.bad(), "{}: found an error of the device while reading", name_);
  return file_.gcount();
}

bool ByteSource::refill() {
  if (stream_.avail_in) return true;
  stream_.next_in = packed_.data();
  stream_.avail_in = uInt(read_file(packed_.data(), int64_t(packed_.size())));
  return stream_.avail_in != 0;
}

int64_t ByteSource::inflate_some(uint8_t* to, int64_t n) {
  constexpr int64_t kMost = 1 << 20;  // avail_out has 32 bits
  stream_.next_out = to;
  stream_.avail_out = uInt(std::min(n, kMost));
  const uInt wanted = stream_.avail_out;
  require(refill(), "{}: found a gzip file that ends early, wanted the rest of it", name_);
  const int status = inflate(&stream_, Z_NO_FLUSH);
  require(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR,
          "{}: found damaged gzip data ({}), wanted a file that `gzip -t` accepts", name_,
          stream_.msg ? stream_.msg : "no detail");
  if (status == Z_STREAM_END) {
    // A gzip file may be several one after another; anything else behind it is not ours.
    ended_ = !refill();
    if (!ended_) {
      require(*stream_.next_in == 0x1f, "{}: found bytes behind the gzip data, wanted its end",
              name_);
      inflateReset(&stream_);
    }
  }
  return int64_t(wanted - stream_.avail_out);
}

int64_t ByteSource::read(uint8_t* to, int64_t n) {
  if (!gzip_) return read_file(to, n);
  int64_t done = 0;
  while (done < n && !ended_) done += inflate_some(to + done, n - done);
  return done;
}

std::vector<uint8_t> ByteSource::read_exactly(uint64_t wanted) {
  std::vector<uint8_t> bytes;
  while (bytes.size() < wanted) {
    const uint64_t have = bytes.size(), step = std::min(kStep, wanted - have);
    bytes.resize(have + step);
    const int64_t n = read(bytes.data() + have, int64_t(step));
    require(uint64_t(n) == step, "{}: found {} bytes of data, wanted {}", name_, have + uint64_t(n),
            wanted);
  }
  uint8_t more;
  require(read(&more, 1) == 0, "{}: found more bytes of data, wanted {}", name_, wanted);
  return bytes;
}

std::vector<uint8_t> ByteSource::read_all(uint64_t most) {
  std::vector<uint8_t> bytes;
  for (;;) {
    const uint64_t have = bytes.size();
    bytes.resize(have + kStep);
    const int64_t n = read(bytes.data() + have, int64_t(kStep));
    bytes.resize(have + uint64_t(n));
    require(bytes.size() <= most, "{}: found more than {} bytes, wanted no more", name_, most);
    if (n < int64_t(kStep)) return bytes;
  }
}

}  // namespace sparlet
