// Everything that run() takes for granted is checked here, in the order of the file.
#include "runtime/crc32.h"
#include "runtime/walk.h"

namespace sparlet::rt {
namespace {

bool same_shape(const ValueInfo& a, const ValueInfo& b) {
  return a.h == b.h && a.w == b.w && a.c == b.c;
}

bool overlap(uint32_t a, uint32_t a_bytes, uint32_t b, uint32_t b_bytes) {
  return a < uint64_t(b) + b_bytes && b < uint64_t(a) + a_bytes;
}

bool dimensions_good(const Record& r, uint32_t arena_bytes) {
  if (r.h == 0 || r.w == 0 || r.c == 0 || r.h > max_dimension || r.w > max_dimension) return false;
  if (!r.has(record_flat) && r.c > max_dimension) return false;
  const uint64_t area = uint64_t(r.h) * r.w;  // below 2^32, and c too: no overflow
  const uint64_t count = area * r.c;
  return count <= max_map && r.offset + count <= arena_bytes;
}

bool flags_good(const Record& r) {
  const bool plain =
      r.op == Op::input || r.op == Op::part || r.op == Op::copy || r.op == Op::softmax;
  if (r.has(record_bitmask) && !has_weights(r.op)) return false;
  if (r.has(record_include_pad) && r.op != Op::avg_pool) return false;
  if (r.has(record_regular) && !has_window(r.op)) return false;
  if (r.has(record_clamped) && (plain || r.low > r.high)) return false;
  const bool must = r.op == Op::max_pool || r.op == Op::part || r.op == Op::copy;
  const bool must_not = r.op == Op::input || r.op == Op::softmax;
  if (r.has(record_like_input)) return !must_not;
  return !must && is_scale(r.scale);
}

// One side of a window: does the output's size follow from the input's?
bool side_good(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t before,
               uint32_t after, uint32_t dilation) {
  if (kernel == 0 || stride == 0 || dilation == 0) return false;
  if ((kernel | stride | dilation | before | after) > max_dimension) return false;
  const uint64_t span = uint64_t(kernel - 1) * dilation + 1, whole = uint64_t(in) + before + after;
  return span <= whole && (whole - span) / stride + 1 == out;
}

bool window_good(const Record& r, const ValueInfo& x, const ValueInfo& y) {
  if (x.flat || y.flat) return false;
  if (!side_good(x.h, y.h, r.kernel_h, r.stride_h, r.pad_top, r.pad_bottom, r.dilation_h))
    return false;
  if (!side_good(x.w, y.w, r.kernel_w, r.stride_w, r.pad_left, r.pad_right, r.dilation_w))
    return false;
  // The padded map counts: with it, positions outside the map have indices without overflow.
  const uint64_t area =
      (uint64_t(x.h) + r.pad_top + r.pad_bottom) * (uint64_t(x.w) + r.pad_left + r.pad_right);
  return area * x.c <= max_map && uint64_t(r.kernel_h) * r.kernel_w <= max_fan_in;
}

// Every window of a pool holds a value.
bool pool_good(const Record& r, const ValueInfo& x, const ValueInfo& y) {
  if (!window_good(r, x, y) || x.c != y.c || r.dilation_h != 1 || r.dilation_w != 1) return false;
  return r.pad_top < r.kernel_h && r.pad_bottom < r.kernel_h && r.pad_left < r.kernel_w &&
         r.pad_right < r.kernel_w;
}

bool pads(const Record& r) { return (r.pad_top | r.pad_left | r.pad_bottom | r.pad_right) != 0; }

uint32_t bits_set(const uint8_t* mask, uint64_t bytes) {
  uint32_t count = 0;
  for (uint64_t i = 0; i < bytes; ++i)
    for (uint32_t b = mask[i]; b != 0; b &= b - 1) ++count;
  return count;
}

struct Checker {
  const uint8_t* file;
  const Header& header;
  uint32_t channel = 0;    // the next op's first
  const uint8_t* weights;  // the next op's
  uint64_t highest = 0;    // byte of the arena, + 1

  bool channels_good(const Record& r, uint64_t fan_in) {
    if (r.c > header.channels - channel) return false;
    const Channel* channels = channels_of(file) + channel;
    const int64_t room = INT32_MAX - int64_t(fan_in) * 255 * 128;
    for (uint32_t o = 0; o < r.c; ++o) {
      const Channel c = channels[o];
      if (c.bias > room || c.bias < -room) return false;
      if (!is_scale(c.scale) || !in_range(multiplier_of(c.scale))) return false;
    }
    channel += r.c;
    return true;
  }

