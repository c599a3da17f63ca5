// What the studies on downloaded data share.
#pragma once
#include <fmt/core.h>

#include <cstdlib>
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

// The most memory this process ever had, in MB of 10^6 bytes (VmHWM of proc(5)).
inline double peak_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (double kibibytes = 0; word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024e-6;
  return 0;
}

}  // namespace study
