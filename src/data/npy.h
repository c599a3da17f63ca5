// NumPy's arrays: .npy files, and .npz archives (zip) of them.
//
//   .npy: \x93NUMPY | version 1 to 3, minor | header length (2 bytes; from version 2 on 4) |
//         {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } | the numbers
//
// Read: little-endian numbers in C order. f4, f8 -> f32; u1, i1, u2, i2 as they are; i4, i8, u4, u8
// -> i32, if they fit; bool -> u8. Everything else (objects and other pickles, records, complex,
// half precision, big endian, Fortran order) is refused by an Error that says so. Every Error reads
// "PATH: found ..., wanted ..."; in an archive PATH is "FILE:MEMBER".
#pragma once
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "tensor/tensor.h"

namespace sparlet {

// `where` begins the messages. Up to six axes, none of them empty.
Tensor parse_npy(std::span<const uint8_t> bytes, const std::string& where);
Tensor read_npy(const std::filesystem::path&);

// The members by name, ".npy" cut off: stored or deflated, their checksums tested. No more is ever
// unpacked than the members' sizes say and deflate can hold (1032 to 1), 4 GB in all.
std::map<std::string, Tensor> parse_npz(std::span<const uint8_t> bytes, const std::string& where);
std::map<std::string, Tensor> read_npz(const std::filesystem::path&);

}  // namespace sparlet
