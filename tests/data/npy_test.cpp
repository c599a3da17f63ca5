#include "data/npy.h"

#include <algorithm>
#include <limits>

#include "data/arrays.h"
#include "data/load.h"
#include "files.h"
#include "make_files.h"

using namespace sparlet;
using namespace data_files;

namespace {

std::string refusal(const Bytes& bytes) {
  return message_of([&] { parse_npy(bytes, "a.npy"); });
}
std::string zip_refusal(const Bytes& bytes) {
  return message_of([&] { parse_npz(bytes, "a.npz"); });
}
std::string dataset_refusal(const std::vector<ZipMember>& members) {
  Folder folder;
  const fs::path path = folder.put("d.npz", zip(members));
  const std::string message = message_of([&] { read_arrays(path); });
  if (message == "no error") return message;
  CHECK(message.starts_with(path.string()));
  return message.substr(path.string().size());
}
std::vector<ZipMember> with(std::vector<ZipMember> members, const std::string& name,
                            const Bytes& bytes) {
  for (ZipMember& member : members)
    if (member.name == name) member.bytes = bytes;
  return members;
}

}  // namespace

TEST_CASE("npy: every type that is read, in the headers of versions 1 to 3") {
  const Tensor f = parse_npy(npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6.5f}), "a");
  CHECK(f == Tensor({2, 3}, {1, 2, 3, 4, 5, 6.5f}));
  CHECK(parse_npy(npy<double>("<f8", "(2,)", {0.25, -3}), "a") == Tensor({2}, {0.25f, -3}));
  CHECK(parse_npy(npy<uint8_t>("|u1", "(2,)", {7, 255}), "a").dtype() == DType::u8);
  CHECK(parse_npy(npy<uint8_t>("|b1", "(2,)", {0, 1}), "a").read<uint8_t>()[1] == 1);
  CHECK(parse_npy(npy<int8_t>("|i1", "(1,)", {-7}), "a").read<int8_t>()[0] == -7);
  CHECK(parse_npy(npy<int16_t>("<i2", "(1,)", {-700}), "a").read<int16_t>()[0] == -700);
  CHECK(parse_npy(npy<uint16_t>("<u2", "(1,)", {60000}), "a").read<uint16_t>()[0] == 60000);
  CHECK(parse_npy(npy<int32_t>("<i4", "(1,)", {-70000}), "a").read<int32_t>()[0] == -70000);
  CHECK(parse_npy(npy<int64_t>("<i8", "(1,)", {-70000}), "a").read<int32_t>()[0] == -70000);
  CHECK(parse_npy(npy<uint32_t>("<u4", "(1,)", {70000}), "a").read<int32_t>()[0] == 70000);
  CHECK(parse_npy(npy<float>("<f4", "()", {3}), "a").shape() == Shape{});
  const Bytes one{0, 0, 128, 63};
  for (int version : {1, 2, 3})
    CHECK(parse_npy(npy_with(header_of("<f4", "(1, 1)"), one, version), "a").read()[0] == 1);
}

TEST_CASE("npy: what is no plain little-endian array in C order is refused, and told") {
  const Bytes four{0, 0, 128, 63};
  const auto header = [&](const std::string& text) { return refusal(npy_with(text, four)); };
  const auto check = [](const std::string& message, const std::string& found) {
    check_message(message, "a.npy: ", found);
  };
  check(header(header_of("|O", "(1,)")), "Python objects");
  check(header(header_of(">f4", "(1,)")), "big-endian");
  check(header(header_of("<f2", "(2,)")), "'<f2'");
  check(header(header_of("<c8", "(1,)")), "'<c8'");
  check(header(header_of("<U1", "(1,)")), "'<U1'");
  check(header(header_of("<f4", "(1, 1)", "True")), "Fortran order");
  check(header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"), "records");
  check(header(header_of("<f4", "(0,)")), "empty");
  check(header(header_of("<f4", "(-1,)")), "negative");
  check(header(header_of("<f4", "(2,)")), "4 bytes of data");
  check(header(header_of("|u1", "(3,)")), "4 bytes of data");
  check(header(header_of("<f4", "(1, 1, 1, 1, 1, 1, 1)")), "more than 6 axes");
  check(header(header_of("<f4", "(2147483647, 2147483647, 2147483647)")), "absurd shape");
  check(header("{'descr': '<f4', 'shape': (1,), }"), "without descr");
  check(header(header_of("<f4", "(1,)") + "import os"), "behind the header");
  check(header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}"),
        "unknown key");
  check(header("cos\nsystem\n"), "no Python dict");
  check(refusal(npy<double>("<f8", "(1,)", {1e300})), "1e+300");
  check(refusal(npy<int64_t>("<i8", "(2,)", {1, int64_t(1) << 40})), "at 1");
  check(refusal(npy<uint32_t>("<u4", "(1,)", {0xffffffff})), "4294967295");
  check(refusal(bytes_of("PK\3\4 is no array")), "no NumPy array");
}

