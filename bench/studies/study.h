// What the studies on downloaded data share.
#pragma once
#include <fmt/core.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>

namespace study {

// The folder given as argument `at`, else `name` in $SPARLET_DATA; where there is none, says so and
// returns nothing: the study is skipped.
inline std::optional<std::filesystem::path> folder(int argc, char** argv, int at,
                                                   const char* name) {
  const char* place = std::getenv("SPARLET_DATA");
  std::filesystem::path path;
  if (argc > at)
    path = argv[at];
  else if (place)
    path = std::filesystem::path(place) / name;
  if (!path.empty() && std::filesystem::is_directory(path)) return path;
  fmt::print(
      "skipped: {}; give the data's folder as argument {}, or set SPARLET_DATA to where {} is\n",
      path.empty() ? "no data was named" : fmt::format("no folder {}", path.string()), at, name);
  return {};
}

// Memory of this process in MB of 10^6 bytes: "VmRSS:" what it has, "VmHWM:" the most it had (proc(5)).
inline double megabytes(std::string_view which) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kibibytes = 0; word == which && status >> kibibytes) return kibibytes * 1024e-6;
  return 0;
}
inline double peak_megabytes() { return megabytes("VmHWM:"); }
// From here on VmHWM is the most since now.
inline void forget_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

// Processor time of this process so far: it does not count what others run meanwhile.
inline double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

}  // namespace study
