#include "data/har.h"

#include <cstdlib>

#include "data/load.h"
#include "files.h"
#include "make_files.h"

using namespace sparlet;
using namespace data_files;

namespace {

std::string refusal(const Folder& folder) {
  return message_of([&] { read_har(folder.path, "train"); });
}

// A train part whose gyroscope file is `text`.
std::string refusal_of(const Folder& folder, const std::string& text) {
  folder.put("train/Inertial Signals/body_gyro_y_train.txt", bytes_of(text));
  return refusal(folder);
}

std::string gyro(const Folder& folder) {
  return (folder.path / "train/Inertial Signals/body_gyro_y_train.txt").string();
}

}  // namespace

TEST_CASE("har: windows as (steps, channels), labels from 0, subjects where they are") {
  Folder folder;
  put_har(folder, "train", 7, true);
  put_har(folder, "test", 2, false);
  const Dataset data = read_har(folder.path, "train"), test = read_har(folder.path, "test");
  CHECK(data.x.shape() == Shape{7, 128, 9});
  const std::span<const float> x = data.x.read();
  CHECK(x[0] == 0.5f);
  CHECK(x[8] == 0.5f);  // written 0.5e+000
  CHECK(x[(3 * 128 + 5) * 9 + 2] == 3 * 128 + 5 + 0.5f);
  CHECK(data.label(0) == 0);
  CHECK(data.label(5) == 5);
  CHECK(data.label(6) == 0);
  REQUIRE(bool(data.group));
  CHECK(data.group_of(4) == 2);
  CHECK(!test.group);
  CHECK(test.size() == 2);
}

TEST_CASE("har: ragged, cut and damaged lines are named by file and line") {
  Folder folder;
  put_har(folder, "train", 6, false);
  const std::string good = table(6, 128), place = gyro(folder) + ":2: found ";
  const size_t second = good.find('\n') + 1;
  std::string text = good;
  text.insert(second, "1 ");
  check_message(refusal_of(folder, text), place, "more than 128 values");
  text = good;
  text.erase(second, text.find(' ', second) - second);
  check_message(refusal_of(folder, text), place, "127 values");
  for (const std::string word : {"nan", "inf", "1e99", "x", "1.5.2", "0x12", "1,5"}) {
    text = good;
    text.replace(second, text.find(' ', second) - second, word);
    check_message(refusal_of(folder, text), place, "'" + word + "' as value 1");
  }
  check_message(refusal_of(folder, table(5, 128)), gyro(folder) + ": found 5 lines", "wanted 6");
  for (size_t cut = 1; cut < 30; ++cut)
    check_message(refusal_of(folder, good.substr(0, good.size() - cut)),
                  gyro(folder) + ":6: ", "cut short");
  check_message(refusal_of(folder, ""), gyro(folder) + ": ", "no line");
  check_message(refusal_of(folder, good + "\n"), gyro(folder) + ":7: ", "0 values");
  CHECK(refusal_of(folder, good) == "no error");
}

TEST_CASE("har: labels out of range, empty classes and missing files") {
  Folder folder;
  put_har(folder, "train", 6, false);
  const std::string place = (folder.path / "train/y_train.txt").string();
  folder.put("train/y_train.txt", bytes_of("1\n2\n3\n4\n7\n6\n"));
  check_message(refusal(folder), place + ":5: found label 7", "wanted 1 to 6");
  folder.put("train/y_train.txt", bytes_of("1\n2\n3\n4\n4\n6\n"));
  check_message(refusal(folder), place + ": found no sample of class 4", "");
  folder.put("train/y_train.txt", bytes_of("1\n2\n3\n4.5\n5\n6\n"));
  check_message(refusal(folder), place + ":4: found '4.5'", "whole number");
  folder.put("train/y_train.txt", bytes_of("1\n2\n3\n4\n5\n6\n"));
  CHECK(refusal(folder) == "no error");
  folder.put("train/subject_train.txt", bytes_of("1\n2\n"));
  check_message(refusal(folder), (folder.path / "train/subject_train.txt").string() + ": ",
                "2 lines");
  fs::remove(gyro(folder));
  CHECK(refusal(folder) == gyro(folder) + ": found no such file");
}

TEST_CASE("har: by subject, and channels first") {
  Folder folder;
  put_har(folder, "train", 18, true);
  put_har(folder, "test", 6, true);
  const Data data = load_data({.source = "har", .path = folder.path, .by_group = true});
  CHECK(data.train.size() + data.validation.size() == 18);
  for (int64_t i = 0; i < data.train.size(); ++i)
    for (int64_t k = 0; k < data.validation.size(); ++k)
      CHECK(data.train.group_of(i) != data.validation.group_of(k));
  const Data first =
      load_data({.source = "har", .path = folder.path, .by_group = true, .channels_first = true});
  CHECK(first.spec.shape == Shape{9, 128});
  CHECK(first.spec.mean == data.spec.mean);
  CHECK(first.test.x.read()[128 * 9 + 2 * 128 + 5] == data.test.x.read()[128 * 9 + 5 * 9 + 2]);
}

TEST_CASE("har: the real UCI-HAR, where there is one") {
  const char* place = std::getenv("SPARLET_DATA");
  if (!place || !fs::exists(fs::path(place) / "UCI HAR Dataset")) {
    MESSAGE("skipped: SPARLET_DATA names no folder with 'UCI HAR Dataset' in it");
    return;
  }
  const Data data = load_data({.source = "har"});
  CHECK(data.spec.shape == Shape{128, 9});
  CHECK(data.spec.classes == 6);
  CHECK(data.train.size() > 2000);
  CHECK(data.test.size() > 900);
  CHECK(data.spec.mean == doctest::Approx(0.09).epsilon(0.2));
}
