// What is where: formats, densities and bytes of a net's weights; and when sparse is faster.
#include <fmt/format.h>

#include "sparse/convert.h"
#include "tensor/kernels/sparse_choice.h"

namespace sparlet::sparse {
namespace {

int64_t bytes_of_parts(const Net& net, const Weight& weight) {
  int64_t bytes = 0;
  for (Id id : {weight.param, weight.mask, weight.index[0], weight.index[1]})
    if (id >= 0) bytes += net.params[size_t(id)].bytes();
  return bytes;
}

}  // namespace

bool sparse_is_faster(std::string_view op, const Shape& weight, double density, int64_t rows) {
  const auto [out, in] = matrix_of(weight);
  if (op == "linear") return sparse_pays(out, in, density, rows);
  if (op == "conv2d") return density <= (count(weight) <= 100'000 ? 0.25 : 0.15);
  return density <= 0.4 && count(weight) >= 4096;  // lstm, gru, rnn
}

std::vector<Stored> stored(const Net& net) {
  std::vector<Stored> list;
  for (const Weight& weight : weights_of(net.graph)) {
    const Node& reader = net.graph[weight.reader];
    const int64_t entries = connection_count(net, weight);
    list.push_back({.layer = reader.name,
                    .op = std::string(reader.op->name),
                    .weight = weight.name,
                    .format = std::string(weight.format      ? name_of(*weight.format)
                                          : weight.mask >= 0 ? "masked"
                                                             : "dense"),
                    .shape = weight.shape,
                    .density = double(entries) / double(weight.size()),
                    .entries = entries,
                    .bytes = bytes_of_parts(net, weight)});
  }
  return list;
}

std::string describe(const Net& net) {
  std::string text = fmt::format("{:<20} {:<14} {:<16} {:<7} {:>9} {:>10} {:>12}\n", "layer", "op",
                                 "weight", "format", "density", "entries", "bytes");
  int64_t size = 0, entries = 0, bytes = 0;
  for (const Stored& one : stored(net)) {
    text +=
        fmt::format("{:<20} {:<14} {:<16} {:<7} {:>8.2f}% {:>10} {:>12}\n", one.layer, one.op,
                    to_string(one.shape), one.format, 100 * one.density, one.entries, one.bytes);
    size += count(one.shape);
    entries += one.entries;
    bytes += one.bytes;
  }
  return text + fmt::format("{:<59} {:>8.2f}% {:>10} {:>12}\n", "in all",
                            size == 0 ? 100.0 : 100.0 * double(entries) / double(size), entries,
                            bytes);
}

}  // namespace sparlet::sparse
