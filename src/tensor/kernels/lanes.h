// Eight floats that compilers keep in vector registers, whatever their width on the machine.
#pragma once
#include <cstdint>
#include <cstring>

// Compiles a function once more for each wider instruction set; the best one is chosen at start.
// Contraction to FMA is off, so every set gives the same bits.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define SPARLET_WIDE [[gnu::target_clones("default", "avx2", "avx512f")]]
#else
#define SPARLET_WIDE
#endif

namespace sparlet {

constexpr int64_t kLanes = 8;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

// Macros, not functions: passing vectors by value differs between instruction sets.
#define SPARLET_LOAD(lanes, from) std::memcpy(&(lanes), (from), sizeof(Lanes))
#define SPARLET_STORE(lanes, to) std::memcpy((to), &(lanes), sizeof(Lanes))

}  // namespace sparlet