  bool weights_good(const Record& r, const ValueInfo& x) {
    const uint64_t fan_in = fan_in_of(r, x);
    if (fan_in > max_fan_in || !channels_good(r, fan_in)) return false;
    const uint64_t count = fan_in * r.c, bytes = weight_bytes(r, x);
    if (count > max_map || bytes > uint64_t(file + header.file_bytes - weights)) return false;
    if (r.has(record_bitmask)) {
      const uint64_t mask = mask_bytes(count);
      if (bits_set(weights, mask) != r.values) return false;
      if (count % 8 != 0 && weights[mask - 1] >> (count % 8) != 0) return false;
    }
    weights += bytes;
    return true;
  }

  bool average_good(const ValueInfo& x, const ValueInfo& y, uint64_t area) const {
    return area <= max_fan_in && in_range(ratio(x.scale, y.scale)) &&
           in_range(ratio(x.scale, y.scale, uint32_t(area)));
  }

  bool binary_good(const Record& r, const ValueInfo& a, const ValueInfo& y) const {
    const ValueInfo b = value_at(file, r.input[1]);
    if (!same_shape(a, b) || !same_shape(a, y) || b.flat != y.flat) return false;
    if (r.op == Op::mul) return in_range(product_ratio(a.scale, b.scale, y.scale));
    const AddFactors f = add_factors(a.scale, b.scale, y.scale);
    return in_range(f.a) && in_range(f.b) && in_range(f.y);
  }

  bool concat_good(const Record& r, const ValueInfo& y) const {
    uint64_t channels = 0;
    for (uint32_t i = 0; i < r.inputs; ++i) {
      const ValueInfo x = value_at(file, r.input[i]);
      if (x.h != y.h || x.w != y.w || x.flat != y.flat) return false;
      if (!in_range(ratio(x.scale, y.scale))) return false;
      channels += x.c;
    }
    return channels == y.c;
  }

  bool op_good(const Record& r, const ValueInfo& x, const ValueInfo& y) {
    switch (r.op) {
      case Op::input:
        return false;  // only the first record
      case Op::conv2d:
        return r.groups != 0 && x.c % r.groups == 0 && y.c % r.groups == 0 &&
               window_good(r, x, y) && weights_good(r, x);
      case Op::linear:
        return y.h == 1 && y.w == 1 && weights_good(r, x);
      case Op::max_pool:
        return pool_good(r, x, y);
      case Op::avg_pool:
        return pool_good(r, x, y) && average_good(x, y, uint64_t(r.kernel_h) * r.kernel_w);
      case Op::global_avg_pool:
        return !x.flat && y.h == 1 && y.w == 1 && x.c == y.c &&
               average_good(x, y, uint64_t(x.h) * x.w);
      case Op::requantize:
        return same_shape(x, y) && x.flat == y.flat && in_range(ratio(x.scale, y.scale));
      case Op::add:
      case Op::sub:
      case Op::mul:
        return x.flat == y.flat && binary_good(r, x, y);
      case Op::concat:
        return concat_good(r, y);
      case Op::softmax:
        return x.count == y.count && y.scale == 0x3b800000u && y.zero == -128 &&
               softmax_in_range(x.scale);
      case Op::part:
        return r.start <= x.count && y.count <= x.count - r.start;
      case Op::copy:
        return x.count == y.count;
    }
    return false;
  }

  // May the op write y while x is read?
  static bool place_good(const Record& r, const ValueInfo& x, const ValueInfo& y) {
    if (!overlap(x.offset, x.count, y.offset, y.count)) return true;
    if (r.op == Op::part || r.op == Op::copy) return true;  // memmove
    if (r.op == Op::conv2d || r.op == Op::linear || r.op == Op::concat || pads(r)) return false;
    return x.offset == y.offset;
  }

  // No op between the one that makes value `index` and its reader writes over it.
  bool survives(uint32_t index, const ValueInfo& x, const uint8_t* reader) const {
    const uint8_t* at = records_of(file);
    for (uint32_t i = 0; i <= index; ++i) at += *at;
    for (; at != reader; at += *at) {
      Record r;
      decode(at, reader, r);
      if (!overlap(x.offset, x.count, r.offset, r.h * r.w * r.c)) continue;
      const bool moves = r.op == Op::part || r.op == Op::copy;
      if (!moves || record_at(file, r.input[0]).offset + r.start != r.offset) return false;
    }
    return true;
  }

