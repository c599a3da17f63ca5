#include "cli/model.h"

#include <fstream>
#include <sstream>

#include "nn/init.h"
#include "nn/models.h"
#include "tensor/error.h"

namespace sparlet::cli {

bool is_net_file(const std::string& name) { return name.ends_with(".net"); }

Net fresh_net(const std::string& name, const DataSpec& spec, Rng& rng) {
  if (!is_net_file(name)) return nn::by_name(name, spec, rng);
  std::ifstream in(name, std::ios::binary);
  require(bool(in), "{}: cannot be read", name);
  std::ostringstream text;
  text << in.rdbuf();
  return initialized(from_text(text.str(), name), rng);
}

const Dataset& split_of(const Data& data, const std::string& name) {
  if (name == "train") return data.train;
  if (name == "validation") return data.validation;
  require(name == "test", "--split: '{}' is none of train, validation, test", name);
  return data.test;
}

void check_fit(const Net& net, const Data& data, const std::filesystem::path& model) {
  std::vector<Id> ids = inputs(net.graph);
  std::erase_if(ids, [&](Id id) { return ids.size() == 2 && net.graph[id].name == "lengths"; });
  require(ids.size() == 1, "{}: has {} inputs, wanted one (and one called lengths)", model.string(),
          ids.size());
  const Shape& shape = net.graph[ids[0]].type.shape;
  require(shape == data.spec.shape, "{}: wants samples of {}, and those of {} are {}",
          model.string(), to_string(shape), data.name, to_string(data.spec.shape));
  const Node& output = net.graph.nodes.back();
  require(count(output.type.shape) == data.spec.classes,
          "{}: {} ({}) has {} outputs, and {} has {} classes", model.string(), output.name,
          output.op->name, count(output.type.shape), data.name, data.spec.classes);
}

std::filesystem::path float_path(const std::filesystem::path& path) {
  std::filesystem::path out = path;
  if (path.extension() == ".spt") return out.replace_extension(".float.spt");
  return out += ".float.spt";
}

}  // namespace sparlet::cli
