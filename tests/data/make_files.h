// Valid CIFAR, UCI-HAR and NumPy files, byte by byte.
#pragma once
#include "data/cifar.h"
#include "data/har.h"
#include "idx_files.h"

namespace data_files {
using namespace idx_files;

inline Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

// Records whose label counts up and whose pixels are their own number, modulo 251.
inline Bytes cifar(const sparlet::CifarFormat& format) {
  Bytes bytes;
  for (int64_t i = 0; i < format.records; ++i) {
    for (int k = 1; k < format.label_bytes; ++k) bytes.push_back(7);
    bytes.push_back(uint8_t(i % format.classes));
    for (int64_t p = 0; p < 3072; ++p) bytes.push_back(uint8_t((i * 3072 + p) % 251));
  }
  return bytes;
}

// Lines of `each` numbers: 0.5, 1.5, ... in NumPy's and Fortran's ways of writing.
inline std::string table(int64_t lines, int64_t each, bool fortran = false) {
  std::string text;
  for (int64_t i = 0; i < lines * each; ++i) {
    text += (fortran    ? "  "
             : i % each ? " "
                        : "") +
            std::to_string(i) + (fortran ? ".5e+000" : ".5");
    if (i % each == each - 1) text += fortran ? "\r\n" : "\n";
  }
  return text;
}

inline const std::vector<std::string>& har_channels() {
  static const std::vector<std::string> names{"body_acc_x",  "body_acc_y",  "body_acc_z",
                                              "body_gyro_x", "body_gyro_y", "body_gyro_z",
                                              "total_acc_x", "total_acc_y", "total_acc_z"};
  return names;
}

// One part with `n` windows, labels 1 .. 6 in turn, and subjects 1 .. 3 where wanted.
inline void put_har(const Folder& folder, const std::string& part, int64_t n, bool subjects) {
  fs::create_directories(folder.path / part / "Inertial Signals");
  for (const std::string& name : har_channels())
    folder.put(part + "/Inertial Signals/" + name + "_" + part + ".txt",
               bytes_of(table(n, sparlet::kHarSteps, name[0] == 't')));
  std::string labels, who;
  for (int64_t i = 0; i < n; ++i) {
    labels += std::to_string(1 + i % 6) + "\n";
    who += std::to_string(1 + i % 3) + "\n";
  }
  folder.put(part + "/y_" + part + ".txt", bytes_of(labels));
  if (subjects) folder.put(part + "/subject_" + part + ".txt", bytes_of(who));
}

inline void put_le(Bytes& to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(uint8_t(value >> (8 * i)));
}

// An .npy file with this header text (padded as NumPy pads it) and these data bytes.
inline Bytes npy_with(std::string header, const Bytes& data, int version = 1) {
  Bytes bytes{0x93, 'N', 'U', 'M', 'P', 'Y', uint8_t(version), 0};
  const size_t before = version == 1 ? 10 : 12;
  while ((before + header.size() + 1) % 64) header += ' ';
  header += '\n';
  put_le(bytes, header.size(), version == 1 ? 2 : 4);
  return bytes + bytes_of(header) + data;
}

inline std::string header_of(const std::string& type, const std::string& shape,
                             const std::string& order = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

template <class T>
Bytes npy(const std::string& type, const std::string& shape, const std::vector<T>& values) {
  Bytes data(values.size() * sizeof(T));
  if (!data.empty()) std::memcpy(data.data(), values.data(), data.size());
  return npy_with(header_of(type, shape), data);
}

struct ZipMember {
  std::string name;
  Bytes bytes;
  bool deflate = false;
};

// Deflate without a wrapper.
inline Bytes deflated(const Bytes& plain) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  Bytes packed(deflateBound(&stream, plain.size()) + 32);
  stream.next_in = const_cast<uint8_t*>(plain.data());
  stream.avail_in = uInt(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = uInt(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline Bytes zip(const std::vector<ZipMember>& members) {
  Bytes file, directory;
  for (const ZipMember& m : members) {
    const Bytes packed = m.deflate ? deflated(m.bytes) : m.bytes;
    const auto fields = [&](Bytes& to) {
      put_le(to, 20, 2);                 // version needed
      put_le(to, 0, 2);                  // flags
      put_le(to, m.deflate ? 8 : 0, 2);  // method
      put_le(to, 0, 4);                  // time
      put_le(to, crc32(0, m.bytes.data(), uInt(m.bytes.size())), 4);
      put_le(to, packed.size(), 4);
      put_le(to, m.bytes.size(), 4);
      put_le(to, m.name.size(), 2);
    };
    const size_t offset = file.size();
    put_le(file, 0x04034b50, 4);
    fields(file);
    put_le(file, 0, 2);
    file = file + bytes_of(m.name) + packed;
    put_le(directory, 0x02014b50, 4);
    put_le(directory, 20, 2);
    fields(directory);
    for (int i = 0; i < 4; ++i) put_le(directory, 0, 2);  // extra, comment, disk, attributes
    put_le(directory, 0, 4);
    put_le(directory, offset, 4);
    directory = directory + bytes_of(m.name);
  }
  const size_t begin = file.size();
  file = file + directory;
  put_le(file, 0x06054b50, 4);
  put_le(file, 0, 4);
  put_le(file, members.size(), 2);
  put_le(file, members.size(), 2);
  put_le(file, directory.size(), 4);
  put_le(file, begin, 4);
  put_le(file, 0, 2);
  return file;
}

// Twelve samples of (4,2), three classes, lengths 1 .. 4, three groups.
inline std::vector<ZipMember> arrays() {
  std::vector<float> x;
  std::vector<int64_t> y;
  std::vector<int32_t> lengths;
  std::vector<uint8_t> group;
  for (int i = 0; i < 12; ++i) {
    for (int k = 0; k < 8; ++k) x.push_back(float(i) + 0.1f * float(k));
    y.push_back(i % 3);
    lengths.push_back(1 + i % 4);
    group.push_back(uint8_t(i / 4));
  }
  return {{"X.npy", npy("<f4", "(12, 4, 2)", x), true},
          {"y.npy", npy("<i8", "(12,)", y), false},
          {"lengths.npy", npy("<i4", "(12,)", lengths), true},
          {"group.npy", npy("|u1", "(12,)", group), false}};
}

}  // namespace data_files
