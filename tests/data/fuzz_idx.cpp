// Fuzzes data/idx.h; see fuzz.h.
#include "data/idx.h"

#include "fuzz.h"

using namespace data_files;

int main(int count_of, char** arguments) {
  const auto read_images = [](const Folder& f) { sparlet::read_idx_images(f.path / "file"); };
  const auto read_labels = [](const Folder& f) { sparlet::read_idx_labels(f.path / "file"); };
  return fuzz::run(count_of, arguments, "fuzz_idx",
                   {{images(5, 4, 6), "file", read_images},
                    {gzip(images(5, 4, 6)), "file", read_images},
                    {labels(15), "file", read_labels},
                    {gzip(labels(15)), "file", read_labels}});
}
