// Zip archives as numpy.savez writes them: PKWARE's APPNOTE 6.3, read from the central directory.
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "data/byte_source.h"
#include "data/npy.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

constexpr uint64_t kMost = uint64_t(4) << 30;

struct Member {
  std::string name;
  uint32_t flags, method, crc;
  uint64_t packed, size, offset;
};

class Archive {
 public:
  Archive(std::span<const uint8_t> bytes, const std::string& where)
      : bytes_(bytes), where_(where) {}

  std::vector<Member> members() const {
    const size_t end = end_record();
    const uint64_t count = u16(end + 10), size = u32(end + 12), begin = u32(end + 16);
    require(count != 0xffff && begin != 0xffffffff,
            "{}: found a zip64 archive, wanted one of less than 4 GB", where_);
    require(begin <= end && size <= end - begin,
            "{}: found a directory beyond the file's end, wanted a whole archive", where_);
    std::vector<Member> list;
    size_t at = begin;
    for (uint64_t i = 0; i < count; ++i) at = read_entry(at, begin + size, list);
    return list;
  }

  // The unpacked bytes.
  std::vector<uint8_t> unpack(const Member& m, const std::string& name) const {
    require((m.flags & 1) == 0, "{}: found an encrypted member, wanted a plain one", name);
    const std::span<const uint8_t> packed = data_of(m, name);
    std::vector<uint8_t> bytes;
    if (m.method == 0) {
      require(m.size == m.packed, "{}: found sizes {} and {} of a stored member, wanted the same",
              name, m.size, m.packed);
      bytes.assign(packed.begin(), packed.end());
    } else {
      require(m.method == 8, "{}: found compression method {}, wanted stored or deflate", name,
              m.method);
      bytes = inflated(packed, m.size, name);
    }
    const uint32_t crc = uint32_t(crc32_z(0, bytes.data(), bytes.size()));
    require(crc == m.crc, "{}: found checksum {:08x}, wanted {:08x}", name, crc, m.crc);
    return bytes;
  }

 private:
  uint32_t u16(size_t at) const { return bytes_[at] | uint32_t(bytes_[at + 1]) << 8; }
  uint32_t u32(size_t at) const { return u16(at) | u16(at + 2) << 16; }

  // The last "PK\5\6" whose comment reaches the end.
  size_t end_record() const {
    constexpr size_t kSize = 22;
    const size_t n = bytes_.size(), far = kSize + 0xffff;
    for (size_t back = kSize; back <= std::min(n, far); ++back)
      if (u32(n - back) == 0x06054b50 && u16(n - back + 20) == back - kSize) return n - back;
    fail("{}: found no end of a zip directory, wanted a whole .npz archive", where_);
  }

  size_t read_entry(size_t at, size_t end, std::vector<Member>& list) const {
    constexpr size_t kSize = 46;
    require(at <= end && end - at >= kSize && u32(at) == 0x02014b50,
            "{}: found a damaged directory, wanted its entry {}", where_, list.size());
    const size_t name = u16(at + 28), rest = size_t(u16(at + 30)) + u16(at + 32);
    require(end - at - kSize >= name + rest, "{}: found a damaged directory, wanted its entry {}",
            where_, list.size());
    list.push_back({{reinterpret_cast<const char*>(bytes_.data()) + at + kSize, name},
                    u16(at + 8),
                    u16(at + 10),
                    u32(at + 16),
                    u32(at + 20),
                    u32(at + 24),
                    u32(at + 42)});
    return at + kSize + name + rest;
  }

  std::span<const uint8_t> data_of(const Member& m, const std::string& name) const {
    constexpr uint64_t kSize = 30;
    const uint64_t n = bytes_.size();
    require(m.offset <= n && n - m.offset >= kSize && u32(m.offset) == 0x04034b50,
            "{}: found no member at byte {}, wanted its header", name, m.offset);
    const uint64_t begin = m.offset + kSize + u16(m.offset + 26) + u16(m.offset + 28);
    require(begin <= n && n - begin >= m.packed,
            "{}: found a member cut short, wanted {} packed bytes", name, m.packed);
    return bytes_.subspan(begin, m.packed);
  }

  static std::vector<uint8_t> inflated(std::span<const uint8_t> packed, uint64_t size,
                                       const std::string& name) {
    // Deflate packs a run of 258 bytes in no less than two bits.
    require(size <= packed.size() * 1032 + 64, "{}: found {} packed bytes for {}, wanted more",
            name, packed.size(), size);
    struct Stream : z_stream {
      ~Stream() { inflateEnd(this); }
    } stream{};
    if (inflateInit2(&stream, -15) != Z_OK) throw std::bad_alloc();
    stream.next_in = const_cast<uint8_t*>(packed.data());
    stream.avail_in = uInt(packed.size());  // less than 4 GB: sizes have 32 bits here
    std::vector<uint8_t> bytes;
    int status = Z_OK;
    while (status == Z_OK) {
      const size_t have = bytes.size(), step = std::min<size_t>(1 << 20, size + 1 - have);
      bytes.resize(have + step);
      stream.next_out = bytes.data() + have;
      stream.avail_out = uInt(step);
      status = inflate(&stream, Z_NO_FLUSH);
      bytes.resize(have + step - stream.avail_out);
      if (bytes.size() > size) break;
    }
    require(status == Z_STREAM_END && bytes.size() == size && stream.avail_in == 0,
            "{}: found damaged deflate data, wanted {} bytes", name, size);
    return bytes;
  }

  std::span<const uint8_t> bytes_;
  const std::string& where_;
};

std::string printable(const std::string& name) {
  std::string text;
  for (const char c : name.substr(0, 64)) text += c > ' ' && c < 127 ? c : '?';
  return text;
}

}  // namespace

std::map<std::string, Tensor> parse_npz(std::span<const uint8_t> bytes, const std::string& where) {
  const Archive archive(bytes, where);
  std::map<std::string, Tensor> arrays;
  uint64_t packed = 0, unpacked = 0;
  for (const Member& member : archive.members()) {
    const std::string name = where + ":" + printable(member.name);
    // Members that share their bytes would grow without bound.
    packed += member.packed;
    unpacked += member.size;
    require(packed <= bytes.size(), "{}: found members that overlap, wanted each its own", name);
    require(unpacked <= kMost, "{}: found more than {} bytes unpacked, wanted fewer", name, kMost);
    require(member.name.ends_with(".npy"), "{}: found no array, wanted a name that ends in .npy",
            name);
    require(std::ranges::none_of(member.name, [](unsigned char c) { return c < ' ' || c == 127; }),
            "{}: found control characters in the name, wanted a name that can be printed", name);
    const std::string key = member.name.substr(0, member.name.size() - 4);
    const bool fresh = arrays.emplace(key, parse_npy(archive.unpack(member, name), name)).second;
    require(fresh, "{}: found two members of this name, wanted one", name);
  }
  require(!arrays.empty(), "{}: found an empty archive, wanted arrays", where);
  return arrays;
}

std::map<std::string, Tensor> read_npz(const std::filesystem::path& path) {
  ByteSource source(path);
  return parse_npz(source.read_all(kMost), source.name());
}

}  // namespace sparlet
