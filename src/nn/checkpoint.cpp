#include "nn/checkpoint.h"

#include <zlib.h>

#include <cstring>
#include <fstream>

#include "autograd/op.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

constexpr char kMagic[4] = {'S', 'P', 'T', 'C'};
constexpr uint32_t kVersion = 2;
constexpr size_t kPrefix = 20;

bool has_value(const Node& node) { return is_leaf(*node.op) && node.op != &input_op; }

uint32_t checksum(std::span<const uint8_t> file) {
  return uint32_t(crc32_z(0, file.data() + kPrefix, file.size() - kPrefix));
}

// Numbers one after another, without gaps.
class Writer {
 public:
  template <class... Ts>
  void put(const Ts&... values) {
    (append(&values, sizeof values), ...);
  }
  void append(const void* data, size_t bytes) {
    file.append(static_cast<const char*>(data), bytes);
  }
  void put_net(const Net& net) {
    const std::string text = to_text(net.graph);
    put(uint64_t(text.size()));
    append(text.data(), text.size());
    for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)
      if (has_value(net.graph[id])) put_tensor(net.params[size_t(id)]);
  }
  void put_tensor(const Tensor& tensor) { append(tensor.raw(), size_t(tensor.bytes())); }

  std::string file;
};

class Reader {
 public:
  Reader(std::span<const uint8_t> file, std::string_view where) : file_(file), where_(where) {}

  template <class... Ts>
  void get(Ts&... values) {
    (copy(&values, sizeof values), ...);
  }
  void copy(void* to, uint64_t bytes) {
    if (bytes > 0) std::memcpy(to, take(bytes), bytes);
  }
  const uint8_t* take(uint64_t bytes) {
    require(bytes <= file_.size() - at_, "{}: cut short at byte {}, wanted {} more", where_, at_,
            bytes);
    at_ += bytes;
    return file_.data() + at_ - bytes;
  }
  // A number of items, each of at least one byte.
  size_t count() {
    uint64_t n = 0;
    get(n);
    require(n <= file_.size() - at_, "{}: {} items at byte {}, wanted what fits the file", where_,
            n, at_);
    return size_t(n);
  }
  Net net() {
    const size_t size = count();
    Net net;
    net.graph = from_text({reinterpret_cast<const char*>(take(size)), size}, where_);
    net.params.resize(net.graph.nodes.size());
    for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)
      if (has_value(net.graph[id])) net.params[size_t(id)] = tensor(net.graph[id].type);
    check_patterns(net, where_);
    return net;
  }
  Tensor tensor(const Type& type) {
    uint64_t bytes = uint64_t(bytes_of(type.dtype));
    for (const int64_t size : type.shape)
      require(!__builtin_mul_overflow(bytes, uint64_t(size), &bytes) && bytes <= file_.size() - at_,
              "{}: cut short at byte {}, wanted a tensor {}", where_, at_, to_string(type.shape));
    Tensor tensor(type.shape, type.dtype);
    copy(tensor.raw_write(), bytes);
    return tensor;
  }
  void end() const {
    require(at_ == file_.size(), "{}: {} bytes behind the checkpoint, wanted none", where_,
            file_.size() - at_);
  }

 private:
  std::span<const uint8_t> file_;
  std::string_view where_;
  uint64_t at_ = kPrefix;
};

// The plain numbers, in the file's order.
template <class File, class C>
void numbers(File&& each, C& c) {
  each(c.step, c.epoch, c.rng, c.seed, c.executor_rng, c.first_loss, c.plateau.lowest,
       c.plateau.epochs_without, c.plateau.factor, c.validation_error, c.best_epoch,
       c.epochs_without);
}

}  // namespace