TEST_CASE("npy and npz: every truncation is refused") {
  const Bytes array = npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6.5f}), archive = zip(arrays());
  for (size_t n = 0; n < array.size(); ++n)
    check_message(refusal(Bytes(array.begin(), array.begin() + long(n))), "a.npy: ", "");
  for (size_t n = 0; n < archive.size(); ++n)
    check_message(zip_refusal(Bytes(archive.begin(), archive.begin() + long(n))), "a.npz", "");
}

TEST_CASE("npz: stored and deflated members, their checksums tested") {
  const Bytes archive = zip(arrays());
  const auto list = parse_npz(archive, "a.npz");
  CHECK(list.size() == 4);
  CHECK(list.at("X").shape() == Shape{12, 4, 2});
  CHECK(list.at("X").read()[9] == doctest::Approx(1.1));
  CHECK(list.at("y").read<int32_t>()[5] == 2);
  // One bit of y's numbers (stored): only the checksum can tell.
  Bytes wrong = archive;
  const Bytes numbers = npy<int64_t>("<i8", "(3,)", {0, 1, 2});
  const auto at = std::search(wrong.begin(), wrong.end(), numbers.end() - 24, numbers.end());
  REQUIRE(at != wrong.end());
  *at ^= 1;
  check_message(zip_refusal(wrong), "a.npz:y.npy: ", "checksum");
}

TEST_CASE("npz: bombs, doubles, strangers and empty archives are refused") {
  std::vector<ZipMember> members = arrays();
  members.push_back(members[0]);
  check_message(zip_refusal(zip(members)), "a.npz:X.npy: ", "two members");
  check_message(zip_refusal(zip({})), "a.npz: ", "empty archive");
  check_message(zip_refusal(zip({{"run.sh", {1, 2}}})), "a.npz:run.sh: ", "no array");
  check_message(zip_refusal(zip({{"X\n.npy", members[0].bytes}})), "a.npz:X?.npy: ",
                "control characters");

  // A member said to hold 2 GB in a few bytes; and the same bytes in many entries.
  Bytes bomb = zip({{"X.npy", Bytes(1000, 0), true}});
  const size_t directory = bomb.size() - 22 - 46 - 5;
  Bytes huge = bomb;
  huge[directory + 24 + 3] = 0x7f;
  check_message(zip_refusal(huge), "a.npz:X.npy: ", "packed bytes for");
  Bytes longer = bomb;
  longer[directory + 24] = 0xe7;  // 999: one byte fewer than there are
  check_message(zip_refusal(longer), "a.npz:X.npy: ", "damaged deflate");
  Bytes shared(bomb.begin(), bomb.begin() + long(directory));
  const Bytes entry(bomb.begin() + long(directory), bomb.end() - 22);
  for (int i = 0; i < 50; ++i) shared = shared + entry;
  Bytes end(bomb.end() - 22, bomb.end());
  end[8] = end[10] = 50;
  const size_t size = 50 * entry.size();
  end[12] = uint8_t(size), end[13] = uint8_t(size >> 8);
  CHECK(zip_refusal(shared + end).starts_with("a.npz:X.npy: found "));
}

