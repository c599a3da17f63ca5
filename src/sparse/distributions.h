// How the sparsity of a net is spread over its weights.
#pragma once
#include <functional>
#include <map>
#include <span>

#include "sparse/weights.h"

namespace sparlet::sparse {

// The sparsity of each weight when the net is to have `sparsity`; any function of this kind does.
using Distribution = std::function<std::vector<double>(std::span<const Weight>, double sparsity)>;

Distribution uniform();
// The first weight dense, all others `sparsity`: the net is then a little denser than asked for.
Distribution first_dense();
// Density in proportion to (sum of sizes / product of sizes)^power, all sizes of a kernel counted
// (Evci et al. 2020, §3.1, "ERK"; power 0: uniform), or without `kernel` to (out + in) / (out in)
// (Mocanu et al. 2018, eq. 3). Weights whose density would pass 1 are dense, and the rest shares
// what is left.
struct ErdosRenyi { bool kernel = true; double power = 1; };
Distribution erdos_renyi(const ErdosRenyi& = {});
// These weights as given, by name; the others by `rest`, whose budget they are not part of. Throws
// Error (when used) for a name that is no weight, with the nearest, and a sparsity outside 0..1.
Distribution custom(std::map<std::string, double> sparsity, Distribution rest = uniform());

// "uniform", "first-dense", "er", "erk"; throws Error for another word, with the nearest.
Distribution distribution_from(std::string_view word);

// Connections each weight keeps. They sum to weights - round(sparsity × weights) where the
// distribution keeps that budget to one in each weight, else to its own sum, rounded. Throws Error
// for a sparsity outside 0..1 and for a distribution that gives another number of them.
std::vector<int64_t> connection_counts(std::span<const Weight>, double sparsity, const Distribution&);

}  // namespace sparlet::sparse
