#include "writer.h"

#include <cstring>

#include "naive.h"
#include "runtime/crc32.h"

using namespace sparlet::rt;

Encoded to_bitmask(std::span<const int8_t> weights) {
  Encoded e{.mask = std::vector<uint8_t>((weights.size() + 7) / 8)};
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    e.mask[i / 8] |= uint8_t(1 << (i % 8));
    e.values.push_back(weights[i]);
  }
  return e;
}

uint32_t ModelWriter::add(const Record& r) {
  records.push_back(r);
  return uint32_t(records.size() - 1);
}

uint32_t ModelWriter::add(Record r, std::span<const int8_t> w, std::span<const Channel> c) {
  channels.insert(channels.end(), c.begin(), c.end());
  if (r.has(record_bitmask)) {
    const Encoded e = to_bitmask(w);
    weights.insert(weights.end(), e.mask.begin(), e.mask.end());
    weights.insert(weights.end(), e.values.begin(), e.values.end());
    r.values = uint32_t(e.values.size());
  } else {
    weights.insert(weights.end(), w.begin(), w.end());
  }
  return add(r);
}

void set_crc(std::span<uint8_t> file) {
  const uint32_t before = crc32(file.data(), crc_offset);
  const uint32_t crc = crc32(file.data() + crc_offset + 4, file.size() - crc_offset - 4, before);
  std::memcpy(file.data() + crc_offset, &crc, 4);
}

std::vector<uint8_t> ModelWriter::file() const {
  std::vector<uint8_t> all;
  uint64_t arena = 0;
  for (const Record& r : records) {
    uint8_t bytes[max_record_bytes];
    const size_t n = encode(r, bytes);
    all.insert(all.end(), bytes, bytes + n);
    arena = std::max<uint64_t>(arena, uint64_t(r.offset) + uint64_t(r.h) * r.w * r.c);
  }
  Header h{
      .magic = {'S', 'P', 'T', '1'},
      .kind = uint8_t(Kind::int8_net),
      .version = version,
      .flags = 0,
      .zero = 0,
      .file_bytes = uint32_t(sizeof(Header) + 8 * channels.size() + all.size() + weights.size()),
      .crc32 = 0,
      .arena_bytes = uint32_t(arena),
      .values = uint16_t(records.size()),
      .record_bytes = uint16_t(all.size()),
      .channels = uint32_t(channels.size())};
  std::vector<uint8_t> file(h.file_bytes);
  std::memcpy(file.data(), &h, sizeof h);
  if (!channels.empty()) std::memcpy(file.data() + sizeof h, channels.data(), 8 * channels.size());
  std::copy(all.begin(), all.end(), file.end() - ptrdiff_t(weights.size() + all.size()));
  std::copy(weights.begin(), weights.end(), file.end() - ptrdiff_t(weights.size()));
  set_crc(file);
  return file;
}

namespace {

std::vector<Channel> some_channels(Dice& dice, int32_t count) {
  std::vector<Channel> c;
  for (int32_t i = 0; i < count; ++i)
    c.push_back({.bias = dice(-500, 500), .scale = naive::bits(dice.real(0.002f, 0.01f))});
  return c;
}

}  // namespace

ModelWriter chain_model() {
  Dice dice(1);
  ModelWriter m;
  const uint32_t scale = naive::bits(0.05f);
  m.add({.h = 8, .w = 8, .c = 1, .offset = 0, .scale = naive::bits(1 / 255.0f), .zero = -128});
  m.add({.op = Op::conv2d,
         .flags = record_clamped,
         .inputs = 1,
         .input = {0},
         .h = 8,
         .w = 8,
         .c = 4,
         .offset = 64,
         .scale = scale,
         .zero = -128,
         .low = -128,
         .high = 127,
         .kernel_h = 3,
         .kernel_w = 3,
         .pad_top = 1,
         .pad_left = 1,
         .pad_bottom = 1,
         .pad_right = 1},
        dice.weights(4 * 9, 0), some_channels(dice, 4));
  m.add({.op = Op::max_pool,
         .flags = record_like_input,
         .inputs = 1,
         .input = {1},
         .h = 4,
         .w = 4,
         .c = 4,
         .offset = 64,
         .kernel_h = 2,
         .kernel_w = 2,
         .stride_h = 2,
         .stride_w = 2});
  m.add({.op = Op::conv2d,
         .flags = record_bitmask,
         .inputs = 1,
         .input = {2},
         .h = 3,
         .w = 4,
         .c = 8,
         .offset = 128,
         .scale = scale,
         .zero = 3,
         .kernel_h = 2,
         .kernel_w = 3,
         .pad_left = 1,
         .pad_right = 1,
         .groups = 4},
        dice.weights(8 * 6, 5), some_channels(dice, 8));
  m.add({.op = Op::linear,
         .flags = record_flat | record_bitmask,
         .inputs = 1,
         .input = {3},
         .c = 5,
         .offset = 0,
         .scale = scale,
         .zero = -2},
        dice.weights(5 * 96, 6), some_channels(dice, 5));
  m.add({.op = Op::softmax,
         .flags = record_flat,
         .inputs = 1,
         .input = {4},
         .c = 5,
         .offset = 8,
         .scale = naive::bits(1 / 256.0f),
         .zero = -128});
  return m;
}