  bool record_good(const uint8_t* at, uint32_t index) {
    Record r;
    if (!decode(at, weights_of(file), r) || !flags_good(r)) return false;
    if (!dimensions_good(r, header.arena_bytes)) return false;
    if ((index == 0) != (r.op == Op::input) || (r.op == Op::concat && r.inputs < 2)) return false;
    for (uint32_t i = 0; i < r.inputs; ++i)
      if (r.input[i] >= index) return false;
    const ValueInfo y = info_of(file, r);
    if (highest < uint64_t(y.offset) + y.count) highest = uint64_t(y.offset) + y.count;
    if (index == 0) return true;
    if (!op_good(r, value_at(file, r.input[0]), y)) return false;
    for (uint32_t i = 0; i < r.inputs; ++i) {
      const ValueInfo x = value_at(file, r.input[i]);
      if (!place_good(r, x, y) || !survives(r.input[i], x, at)) return false;
    }
    return true;
  }

  bool all_good() {
    const uint8_t* at = records_of(file);
    const uint8_t* end = weights_of(file);
    if (header.values < 2 || header.values > max_values) return false;
    for (uint32_t index = 0; index < header.values; ++index) {
      if (at == end || !record_good(at, index)) return false;
      at += *at;
    }
    return at == end && channel == header.channels && weights == file + header.file_bytes &&
           highest == header.arena_bytes;
  }
};

Status check_header(const uint8_t* file, size_t bytes) {
  if (bytes < sizeof(Header)) return Status::truncated;
  const Header& h = header_of(file);
  for (int i = 0; i < 4; ++i)
    if (h.magic[i] != magic[i]) return Status::bad_magic;
  if (h.version != version) return Status::bad_version;
  if (h.kind != uint8_t(Kind::int8_net)) return Status::bad_kind;
  if (h.file_bytes > bytes) return Status::truncated;
  return Status::ok;
}

Status check_body(const uint8_t* file) {
  const Header& h = header_of(file);
  if (h.file_bytes < sizeof(Header)) return Status::bad_model;
  const uint32_t before = crc32(file, crc_offset);
  constexpr size_t behind = crc_offset + 4;
  if (crc32(file + behind, h.file_bytes - behind, before) != h.crc32) return Status::bad_checksum;
  if (h.flags == flag_single_rounding) return Status::bad_rounding;
  const uint64_t weights = sizeof(Header) + uint64_t(8) * h.channels + h.record_bytes;
  if (h.flags != 0 || h.zero != 0 || weights > h.file_bytes) return Status::bad_model;
  Checker checker{.file = file, .header = h, .weights = weights_of(file)};
  return checker.all_good() ? Status::ok : Status::bad_model;
}

}  // namespace

Status open(Model& model, const void* file, size_t bytes, void* arena, size_t arena_bytes) {
  const auto* p = static_cast<const uint8_t*>(file);
  if (reinterpret_cast<uintptr_t>(p) % 4 != 0) return Status::misaligned;
  if (const Status s = check_header(p, bytes); s != Status::ok) return s;
  if (const Status s = check_body(p); s != Status::ok) return s;
  if (arena_bytes < header_of(p).arena_bytes) return Status::arena_too_small;
  model = {.file = p, .arena = static_cast<uint8_t*>(arena)};
  return Status::ok;
}

size_t memory_needed(const void* file, size_t bytes) {
  const auto* p = static_cast<const uint8_t*>(file);
  if (reinterpret_cast<uintptr_t>(p) % 4 != 0 || check_header(p, bytes) != Status::ok) return 0;
  return header_of(p).arena_bytes;
}

const char* describe(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::truncated:
      return "the file is cut short";
    case Status::bad_magic:
      return "no sparlet model file";
    case Status::bad_kind:
      return "not an int8 model";
    case Status::bad_version:
      return "another version of the format";
    case Status::bad_rounding:
      return "another rounding mode";
    case Status::bad_checksum:
      return "the checksum does not fit: the file is damaged";
    case Status::bad_model:
      return "the model is inconsistent";
    case Status::arena_too_small:
      return "the arena is too small";
    case Status::misaligned:
      return "the file's address is not a multiple of 4";
  }
  return "unknown status";
}

}  // namespace sparlet::rt
