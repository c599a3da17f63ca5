#include "golden_case.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include "tensor/error.h"

namespace sparlet::golden {
namespace {

Shape shape_in(const std::string& header, const std::string& file) {
  const size_t open = header.find('(', header.find("'shape'")), close = header.find(')', open);
  require(open != header.npos && close != header.npos, "{}: no shape in the header", file);
  std::istringstream list(header.substr(open + 1, close - open - 1));
  Shape shape;
  for (std::string size; std::getline(list, size, ',');)
    if (size.find_first_of("0123456789") != size.npos) shape.push_back(std::stoll(size));
  return shape;
}

std::map<std::string, Tensor> tensors(const std::filesystem::path& folder,
                                      const nlohmann::json& names) {
  std::map<std::string, Tensor> list;
  for (const auto& [name, file] : names.items())
    list[name] = read_npy(folder / file.get<std::string>());
  return list;
}

}  // namespace

Tensor read_npy(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  require(bytes.size() > 10 && bytes.compare(0, 6, "\x93NUMPY") == 0 && bytes[6] == 1,
          "{}: no .npy file of version 1", path.string());
  const size_t length = uint8_t(bytes[8]) + 256u * uint8_t(bytes[9]);
  const std::string header = bytes.substr(10, length);
  require(header.find("'fortran_order': False") != header.npos, "{}: not in row-major order",
          path.string());
  const Shape shape = shape_in(header, path.string());
  const char* data = bytes.data() + 10 + length;
  const bool floats = header.find("'<f4'") != header.npos;
  require(floats || header.find("'<i8'") != header.npos, "{}: wanted <f4 or <i8", path.string());
  const size_t wanted = 10 + length + size_t(count(shape)) * (floats ? 4 : 8);
  require(bytes.size() == wanted, "{}: {} bytes, wanted {}", path.string(), bytes.size(), wanted);
  Tensor tensor(shape, floats ? DType::f32 : DType::i32);
  if (floats) {
    std::memcpy(tensor.raw_write(), data, size_t(tensor.bytes()));
  } else {
    for (int32_t& v : tensor.write<int32_t>()) {
      int64_t whole;
      std::memcpy(&whole, data, 8);
      v = int32_t(whole);
      data += 8;
    }
  }
  return tensor;
}

Case read_case(const std::filesystem::path& folder) {
  std::ifstream stream(folder / "case.json");
  require(bool(stream), "{}: cannot be read", (folder / "case.json").string());
  const auto json = nlohmann::json::parse(stream);
  return {folder.filename().string(),
          json.at("op").get<std::string>(),
          json.at("attrs"),
          tensors(folder, json.at("inputs")),
          tensors(folder, json.at("outputs")),
          tensors(folder, json.at("grad_outputs")),
          tensors(folder, json.at("grads"))};
}

void expect_close(std::string_view what, const Tensor& found, const Tensor& wanted,
                  double tolerance) {
  require(bool(found), "{}: not computed", what);
  require(found.shape() == wanted.shape(), "{}: shape {}, wanted {}", what,
          to_string(found.shape()), to_string(wanted.shape()));
  double top = 0, worst = 0;
  for (int64_t i = 0; i < wanted.size(); ++i) {
    const double a = found.read()[size_t(i)], b = wanted.read()[size_t(i)];
    top = std::max(top, std::abs(b));
    worst = std::abs(a - b) <= worst ? worst : std::abs(a - b);  // NaN counts
  }
  require(worst <= tolerance * std::max(top, 1e-12), "{}: off by {:.3g}, the largest is {:.3g}",
          what, worst, top);
}

}  // namespace sparlet::golden
