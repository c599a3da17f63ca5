// What the studies on downloaded data share.
#pragma once
#include <fmt/core.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace study {

// The folder `path`, else `name` in $SPARLET_DATA; where there is none, says so (`how` one is
// given) and returns nothing: the study is skipped.
inline std::optional<std::filesystem::path> folder(std::filesystem::path path, const char* name,
                                                   const std::string& how) {
  const char* place = std::getenv("SPARLET_DATA");
  if (path.empty() && place) path = std::filesystem::path(place) / name;
  if (!path.empty() && std::filesystem::is_directory(path)) return path;
  fmt::print("skipped: {}; give the data's folder as {}, or set SPARLET_DATA to where {} is\n",
             path.empty() ? "no data was named" : fmt::format("no folder {}", path.string()), how,
             name);
  return {};
}
// As argument `at`.
inline std::optional<std::filesystem::path> folder(int argc, char** argv, int at,
                                                   const char* name) {
  return folder(argc > at ? argv[at] : "", name, fmt::format("argument {}", at));
}

// Memory of this process in MB of 10^6 bytes: "VmRSS:" what it has, "VmHWM:" the most it had
// (proc(5)).
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