ModelWriter branch_model() {
  Dice dice(2);
  ModelWriter m;
  const uint32_t a = naive::bits(0.05f), b = naive::bits(0.07f);
  m.add({.h = 4, .w = 4, .c = 3, .offset = 0, .scale = a, .zero = 4});
  m.add({.op = Op::requantize,
         .flags = record_clamped,
         .inputs = 1,
         .input = {0},
         .h = 4,
         .w = 4,
         .c = 3,
         .offset = 48,
         .scale = b,
         .zero = -20,
         .low = -20,
         .high = 100});
  m.add({.op = Op::add,
         .inputs = 2,
         .input = {0, 1},
         .h = 4,
         .w = 4,
         .c = 3,
         .offset = 96,
         .scale = b,
         .zero = 1});
  m.add({.op = Op::concat,
         .inputs = 3,
         .input = {0, 2, 1},
         .h = 4,
         .w = 4,
         .c = 9,
         .offset = 144,
         .scale = b,
         .zero = 0});
  m.add({.op = Op::avg_pool,
         .flags = record_include_pad | record_like_input,
         .inputs = 1,
         .input = {3},
         .h = 5,
         .w = 5,
         .c = 9,
         .offset = 288,
         .kernel_h = 2,
         .kernel_w = 2,
         .pad_top = 1,
         .pad_left = 1,
         .pad_bottom = 1,
         .pad_right = 1});
  m.add({.op = Op::conv2d,
         .flags = record_bitmask,
         .inputs = 1,
         .input = {4},
         .h = 3,
         .w = 3,
         .c = 6,
         .offset = 0,
         .scale = a,
         .zero = 0,
         .kernel_h = 2,
         .kernel_w = 2,
         .dilation_h = 2,
         .dilation_w = 2,
         .groups = 3},
        dice.weights(6 * 12, 4), some_channels(dice, 6));
  m.add({.op = Op::mul,
         .inputs = 2,
         .input = {5, 5},
         .h = 3,
         .w = 3,
         .c = 6,
         .offset = 56,
         .scale = b,
         .zero = 7});
  m.add({.op = Op::sub,
         .inputs = 2,
         .input = {5, 6},
         .h = 3,
         .w = 3,
         .c = 6,
         .offset = 0,
         .scale = b,
         .zero = 7});
  m.add({.op = Op::global_avg_pool,
         .flags = record_flat,
         .inputs = 1,
         .input = {7},
         .c = 6,
         .offset = 0,
         .scale = a,
         .zero = 0});
  m.add({.op = Op::part,
         .flags = record_flat | record_like_input,
         .inputs = 1,
         .input = {8},
         .c = 4,
         .offset = 2,
         .start = 2});
  m.add({.op = Op::copy,
         .flags = record_flat | record_like_input,
         .inputs = 1,
         .input = {9},
         .c = 4,
         .offset = 16});
  m.add({.op = Op::linear,
         .flags = record_flat,
         .inputs = 1,
         .input = {10},
         .c = 3,
         .offset = 24,
         .scale = a,
         .zero = 0},
        dice.weights(12, 0), some_channels(dice, 3));
  return m;
}

// Which half of a 4x4 image is brighter: max_pool to 2x2, then its columns against each other.
ModelWriter tiny_model_writer() {
  ModelWriter m;
  const uint32_t pixel = naive::bits(1 / 255.0f);
  m.add({.h = 4, .w = 4, .c = 1, .offset = 0, .scale = pixel, .zero = -128});
  m.add({.op = Op::max_pool,
         .flags = record_like_input,
         .inputs = 1,
         .input = {0},
         .h = 2,
         .w = 2,
         .c = 1,
         .offset = 0,
         .kernel_h = 2,
         .kernel_w = 2,
         .stride_h = 2,
         .stride_w = 2});
  const std::vector<int8_t> weights = {127, -127, 127, -127, -127, 127, -127, 127};
  // Sums up to 2 * 255 * 127 in steps of 1 / (255 * 127); the output in steps of 2 / 127.
  const Channel channel{.bias = 0, .scale = naive::bits(1 / 510.0f)};
  m.add({.op = Op::linear,
         .flags = record_flat,
         .inputs = 1,
         .input = {1},
         .c = 2,
         .offset = 4,
         .scale = naive::bits(2 / 127.0f),
         .zero = 0},
        weights, std::vector<Channel>{channel, channel});
  return m;
}
