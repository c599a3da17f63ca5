// Fuzzes data/har.h; see fuzz.h.
#include "fuzz.h"

using namespace data_files;

int main(int count_of, char** arguments) {
  const auto read = [](const Folder& f) { sparlet::read_har(f.path, "train"); };
  std::vector<fuzz::Target> targets;
  for (const std::string& name : har_channels())
    targets.push_back({bytes_of(table(6, sparlet::kHarSteps, name[0] == 't')),
                       "train/Inertial Signals/" + name + "_train.txt", read});
  targets.push_back({bytes_of("1\n2\n3\n4\n5\n6\n"), "train/y_train.txt", read});
  targets.push_back({bytes_of("1\n2\n3\n1\n2\n3\n"), "train/subject_train.txt", read});
  return fuzz::run(count_of, arguments, "fuzz_har", targets,
                   [](const Folder& folder) { put_har(folder, "train", 6, true); });
}
