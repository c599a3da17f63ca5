// Fuzzes data/npy.h and data/arrays.h; see fuzz.h. Arrays are damaged in the archive and before
// they are put there, so that damage gets past the checksums too.
#include "data/npy.h"

#include "data/arrays.h"
#include "fuzz.h"

using namespace data_files;

int main(int count_of, char** arguments) {
  const auto read = [](const Folder& f) { sparlet::read_npy(f.path / "a.npy"); };
  const auto read_all = [](const Folder& f) { sparlet::read_arrays(f.path / "a.npz"); };
  std::vector<fuzz::Target> targets{
      {npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6}), "a.npy", read},
      {npy<int64_t>("<i8", "(4,)", {1, 2, 3, 4}), "a.npy", read},
      {npy_with(header_of("<f8", "(1, 2, 1)"), Bytes(16), 2), "a.npy", read},
      {zip(arrays()), "a.npz", read_all}};
  sparlet::Rng rng(1);
  for (int i = 0; i < 60; ++i) {
    if (i % 4 == 0) targets.push_back(targets[size_t(i / 4 % 4)]);
    std::vector<ZipMember> members = arrays();
    Bytes& bytes = members[size_t(rng.below(int64_t(members.size())))].bytes;
    bytes = fuzz::damaged(bytes, 160, rng);
    targets.push_back({zip(members), "a.npz", read_all});
  }
  return fuzz::run(count_of, arguments, "fuzz_npy", targets);
}
