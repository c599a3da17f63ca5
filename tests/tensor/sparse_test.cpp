// Products with a sparse matrix against brute force in double, on every kernel path.
#include <doctest/doctest.h>

#include <cmath>

#include "tensor/kernels/kernels.h"
#include "tensor/kernels/sparse.h"
#include "tensor/rng.h"

using namespace sparlet;

namespace {

using Floats = std::vector<float>;

Floats normal(int64_t count, Rng& rng) {
  Floats x(static_cast<size_t>(count));
  for (float& v : x) v = float(rng.normal());
  return x;
}

SparsePattern random_pattern(int64_t out, int64_t in, double density, Rng& rng) {
  SparsePattern p{.out = out, .in = in, .row_begin = {0}, .column = {}};
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < in; ++i)
      if (rng.uniform() < density) p.column.push_back(int32_t(i));
    p.row_begin.push_back(int32_t(p.column.size()));
  }
  return p;
}

SparsePattern single_entry(int64_t out, int64_t in) {
  SparsePattern p{.out = out, .in = in, .row_begin = {0}, .column = {int32_t(in / 2)}};
  for (int64_t o = 0; o < out; ++o) p.row_begin.push_back(o >= out / 3 ? 1 : 0);
  return p;
}

// What a sum of products may be off: rounding grows with the sum of the sizes.
struct Exact {
  std::vector<double> value, size;
  explicit Exact(int64_t count) : value(size_t(count)), size(size_t(count)) {}
  void add(int64_t i, double a, double b) {
    value[size_t(i)] += a * b;
    size[size_t(i)] += std::abs(a * b);
  }
};

void check(const Exact& wanted, const Floats& found, const char* what) {
  REQUIRE(wanted.value.size() == found.size());
  for (size_t i = 0; i < found.size(); ++i)
    if (!(std::abs(wanted.value[i] - found[i]) <= 1e-6 * wanted.size[i] + 1e-12)) {
      FAIL_CHECK(what << " " << i << ": " << found[i] << ", wanted " << wanted.value[i]);
      return;
    }
}

struct Case {
  const SparsePattern& p;
  int64_t rows;
  Floats x, dy, values, bias;

  Case(const SparsePattern& pattern, int64_t samples, Rng& rng)
      : p(pattern),
        rows(samples),
        x(normal(samples * p.in, rng)),
        dy(normal(samples * p.out, rng)),
        values(normal(p.nonzeros(), rng)),
        bias(normal(p.out, rng)) {}

  template <class Visit>
  void each(Visit visit) const {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t o = 0; o < p.out; ++o)
        for (int32_t k = p.row_begin[size_t(o)]; k < p.row_begin[size_t(o) + 1]; ++k)
          visit(r * p.in + p.column[size_t(k)], r * p.out + o, k);
  }
  Exact forward(bool with_bias) const {
    Exact y(rows * p.out);
    each([&](int64_t i, int64_t o, int32_t k) { y.add(o, x[size_t(i)], values[size_t(k)]); });
    for (int64_t i = 0; with_bias && i < rows * p.out; ++i) y.add(i, 1, bias[size_t(i % p.out)]);
    return y;
  }
  Exact backward_data() const {
    Exact dx(rows * p.in);
    each([&](int64_t i, int64_t o, int32_t k) { dx.add(i, dy[size_t(o)], values[size_t(k)]); });
    return dx;
  }
  Exact backward_weight() const {
    Exact dvalues(p.nonzeros());
    each([&](int64_t i, int64_t o, int32_t k) { dvalues.add(k, dy[size_t(o)], x[size_t(i)]); });
    return dvalues;
  }
  Exact bias_gradient() const {
    Exact dbias(p.out);
    for (int64_t i = 0; i < rows * p.out; ++i) dbias.add(i % p.out, dy[size_t(i)], 1);
    return dbias;
  }
};

Floats transposed(int64_t rows, int64_t columns, const Floats& x) {
  Floats y(x.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) y[size_t(c * rows + r)] = x[size_t(r * columns + c)];
  return y;
}

