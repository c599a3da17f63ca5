// Fuzzes data/cifar.h; see fuzz.h.
#include "fuzz.h"

using namespace data_files;

int main(int count_of, char** arguments) {
  const sparlet::CifarFormat ten{.records = 3},
      hundred{.classes = 100, .label_bytes = 2, .records = 2};
  const auto read = [](const sparlet::CifarFormat& format) {
    return [format](const Folder& f) { sparlet::read_cifar(f.path / "file", format); };
  };
  return fuzz::run(count_of, arguments, "fuzz_cifar",
                   {{cifar(ten), "file", read(ten)},
                    {gzip(cifar(ten)), "file", read(ten)},
                    {cifar(hundred), "file", read(hundred)}});
}
