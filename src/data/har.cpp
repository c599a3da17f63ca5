#include "data/har.h"

#include <charconv>
#include <cmath>

#include "data/byte_source.h"
#include "data/checks.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kNames[kHarChannels] = {"body_acc_x",  "body_acc_y",  "body_acc_z",
                                                   "body_gyro_x", "body_gyro_y", "body_gyro_z",
                                                   "total_acc_x", "total_acc_y", "total_acc_z"};
constexpr uint64_t kMostBytes = uint64_t(1) << 30;

std::string shown(std::string_view word) {
  std::string text;
  for (const char c : word.substr(0, 20)) text += c > ' ' && c < 127 ? c : '?';
  return text;
}

// A text file's numbers, `each` a line; lines end in \n or \r\n, the last one too:
// else a number cut short would pass.
template <class T>
class Table {
 public:
  Table(const fs::path& path, int64_t each) : each_(each) {
    ByteSource source(path);
    name_ = source.name();
    const std::vector<uint8_t> bytes = source.read_all(kMostBytes);
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!text.empty()) {
      const size_t end = text.find('\n');
      require(end != text.npos, "{}:{}: found a line cut short, wanted its end", name_, lines_ + 1);
      read_line(text.substr(0, end));
      text.remove_prefix(end + 1);
    }
    require(lines_ > 0, "{}: found no line, wanted one for each window", name_);
  }

  std::vector<T> values;
  int64_t lines() const { return lines_; }
  const std::string& name() const { return name_; }

 private:
  void read_line(std::string_view line) {
    ++lines_;
    constexpr std::string_view kBlank = " \t\r";
    int64_t found = 0;
    for (;;) {
      const size_t begin = line.find_first_not_of(kBlank);
      if (begin == line.npos) break;
      line.remove_prefix(begin);
      const std::string_view word = line.substr(0, line.find_first_of(kBlank));
      require(++found <= each_, "{}:{}: found more than {} values, wanted {}", name_, lines_, each_,
              each_);
      values.push_back(number(word, found));
      line.remove_prefix(word.size());
    }
    require(found == each_, "{}:{}: found {} values, wanted {}", name_, lines_, found, each_);
  }

  T number(std::string_view word, int64_t place) const {
    T value{};
    const auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), value);
    bool good = status == std::errc() && end == word.data() + word.size();
    if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
    require(good, "{}:{}: found '{}' as value {}, wanted a {}", name_, lines_, shown(word), place,
            std::is_floating_point_v<T> ? "finite number" : "whole number");
    return value;
  }

  std::string name_;
  int64_t each_, lines_ = 0;
};

Tensor labels_of(const Table<int32_t>& table) {
  Tensor y({table.lines()}, DType::i32);
  const std::span<int32_t> labels = y.write<int32_t>();
  for (size_t i = 0; i < labels.size(); ++i) {
    const int32_t label = table.values[i];
    require(label >= 1 && label <= kHarClasses, "{}:{}: found label {}, wanted 1 to {}",
            table.name(), i + 1, label, kHarClasses);
    labels[i] = label - 1;
  }
  return y;
}

void check_lines(const std::string& name, int64_t found, const Table<int32_t>& labels) {
  require(found == labels.lines(), "{}: found {} lines, wanted {} as in {}", name, found,
          labels.lines(), labels.name());
}

}  // namespace

Dataset read_har(const fs::path& folder, const std::string& part) {
  const fs::path place = folder / part;
  const auto file = [&](std::string_view name) { return fmt::format("{}_{}.txt", name, part); };
  const Table<int32_t> labels(place / file("y"), 1);
  const int64_t n = labels.lines();
  Tensor x({n, kHarSteps, kHarChannels});
  float* to = x.write().data();
  for (int c = 0; c < kHarChannels; ++c) {
    const Table<float> channel(place / "Inertial Signals" / file(kNames[c]), kHarSteps);
    check_lines(channel.name(), channel.lines(), labels);
    for (int64_t i = 0; i < n * kHarSteps; ++i)
      to[i * kHarChannels + c] = channel.values[size_t(i)];
  }
  Dataset data = Dataset::all(std::move(x), labels_of(labels));
  if (part == "train") check_classes(data, kHarClasses, labels.name());
  const fs::path subjects = place / file("subject");
  if (!fs::exists(subjects)) return data;
  const Table<int32_t> subject(subjects, 1);
  check_lines(subject.name(), subject.lines(), labels);
  Tensor group({n}, DType::i32);
  std::copy(subject.values.begin(), subject.values.end(), group.write<int32_t>().begin());
  return data.with_groups(std::move(group));
}

}  // namespace sparlet