void check_forward(SparseKernel& kernel, const Case& one) {
  const SparsePattern& p = one.p;
  for (const float* bias : {one.bias.data(), static_cast<const float*>(nullptr)}) {
    const Exact wanted = one.forward(bias);
    Floats y(size_t(one.rows * p.out), NAN);
    kernel.forward(one.rows, one.x.data(), one.values.data(), bias, y.data());
    check(wanted, y, "y");
    Floats columns(y.size(), NAN);
    kernel.forward_columns(one.rows, transposed(one.rows, p.in, one.x).data(), one.values.data(),
                           bias, columns.data());
    CHECK(transposed(p.out, one.rows, columns) == y);
  }
}

void check_backward(SparseKernel& kernel, const Case& one) {
  const SparsePattern& p = one.p;
  Floats dx(size_t(one.rows * p.in), NAN), dvalues(size_t(p.nonzeros()), NAN), dbias(size_t(p.out));
  kernel.backward_data(one.rows, one.values.data(), one.dy.data(), dx.data());
  check(one.backward_data(), dx, "dx");
  kernel.backward_weight(one.rows, one.x.data(), one.dy.data(), dvalues.data(), dbias.data());
  check(one.backward_weight(), dvalues, "dvalues");
  check(one.bias_gradient(), dbias, "dbias");
  // The same, whether forward() was the last call or not.
  Floats y(size_t(one.rows * p.out)), again(dvalues.size(), NAN);
  kernel.forward(one.rows, one.x.data(), one.values.data(), nullptr, y.data());
  kernel.backward_weight(one.rows, one.x.data(), one.dy.data(), again.data(), nullptr);
  CHECK(again == dvalues);
  kernel.backward_weight(one.rows, one.x.data(), one.dy.data(), nullptr, nullptr);
}

// Kernels of a path for a pattern and a batch, run with fewer and with all rows.
void check_path(const Kernels& path, const SparsePattern& p, int64_t batch, Rng& rng) {
  INFO(path.name, " ", p.out, "x", p.in, " with ", p.nonzeros(), ", batch ", batch);
  const auto train = path.sparse(p, {.batch = batch, .train = true});
  const auto infer = path.sparse(p, {.batch = batch});
  for (int64_t rows : {batch, (batch + 1) / 2}) {
    const Case one(p, rows, rng);
    INFO(infer->description(), " ", rows, " rows");
    infer->values_changed();
    check_forward(*infer, one);
    check_forward(*train, one);
    check_backward(*train, one);
  }
}

void check_all_paths(const SparsePattern& p, int64_t batch, Rng& rng) {
  for (const Kernels* path : all_kernels()) check_path(*path, p, batch, rng);
}

}  // namespace

TEST_CASE("sparse kernels: fuzzed patterns against brute force") {
  Rng rng(1);
  for (int i = 0; i < 60; ++i) {
    const int64_t out = 1 + rng.below(i % 3 == 0 ? 150 : 40);
    const int64_t in = 1 + rng.below(i % 3 == 1 ? 200 : 50);
    const double densities[] = {0, 0.01, 0.1, 0.5, 1};
    const int64_t batch = 1 + rng.below(i % 4 == 0 ? 70 : 9);
    check_all_paths(random_pattern(out, in, densities[i % 5], rng), batch, rng);
  }
}

TEST_CASE("sparse kernels: batches 1 to 130") {
  Rng rng(2);
  const SparsePattern p = random_pattern(37, 45, 0.2, rng);
  for (int64_t batch = 1; batch <= 130; batch += batch < 34 ? 1 : 8) check_all_paths(p, batch, rng);
  check_all_paths(p, 130, rng);
}

TEST_CASE("sparse kernels: no entry, one entry, one row, one column") {
  Rng rng(3);
  for (int64_t batch : {1, 3, 20}) {
    for (double density : {0., 1.}) {
      check_all_paths(random_pattern(1, 1, density, rng), batch, rng);
      check_all_paths(random_pattern(35, 1, density, rng), batch, rng);
      check_all_paths(random_pattern(1, 70, density, rng), batch, rng);
      check_all_paths(random_pattern(64, 64, density, rng), batch, rng);
    }
    check_all_paths(single_entry(33, 65), batch, rng);
  }
}

