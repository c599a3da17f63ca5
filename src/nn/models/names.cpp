#include <charconv>

#include "nn/models.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::nn {
namespace {

struct Model {
  std::string_view name;  // D, K, A: a number
  Net (*make)(const DataSpec&, std::span<const double> numbers, Rng&);
};

template <Net (*make)(const DataSpec&, Rng&)>
Net plain(const DataSpec& spec, std::span<const double>, Rng& rng) {
  return make(spec, rng);
}
Net wrn(const DataSpec& spec, std::span<const double> n, Rng& rng) {
  return wide_resnet(spec, int(n[0]), int(n[1]), rng);
}
template <Net (*make)(const DataSpec&, double, Rng&)>
Net scaled(const DataSpec& spec, std::span<const double> n, Rng& rng) {
  return make(spec, n[0], rng);
}

constexpr Model kModels[] = {{"lenet5", plain<lenet5>},
                             {"lenet5-caffe", plain<lenet5_caffe>},
                             {"mlp", plain<mlp>},
                             {"linear", plain<softmax_regression>},
                             {"vgg11", plain<vgg11>},
                             {"vgg16", plain<vgg16>},
                             {"resnet8", plain<resnet8>},
                             {"resnet18", plain<resnet18>},
                             {"resnet34", plain<resnet34>},
                             {"wrn-D-K", wrn},
                             {"mobilenetv1-A", scaled<mobilenet_v1>},
                             {"mobilenetv2-A", scaled<mobilenet_v2>},
                             {"ds-cnn", plain<ds_cnn>},
                             {"autoencoder", plain<autoencoder>}};

// The numbers that stand for the pattern's capitals, or nothing where the rest differs.
std::optional<std::vector<double>> match(std::string_view name, std::string_view pattern) {
  std::vector<double> numbers;
  while (!pattern.empty()) {
    if (pattern[0] >= 'A' && pattern[0] <= 'Z') {
      double number = 0;
      const auto [end, status] =
          std::from_chars(name.data(), name.data() + name.size(), number, std::chars_format::fixed);
      const bool whole = pattern[0] == 'A' || number == double(int64_t(number));
      if (status != std::errc() || !(number > 0) || !(number < 1e4) || !whole) return {};
      numbers.push_back(number);
      name.remove_prefix(size_t(end - name.data()));
    } else {
      if (!name.starts_with(pattern[0])) return {};
      name.remove_prefix(1);
    }
    pattern.remove_prefix(1);
  }
  if (!name.empty()) return {};
  return numbers;
}

}  // namespace

Net by_name(std::string_view name, const DataSpec& spec, Rng& rng) {
  for (const Model& model : kModels)
    if (const auto numbers = match(name, model.name)) return model.make(spec, *numbers, rng);
  const std::vector<std::string_view> names = model_names();
  fail("net '{}': not a known net{}", name,
       did_you_mean(name, std::span<const std::string_view>(names)));
}

std::vector<std::string_view> model_names() {
  std::vector<std::string_view> names;
  for (const Model& model : kModels) names.push_back(model.name);
  return names;
}

}  // namespace sparlet::nn
