// What several subcommands share: models, nets and splits by the words of the command line.
#pragma once
#include <filesystem>
#include <string>

#include "autograd/graph.h"
#include "data/load.h"

namespace sparlet::cli {

// "lenet5", "mlp" ..., or a file of the text form; weights are fresh.
Net fresh_net(const std::string& name_or_file, const DataSpec&, Rng&);
bool is_net_file(const std::string& name);

// train, validation or test; throws Error for another word.
const Dataset& split_of(const Data&, const std::string& name);

// Throws Error where the model's input is not the data's, or its outputs are not one a class.
void check_fit(const Net&, const Data&, const std::filesystem::path& model);

// "models/17.spt" -> "models/17.float.spt", "m.foo" -> "m.foo.float.spt".
std::filesystem::path float_path(const std::filesystem::path&);

}  // namespace sparlet::cli
