#include "tensor/sparse.h"

#include "tensor/error.h"

namespace sparlet {
namespace {

template <class T>
int64_t at(const void* data, int64_t i) {
  return int64_t(static_cast<const T*>(data)[i]);
}

// Index i of an index tensor of any type.
int64_t index_at(const View& index, int64_t i) {
  switch (index.dtype) {
    case DType::u8:
      return at<uint8_t>(index.data, i);
    case DType::u16:
      return at<uint16_t>(index.data, i);
    default:
      return at<int32_t>(index.data, i);
  }
}

template <class T>
void fill(Tensor& tensor, std::span<const int32_t> from) {
  const auto to = tensor.write<T>();
  for (size_t i = 0; i < from.size(); ++i) to[i] = T(from[i]);
}

Tensor index_tensor(DType type, std::span<const int32_t> from) {
  Tensor tensor({std::max<int64_t>(1, int64_t(from.size()))}, type);
  if (type == DType::u8)
    fill<uint8_t>(tensor, from);
  else if (type == DType::u16)
    fill<uint16_t>(tensor, from);
  else
    fill<int32_t>(tensor, from);
  return tensor;
}

std::vector<int32_t> rows_of_entries(const SparsePattern& p) {
  std::vector<int32_t> row;
  row.reserve(p.column.size());
  for (int64_t o = 0; o < p.out; ++o)
    row.insert(row.end(), size_t(p.row_begin[size_t(o) + 1] - p.row_begin[size_t(o)]), int32_t(o));
  return row;
}

View view(const Tensor& tensor) {
  return {tensor.shape(), tensor.dtype(), const_cast<std::byte*>(tensor.raw())};
}

void read_rows_of_csr(SparsePattern& p, const View& rows, int64_t entries, std::string_view where) {
  require(rows.size() == p.out + 1, "{}: {} row pointers, wanted {}", where, rows.size(),
          p.out + 1);
  require(index_at(rows, 0) == 0, "{}: rows[0] is {}, wanted 0", where, index_at(rows, 0));
  for (int64_t o = 0; o < p.out; ++o) {
    const int64_t end = index_at(rows, o + 1);
    require(end >= p.row_begin.back() && end <= entries,
            "{}: rows[{}] is {}, wanted {} to {} (rows never fall, entries are {})", where, o + 1,
            end, p.row_begin.back(), entries, entries);
    p.row_begin.push_back(int32_t(end));
  }
  const int64_t used = p.row_begin.back();
  require(used == entries || (used == 0 && entries == 1), "{}: the rows have {} entries, of {}",
          where, used, entries);
}

// Row of each entry, checked for range and order; none for a weight without entries.
void read_rows_of_coo(SparsePattern& p, const View& row, int64_t entries, std::string_view where) {
  if (entries == 1 && index_at(row, 0) == p.out) {
    p.row_begin.resize(size_t(p.out) + 1, 0);
    return;
  }
  int64_t before = 0;
  for (int64_t k = 0; k < entries; ++k) {
    const int64_t o = index_at(row, k);
    require(o >= 0 && o < p.out, "{}: row[{}] is {}, wanted 0 to {}", where, k, o, p.out - 1);
    require(o >= before, "{}: row[{}] is {} after {}, wanted sorted entries", where, k, o, before);
    for (; before < o; ++before) p.row_begin.push_back(int32_t(k));
  }
  p.row_begin.resize(size_t(p.out) + 1, int32_t(entries));
}

void read_columns(SparsePattern& p, const View& column, std::string_view name,
                  std::string_view where) {
  p.column.reserve(size_t(p.row_begin.back()));
  for (int64_t o = 0; o < p.out; ++o) {
    int64_t before = -1;
    for (int64_t k = p.row_begin[size_t(o)]; k < p.row_begin[size_t(o) + 1]; ++k) {
      const int64_t c = index_at(column, k);
      require(c >= 0 && c < p.in, "{}: {}[{}] is {}, wanted 0 to {}", where, name, k, c, p.in - 1);
      require(c != before, "{}: {}[{}] is {} again in row {}, wanted each place once", where, name,
              k, c, o);
      require(c > before, "{}: {}[{}] is {} after {} in row {}, wanted sorted entries", where, name,
              k, c, before, o);
      p.column.push_back(int32_t(before = c));
    }
  }
}

}  // namespace

std::string_view name_of(SparseFormat format) {
  return format == SparseFormat::csr ? "csr" : "coo";
}

std::array<std::string_view, 2> index_names(SparseFormat format) {
  if (format == SparseFormat::csr) return {"columns", "rows"};
  return {"row", "column"};
}

DType index_type(int64_t largest) {
  return largest <= UINT8_MAX ? DType::u8 : largest <= UINT16_MAX ? DType::u16 : DType::i32;
}

std::array<int64_t, 2> matrix_of(const Shape& shape) {
  require(shape.rank() >= 2, "sparse weight: of shape {}, wanted (out, in)", to_string(shape));
  return {shape[0], count(shape) / shape[0]};
}

SparsePattern read_pattern(SparseFormat format, const Shape& dense, const View& first,
                           const View& second, std::string_view where) {
  const auto [out, in] = matrix_of(dense);
  SparsePattern p{.out = out, .in = in, .row_begin = {0}, .column = {}};
  p.row_begin.reserve(size_t(out) + 1);
  const int64_t entries = first.size();
  if (format == SparseFormat::csr) {
    read_rows_of_csr(p, second, entries, where);
    read_columns(p, first, "columns", where);
  } else {
    require(second.size() == entries, "{}: {} columns for {} entries", where, second.size(),
            entries);
    read_rows_of_coo(p, first, entries, where);
    read_columns(p, second, "column", where);
  }
  return p;
}

SparsePattern pattern_of(const SparseTensor& sparse, std::string_view where) {
  return read_pattern(sparse.format, sparse.shape, view(sparse.index[0]), view(sparse.index[1]),
                      where);
}

SparseTensor make_sparse(SparseFormat format, const Shape& dense, const SparsePattern& p,
                         std::span<const float> values) {
  const bool none = p.nonzeros() == 0;
  SparseTensor made{format, dense, Tensor({std::max<int64_t>(1, p.nonzeros())})};
  std::ranges::copy(values.first(size_t(p.nonzeros())), made.values.write().begin());
  if (format == SparseFormat::csr) {
    made.index = {index_tensor(index_type(p.in - 1), p.column),
                  index_tensor(index_type(p.nonzeros()), p.row_begin)};
  } else {
    const std::vector<int32_t> row = none ? std::vector{int32_t(p.out)} : rows_of_entries(p);
    made.index = {index_tensor(index_type(none ? p.out : p.out - 1), row),
                  index_tensor(index_type(p.in - 1), p.column)};
  }
  return made;
}

SparsePattern pattern_of_dense(const Tensor& dense, const Tensor& mask) {
  require(!mask || mask.shape() == dense.shape(), "sparse weight: a mask {} for {}",
          to_string(mask.shape()), to_string(dense.shape()));
  const auto [out, in] = matrix_of(dense.shape());
  SparsePattern p{.out = out, .in = in, .row_begin = {0}, .column = {}};
  const float* there = (mask ? mask : dense).read().data();
  for (int64_t o = 0; o < out; ++o, there += in) {
    for (int64_t i = 0; i < in; ++i)
      if (there[i] != 0) p.column.push_back(int32_t(i));
    p.row_begin.push_back(int32_t(p.column.size()));
  }
  return p;
}

SparseTensor to_sparse(SparseFormat format, const Tensor& dense, const Tensor& mask) {
  const SparsePattern p = pattern_of_dense(dense, mask);
  std::vector<float> values;
  values.reserve(p.column.size());
  const float* row = dense.read().data();
  for (int64_t o = 0; o < p.out; ++o, row += p.in)
    for (int32_t k = p.row_begin[size_t(o)]; k < p.row_begin[size_t(o) + 1]; ++k)
      values.push_back(row[p.column[size_t(k)]]);
  return make_sparse(format, dense.shape(), p, values);
}

SparseTensor to_format(const SparseTensor& sparse, SparseFormat format) {
  if (sparse.format == format) return sparse;
  return make_sparse(format, sparse.shape, pattern_of(sparse), sparse.values.read());
}

namespace {

Tensor spread(const SparseTensor& sparse, bool values) {
  const SparsePattern p = pattern_of(sparse);
  Tensor dense(sparse.shape);
  const auto from = sparse.values.read();
  float* row = dense.write().data();
  for (int64_t o = 0; o < p.out; ++o, row += p.in)
    for (int32_t k = p.row_begin[size_t(o)]; k < p.row_begin[size_t(o) + 1]; ++k)
      row[p.column[size_t(k)]] = values ? from[size_t(k)] : 1;
  return dense;
}

}  // namespace

Tensor to_dense(const SparseTensor& sparse) { return spread(sparse, true); }
Tensor mask_of(const SparseTensor& sparse) { return spread(sparse, false); }

}  // namespace sparlet
