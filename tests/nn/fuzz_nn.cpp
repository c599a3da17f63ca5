// Fuzzes what reads nets and their weights: .npz weights by node name, checkpoints of training, the
// text form. See ../data/fuzz.h.
#include "../data/fuzz.h"
#include "nn/checkpoint.h"
#include "nn/models.h"
#include "toy.h"

using namespace sparlet;
using namespace data_files;

namespace {

// As after one epoch of Adam, with a best net beside the last.
Checkpoint checkpoint(const Data& data, const Net& net) {
  Checkpoint kept;
  Rng rng(2);
  TrainOptions options{.epochs = 1, .batch = 8};
  options.checkpoint = [&](const Checkpoint& c) { kept = c; };
  train(net, data, Adam{}, options, rng);
  return kept;
}

// The prefix of nn/checkpoint.h over whatever body.
void seal_checkpoint(Bytes& file) {
  if (file.size() < 20) return;
  const uint64_t bytes = file.size();
  std::memcpy(file.data() + 8, &bytes, 8);
  const auto crc = uint32_t(crc32_z(0, file.data() + 20, file.size() - 20));
  std::memcpy(file.data() + 16, &crc, 4);
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

int main(int count_of, char** arguments) {
  const Data data = test::line_data(32, 8);
  Rng rng(1);
  const Net net = test::two_layers(data.spec, rng, 3);
  const std::vector<ZipMember> weights{
      {"f1.w.npy", npy<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6}), true},
      {"f1.b.npy", npy<float>("<f4", "(3,)", {1, 2, 3})},
      {"f2.w.npy", npy<double>("<f8", "(2, 3)", {1, 2, 3, 4, 5, 6})},
      {"f2.b.npy", npy<float>("<f4", "(2,)", {1, 2}), true}};
  const auto read_weights = [&](const Folder& f) { nn::load_weights(net, f.path / "w.npz"); };
  const auto read_checkpoint = [](const Folder& f) { load_checkpoint(f.path / "run.sptc"); };
  const auto read_text = [](const Folder& f) {
    from_text(text_of(f.path / "a.net"), (f.path / "a.net").string());
  };
  const std::vector<uint8_t> bytes = to_bytes(checkpoint(data, net));
  std::vector<fuzz::Target> targets{
      {zip(weights), "w.npz", read_weights},
      {Bytes(bytes.begin(), bytes.end()), "run.sptc", read_checkpoint, seal_checkpoint}};
  for (const char* name : {"ds-cnn", "resnet8", "mobilenetv2-0.1"})
    targets.push_back(
        {bytes_of(to_text(nn::by_name(name, {.shape = {1, 49, 10}, .classes = 3}, rng).graph)),
         "a.net", read_text});
  for (int i = 0; i < 40; ++i) {  // damage behind the archive's checksums
    if (i % 8 == 0) targets.push_back(targets[1]);
    std::vector<ZipMember> members = weights;
    Bytes& member = members[size_t(rng.below(int64_t(members.size())))].bytes;
    member = fuzz::damaged(member, 160, rng);
    targets.push_back({zip(members), "w.npz", read_weights});
  }
  return fuzz::run(count_of, arguments, "fuzz_nn", targets, {}, ": ");
}
