#include "sparse/layers.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

// k of the numbers 0 .. n-1, ascending, each set of them as likely (Knuth, TAOCP 2, algorithm 3.4.2
// S).
std::vector<int32_t> drawn(int64_t n, int64_t k, Rng& rng) {
  std::vector<int32_t> at;
  at.reserve(size_t(k));
  for (int64_t i = 0; i < n && int64_t(at.size()) < k; ++i)
    if (rng.below(n - i) < k - int64_t(at.size())) at.push_back(int32_t(i));
  return at;
}

Connections fresh_entries(const Shape& shape, double density, Rng& rng) {
  const int64_t n = count(shape);
  const int64_t k = std::max<int64_t>(1, std::llround(density * double(n)));
  Connections c{.at = drawn(n, k, rng), .value = {}};
  std::vector<int64_t> fan(size_t(shape[0]), 0);
  for (const int32_t at : c.at) ++fan[size_t(at / shape[1])];
  for (const int32_t at : c.at)
    c.value.push_back(float(rng.uniform(-1, 1) / std::sqrt(double(fan[size_t(at / shape[1])]))));
  return c;
}

}  // namespace

Var linear(Var x, std::string name, const Linear& o) {
  const Shape& shape = x.shape();
  require(shape.rank() == 1 || shape.rank() == 2,
          "{} (sparse linear): input is {}, wanted (n) or (rows,n)", name, to_string(shape));
  require(o.out >= 1, "{} (sparse linear): out is {}, wanted 1 or more", name, o.out);
  require(o.density >= 0 && o.density <= 1, "{} (sparse linear): density {}, wanted 0 to 1", name,
          o.density);
  NetBuilder& b = *x.builder;
  const Shape dense{o.out, shape[shape.rank() - 1]};
  const Connections c = fresh_entries(dense, o.density, b.rng());
  Format format = o.format;
  if (format == Format::automatic) {
    const int64_t rows = shape.rank() == 2 ? shape[0] : 1;
    format = sparse_is_faster("linear", dense, o.density, rows) ? Format::csr : Format::masked;
  }
  std::vector<Var> in{x};
  Attrs attrs;
  const OpDef* op = &linear_op;
  if (format == Format::csr || format == Format::coo) {
    const SparseFormat how = format == Format::csr ? SparseFormat::csr : SparseFormat::coo;
    const SparseTensor made = sparse_of(how, dense, c);
    in.push_back(b.param(name + ".w", made.values));
    for (size_t k = 0; k < 2; ++k)
      in.push_back(b.constant(fmt::format("{}.w.{}", name, index_names(how)[k]), made.index[k]));
    op = format == Format::csr ? &linear_csr_op : &linear_coo_op;
    if (format == Format::coo) attrs["out"] = double(o.out);
  } else {
    in.push_back(b.param(name + ".w", to_dense(sparse_of(SparseFormat::csr, dense, c))));
    if (format == Format::masked)
      in[1] = b.op(mul_op, name + ".w.masked",
                   {in[1], b.constant(name + ".w.mask", mask_of(dense, c.at))});
  }
  if (o.bias) {
    const int64_t fan = std::max<int64_t>(1, std::llround(double(c.size()) / double(o.out)));
    in.push_back(b.param(name + ".b", fresh_bias(o.out, {o.out, fan}, b.rng())));
  }
  return b.op(*op, std::move(name), std::move(in), std::move(attrs));
}

}  // namespace sparlet::sparse