TEST_CASE("arrays: X, y, lengths and groups of a user's own") {
  Folder folder;
  const fs::path path = folder.put("mine.npz", zip(arrays()));
  const Data data = load_data({.source = "npz", .path = path, .validation_fraction = 0.25});
  CHECK(data.spec.shape == Shape{4, 2});
  CHECK(data.spec.classes == 3);
  CHECK(data.test.size() == 2);
  CHECK(data.validation.size() == 3);  // a quarter of the 10 that are left, rounded up
  CHECK(data.train.size() == 7);
  for (int64_t i = 0; i < data.train.size(); ++i) {
    const int32_t sample = data.train.index[size_t(i)];
    CHECK(data.train.length(i) == 1 + sample % 4);
    CHECK(data.train.group_of(i) == sample / 4);
  }
  const Data by_group = load_data({.source = "npz", .path = path, .by_group = true});
  CHECK(by_group.train.size() == 4);
  CHECK(by_group.validation.size() == 4);
  CHECK(by_group.test.size() == 4);
  CHECK(load_data({.source = "npz", .path = path, .steps = 2, .fit = Fit::chop}).spec.shape ==
        Shape{2, 2});
}

TEST_CASE("arrays: fixed test samples, of the training samples' form") {
  std::vector<ZipMember> members = arrays();
  for (ZipMember member : arrays()) {
    member.name = member.name.substr(0, member.name.size() - 4) + "_test.npy";
    members.push_back(member);
  }
  Folder folder;
  const Data data = load_data({.source = "npz", .path = folder.put("d.npz", zip(members))});
  CHECK(data.test.size() == 12);
  CHECK(data.train.size() == 11);
  check_message(
      dataset_refusal(with(members, "X_test.npy", npy("<f4", "(12, 8)", std::vector<float>(96)))),
      ":X_test.npy: found ", "f32 [8], wanted f32 [4,2]");
}

TEST_CASE("arrays: what does not fit is named with its member and place") {
  const std::vector<ZipMember> good = arrays();
  CHECK(dataset_refusal(good) == "no error");
  std::vector<float> x(96);
  x[17] = std::numeric_limits<float>::quiet_NaN();
  check_message(dataset_refusal(with(good, "X.npy", npy("<f4", "(12, 4, 2)", x))), ":X.npy: found ",
                "nan in sample 2 at 1");
  check_message(dataset_refusal(with(good, "X.npy", npy("<f4", "(96,)", std::vector<float>(96)))),
                ":X.npy: found ", "[96]");
  check_message(
      dataset_refusal(with(good, "y.npy", npy<float>("<f4", "(12,)", std::vector<float>(12)))),
      ":y.npy: found ", "f32, wanted whole numbers");
  check_message(
      dataset_refusal(with(good, "y.npy", npy<int64_t>("<i8", "(11,)", std::vector<int64_t>(11)))),
      ":y.npy: found ", "[11]");
  std::vector<int64_t> y{0, 1, 3, 0, 1, 3, 0, 1, 3, 0, 1, 3};
  check_message(dataset_refusal(with(good, "y.npy", npy("<i8", "(12,)", y))), ":y.npy: found ",
                "no sample of class 2");
  y[4] = -1;
  check_message(dataset_refusal(with(good, "y.npy", npy("<i8", "(12,)", y))), ":y.npy: found ",
                "-1 at 4");
  std::vector<int32_t> lengths(12, 4);
  lengths[3] = 5;
  check_message(dataset_refusal(with(good, "lengths.npy", npy("<i4", "(12,)", lengths))),
                ":lengths.npy: found ", "5 at 3, wanted 1 to 4");
  std::vector<ZipMember> strange = good;
  strange[2].name = "lenghts.npy";
  check_message(dataset_refusal(strange), ": found ", "did you mean 'lengths'");
  check_message(dataset_refusal({good[1]}), ": found ", "no array X");
}
