// Layers that are sparse from the start. Weights are named as those of nn/layers.h: "fc.w", "fc.b".
#pragma once
#include "nn/builder.h"
#include "sparse/convert.h"

namespace sparlet::sparse {

struct Linear {
  int64_t out = 1;
  Format format = Format::csr;
  double density = 0.1;
  bool bias = true;
};
// (n) -> (out), or (rows, n) -> (rows, out), with exactly round(density × n × out) entries at random places,
// one at least. Each is drawn from U(±1/sqrt(its row's entries)): a row's sum has the variance that
// nn::linear's has, whatever the density (Evci et al. 2022, eq. 3, for Kaiming's uniform). Throws Error
// naming the layer for a density outside 0..1, an input of another rank, or out < 1.
Var linear(Var x, std::string name, const Linear&);

}  // namespace sparlet::sparse