// Several blocks of columns and, one row full and the others nearly empty, uneven rows.
TEST_CASE("sparse kernels: wide and uneven") {
  Rng rng(4);
  SparsePattern p{.out = 20, .in = 3000, .row_begin = {0}, .column = {}};
  for (int64_t o = 0; o < p.out; ++o) {
    for (int64_t i = 0; i < p.in; ++i)
      if (o == 7 || rng.uniform() < (o == 3 ? 0.5 : 0.003)) p.column.push_back(int32_t(i));
    p.row_begin.push_back(int32_t(p.column.size()));
  }
  for (int64_t batch : {1, 5, 70}) check_all_paths(p, batch, rng);
  check_all_paths(random_pattern(12, 1500, 0.6, rng), 66, rng);
}

TEST_CASE("sparse kernels: a row's result does not depend on the rows beside it") {
  Rng rng(5);
  for (double density : {0.02, 0.3, 0.9}) {
    const SparsePattern p = random_pattern(70, 300, density, rng);
    for (const Kernels* path : all_kernels())
      for (bool train : {false, true})
        for (int64_t batch : {2, 9, 100}) {
          INFO(path->name, " batch ", batch, " density ", density);
          const auto kernel = path->sparse(p, {.batch = batch, .train = train});
          const Case one(p, batch, rng);
          Floats all(size_t(batch * p.out)), alone(size_t(p.out));
          kernel->forward(batch, one.x.data(), one.values.data(), one.bias.data(), all.data());
          for (int64_t r : {int64_t(0), batch / 2, batch - 1}) {
            kernel->forward(1, one.x.data() + r * p.in, one.values.data(), one.bias.data(),
                            alone.data());
            CHECK(std::equal(alone.begin(), alone.end(), all.begin() + r * p.out));
          }
        }
  }
}

TEST_CASE("sparse kernels: packed values are taken again when they changed") {
  Rng rng(6);
  for (double density : {0.01, 0.4}) {
    const SparsePattern p = random_pattern(50, 400, density, rng);
    for (const Kernels* path : all_kernels())
      for (int64_t batch : {1, 4, 64}) {
        const auto kernel = path->sparse(p, {.batch = batch});
        for (int i = 0; i < 2; ++i) {
          kernel->values_changed();
          check_forward(*kernel, Case(p, batch, rng));
        }
      }
  }
}

// So that the cases above have met all forms.
TEST_CASE("sparse kernels: the form fits the layer") {
  Rng rng(8);
  const SparsePattern half = random_pattern(100, 100, 0.5, rng);
  const SparsePattern few = random_pattern(100, 400, 0.01, rng);
  const auto form = [](const Kernels& path, const SparsePattern& p, int64_t batch, bool train) {
    return path.sparse(p, {.batch = batch, .train = train})->description();
  };
  for (const Kernels* path : all_kernels()) {
    CHECK(form(*path, half, 64, true) == "strips");
    CHECK(form(*path, half, 64, false) == "strips");
    if (path->name == "portable") CHECK(form(*path, few, 1, false) == "strips");
    if (path->name == "avx2") CHECK(form(*path, few, 1, false) == "gather");
    if (path->name != "avx512") continue;
    CHECK(form(*path, few, 1, false) == "gather");
    CHECK(form(*path, half, 1, false) == "lanes");
    CHECK(form(*path, half, 8, false) == "lanes");
  }
}

// Training holds at most three indices of four bytes a non-zero: the kernel's, and the columns of
// the net itself.
TEST_CASE("sparse kernels: memory") {
  Rng rng(7);
  const SparsePattern p = random_pattern(300, 784, 0.05, rng);
  for (const Kernels* path : all_kernels()) {
    const auto kernel = path->sparse(p, {.batch = 32, .train = true});
    CHECK(kernel->bytes() > 6 * p.nonzeros());
    CHECK(kernel->bytes() < 10 * p.nonzeros() + 8 * 4 * (p.out + p.in));
  }
}