std::vector<uint8_t> to_bytes(const Checkpoint& c) {
  Writer out;
  out.append(kMagic, sizeof kMagic);
  out.put(kVersion, uint64_t(0), uint32_t(0));
  numbers([&](const auto&... values) { out.put(values...); }, c);
  out.put(uint8_t(c.has_best));
  out.put_net(c.net);
  out.put_net(c.best);
  const uint32_t each = c.slots.empty() ? 0 : uint32_t(c.slots[0].size());
  out.put(each);
  for (const std::vector<Tensor>& of_param : c.slots)
    for (const Tensor& slot : of_param) out.put_tensor(slot);
  out.put(uint64_t(c.order.size()));
  out.append(c.order.data(), c.order.size() * sizeof(int32_t));
  out.put(uint64_t(c.history.size()));
  for (const EpochReport& report : c.history)
    out.put(report.epoch, report.train_loss, report.validation_error, report.rate);
  out.put(uint64_t(c.hooks.size()));
  for (const std::vector<uint8_t>& memory : c.hooks) {
    out.put(uint64_t(memory.size()));
    out.append(memory.data(), memory.size());
  }
  std::vector<uint8_t> file(out.file.begin(), out.file.end());
  const uint64_t bytes = file.size();
  std::memcpy(file.data() + 8, &bytes, sizeof bytes);
  const uint32_t crc = checksum(file);
  std::memcpy(file.data() + 16, &crc, sizeof crc);
  return file;
}

Checkpoint checkpoint_from(std::span<const uint8_t> file, std::string_view where) {
  require(file.size() >= kPrefix && std::memcmp(file.data(), kMagic, sizeof kMagic) == 0,
          "{}: is no checkpoint of a training run", where);
  uint32_t version, crc;
  uint64_t bytes;
  std::memcpy(&version, file.data() + 4, sizeof version);
  std::memcpy(&bytes, file.data() + 8, sizeof bytes);
  std::memcpy(&crc, file.data() + 16, sizeof crc);
  require(version == kVersion, "{}: a checkpoint of version {}, wanted {}", where, version,
          kVersion);
  require(bytes == file.size(), "{}: {} bytes, wanted {}: the file was cut", where, file.size(),
          bytes);
  require(crc == checksum(file), "{}: the checksum is wrong: the file is damaged", where);
  Reader in(file, where);
  Checkpoint c;
  numbers([&](auto&... values) { in.get(values...); }, c);
  uint8_t has_best = 0;
  in.get(has_best);
  c.has_best = has_best != 0;
  c.net = in.net();
  c.best = in.net();
  uint32_t each = 0;
  in.get(each);
  require(each <= 2, "{}: {} optimiser slots a weight, wanted 0 to 2", where, each);
  for (const Node& node : c.net.graph.nodes) {
    if (each == 0 || node.op != &param_op) continue;
    std::vector<Tensor>& of_param = c.slots.emplace_back();
    for (uint32_t k = 0; k < each; ++k) of_param.push_back(in.tensor(node.type));
  }
  c.order.resize(in.count());
  in.copy(c.order.data(), c.order.size() * sizeof(int32_t));
  c.history.resize(in.count());
  for (EpochReport& report : c.history)
    in.get(report.epoch, report.train_loss, report.validation_error, report.rate);
  c.hooks.resize(in.count());
  for (std::vector<uint8_t>& memory : c.hooks) {
    memory.resize(in.count());
    in.copy(memory.data(), memory.size());
  }
  in.end();
  return c;
}

void save(const Checkpoint& checkpoint, const std::filesystem::path& path) {
  const std::vector<uint8_t> bytes = to_bytes(checkpoint);
  std::filesystem::path beside = path;
  beside += ".part";
  {
    std::ofstream file(beside, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    file.close();
    require(file.good(), "{}: cannot be written", beside.string());
  }
  std::error_code failed;
  std::filesystem::rename(beside, path, failed);
  require(!failed, "{}: cannot be written ({})", path.string(), failed.message());
}

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "{}: cannot be read", path.string());
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  return checkpoint_from({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()},
                         path.string());
}

}  // namespace sparlet
