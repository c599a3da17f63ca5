#include "data/npy.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "data/byte_source.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

struct Header {
  std::string type;
  bool fortran = false, has_order = false, has_shape = false;
  Shape shape;
};

// Python's {'key': value, ...} with the three keys that NumPy writes, and nothing else.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  Header read() {
    wanted('{');
    while (!next_is('}')) {
      read_entry();
      if (!next_is(',')) {
        wanted('}');
        break;
      }
    }
    skip_blank();
    require(text_.empty(), "{}: found text behind the header's }}, wanted none", where_);
    require(!header_.type.empty() && header_.has_order && header_.has_shape,
            "{}: found a header without descr, fortran_order or shape, wanted all three", where_);
    return header_;
  }

 private:
  void read_entry() {
    const std::string key = quoted();
    wanted(':');
    if (key == "descr") {
      skip_blank();
      require(!text_.starts_with('['), "{}: found an array of records, wanted plain numbers",
              where_);
      header_.type = quoted();
    } else if (key == "fortran_order") {
      header_.fortran = truth();
      header_.has_order = true;
    } else if (key == "shape") {
      read_shape();
    } else {
      fail("{}: found an unknown key in the header, wanted descr, fortran_order and shape", where_);
    }
  }

  void skip_blank() {
    const size_t at = std::min(text_.find_first_not_of(" \n\t"), text_.size());
    text_.remove_prefix(at);
  }
  bool next_is(char c) {
    skip_blank();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void wanted(char c) {
    require(next_is(c),
            "{}: found a header that is no Python dict, wanted '{}' {} bytes from its end", where_,
            c, text_.size());
  }
  std::string quoted() {
    wanted('\'');
    const size_t end = text_.find('\'');
    require(end != text_.npos && end <= 32, "{}: found an endless word in the header, wanted '",
            where_);
    const std::string word(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return word;
  }
  bool truth() {
    skip_blank();
    for (const std::string_view word : {"True", "False"})
      if (text_.starts_with(word)) {
        text_.remove_prefix(word.size());
        return word == "True";
      }
    fail("{}: found a fortran_order that is no truth, wanted True or False", where_);
  }
  void read_shape() {
    require(!header_.has_shape, "{}: found two shapes, wanted one", where_);
    header_.has_shape = true;
    wanted('(');
    while (!next_is(')')) {
      skip_blank();
      int64_t size = 0;
      const auto [end, status] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      require(status == std::errc() && size >= 1 && size <= INT32_MAX,
              "{}: found a shape with an empty, negative or absurd axis, wanted 1 to {}", where_,
              INT32_MAX);
      text_.remove_prefix(size_t(end - text_.data()));
      require(header_.shape.rank() < Shape::kMaxRank, "{}: found more than {} axes, wanted fewer",
              where_, Shape::kMaxRank);
      header_.shape.push_back(size);
      if (!next_is(',')) {
        wanted(')');
        return;
      }
    }
  }

  std::string_view text_;
  const std::string& where_;
  Header header_;
};

template <class From>
From number_at(const uint8_t* at) {
  From value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class From>
Tensor narrowed(const Shape& shape, std::span<const uint8_t> data, const std::string& where) {
  constexpr bool floats = std::is_floating_point_v<From>;
  using To = std::conditional_t<floats, float, int32_t>;
  Tensor tensor(shape, floats ? DType::f32 : DType::i32);
  const std::span<To> to = tensor.write<To>();
  for (size_t i = 0; i < to.size(); ++i) {
    const From value = number_at<From>(data.data() + i * sizeof(From));
    if constexpr (floats) {
      require(!std::isfinite(value) || std::abs(value) <= std::numeric_limits<float>::max(),
              "{}: found {} at {}, wanted what fits 32 bits", where, value, i);
    } else {
      require(std::in_range<int32_t>(value), "{}: found {} at {}, wanted what fits 32 bits", where,
              value, i);
    }
    to[i] = To(value);
  }
  return tensor;
}

Tensor copied(const Shape& shape, DType type, std::span<const uint8_t> data) {
  Tensor tensor(shape, type);
  std::memcpy(tensor.raw_write(), data.data(), data.size());
  return tensor;
}

// NumPy's letter and size of an element.
struct Element {
  std::string_view name;
  uint64_t bytes;
  Tensor (*make)(const Shape&, std::span<const uint8_t>, const std::string& where);
};

template <DType type>
Tensor same(const Shape& shape, std::span<const uint8_t> data, const std::string&) {
  return copied(shape, type, data);
}

constexpr Element kElements[] = {
    {"f4", 4, same<DType::f32>},   {"f8", 8, narrowed<double>},  {"u1", 1, same<DType::u8>},
    {"b1", 1, same<DType::u8>},    {"i1", 1, same<DType::i8>},   {"u2", 2, same<DType::u16>},
    {"i2", 2, same<DType::i16>},   {"i4", 4, same<DType::i32>},  {"i8", 8, narrowed<int64_t>},
    {"u4", 4, narrowed<uint32_t>}, {"u8", 8, narrowed<uint64_t>}};

const Element& element_of(const std::string& type, const std::string& where) {
  require(type.find('O') == type.npos, "{}: found Python objects (a pickle), wanted plain numbers",
          where);
  require(!type.starts_with('>'), "{}: found big-endian numbers ('{}'), wanted little-endian ones",
          where, type);
  const bool ordered = type.starts_with('<') || type.starts_with('|') || type.starts_with('=');
  for (const Element& element : kElements)
    if (ordered && type.substr(1) == element.name) return element;
  fail("{}: found elements of type '{}', wanted f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 or b1",
       where,
       type.find_first_not_of("<>|=abcdefghijklmnopqrstuvwxyzUSV0123456789") == type.npos ? type
                                                                                          : "?");
}

}  // namespace

Tensor parse_npy(std::span<const uint8_t> bytes, const std::string& where) {
  require(bytes.size() >= 10 && std::memcmp(bytes.data(), "\x93NUMPY", 6) == 0,
          "{}: found no NumPy array, wanted the magic \\x93NUMPY", where);
  const int version = bytes[6];
  require(version >= 1 && version <= 3, "{}: found format version {}, wanted 1 to 3", where,
          version);
  const size_t begin = version == 1 ? 10 : 12;
  require(bytes.size() >= begin, "{}: found {} bytes, wanted a header", where, bytes.size());
  const size_t length =
      version == 1 ? number_at<uint16_t>(&bytes[8]) : number_at<uint32_t>(&bytes[8]);
  require(length <= bytes.size() - begin, "{}: found {} bytes, wanted a header of {}", where,
          bytes.size() - begin, length);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + begin, length);
  const Header header = HeaderReader(text, where).read();
  const Element& element = element_of(header.type, where);
  require(!header.fortran || header.shape.rank() < 2,
          "{}: found Fortran order, wanted C order (numpy.ascontiguousarray)", where);
  uint64_t wanted = element.bytes;
  for (const int64_t size : header.shape)
    require(!__builtin_mul_overflow(wanted, uint64_t(size), &wanted),
            "{}: found an absurd shape {}, wanted one that fits memory", where,
            to_string(header.shape));
  const std::span<const uint8_t> data = bytes.subspan(begin + length);
  require(data.size() == wanted, "{}: found {} bytes of data, wanted {} for shape {} of {}", where,
          data.size(), wanted, to_string(header.shape), element.name);
  return element.make(header.shape, data, where);
}

Tensor read_npy(const std::filesystem::path& path) {
  ByteSource source(path);
  return parse_npy(source.read_all(uint64_t(4) << 30), source.name());
}

}  // namespace sparlet
