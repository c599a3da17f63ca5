// How much faster sparse layers are than dense ones: the cases of a group take turns, several
// rounds, so that a change of the machine's speed meets all of them. Printed are the medians of the
// times and of the rounds' ratios, and behind them the least times and their ratio, which other
// work on the machine disturbs less. Ratios are to the faster of the two dense kernels: s0, that of
// the default path, and oneDNN's.
//   sparse_table [PART OF A GROUP'S NAME]...
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "sparse_cases.h"

namespace {

constexpr int kRounds = 21;
constexpr double kSeconds = 0.002;  // of a case's turn, at least one run

// Processor time: what other programs take of the core does not count.
double seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + long(v.size() / 2), v.end());
  return v[v.size() / 2];
}

struct Running {
  std::string variant;
  std::function<void()> step;
  int repeats = 1;
  std::vector<double> times;

  // Microseconds of one run. The first runs of a turn only warm the caches.
  void turn() {
    step();
    const double start = seconds();
    for (int i = 0; i < repeats; ++i) step();
    times.push_back((seconds() - start) / repeats * 1e6);
  }
  void calibrate() {
    turn();
    turn();
    repeats = std::max(1, int(kSeconds * 1e6 / times.back()));
    times.clear();
  }
};

// By its median, of s0 and (where it is measured) onednn.
const Running& best_dense(const std::vector<Running>& cases) {
  const Running* best = &cases[0];
  for (const Running& one : cases)
    if (one.variant == "onednn" && median(one.times) < median(best->times)) best = &one;
  return *best;
}

double least(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }

void print_group(const std::string& group, std::vector<Running>& cases) {
  for (int round = 0; round < kRounds; ++round)
    for (Running& one : cases) one.turn();
  std::printf("%s\n", group.c_str());
  const std::vector<double>& dense = best_dense(cases).times;
  for (const Running& one : cases) {
    std::vector<double> ratios;
    for (size_t i = 0; i < dense.size(); ++i) ratios.push_back(dense[i] / one.times[i]);
    std::printf("  %-6s %10.2f us  x %-6.2f  least %10.2f us  x %.2f\n", one.variant.c_str(),
                median(one.times), median(ratios), least(one.times),
                least(dense) / least(one.times));
  }
  std::fflush(stdout);
}

bool wanted(const std::string& group, int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (group.find(argv[i]) != std::string::npos) return true;
  return argc == 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<SparseCase> all = sparse_cases();
  for (size_t i = 0; i < all.size();) {
    const std::string& group = all[i].group;
    std::vector<Running> cases;
    for (; i < all.size() && all[i].group == group; ++i)
      if (wanted(group, argc, argv)) cases.push_back({all[i].variant, all[i].make()});
    for (Running& one : cases) one.calibrate();
    if (!cases.empty()) print_group(group, cases);
  }
}
