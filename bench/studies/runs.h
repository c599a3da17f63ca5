// Studies of many runs: options by name, each run a process of its own, and a file that keeps what
// was found, so that a study that was interrupted goes on where it was.
#pragma once
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "study.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace study {

using Options = std::map<std::string, std::string>;

// `--name value` pairs in place of these defaults; throws Error for a name that has none.
inline Options options(int argc, char** argv, Options defaults) {
  std::vector<std::string> known;
  for (const auto& [name, value] : defaults) known.push_back("--" + name);
  for (int i = 1; i < argc; i += 2) {
    const std::string given = argv[i];
    const bool is_one = given.starts_with("--") && defaults.contains(given.substr(2));
    sparlet::require(is_one, "{}: no such option{}", given, sparlet::did_you_mean(given, known));
    sparlet::require(i + 1 < argc, "{}: wants a value", given);
    defaults[given.substr(2)] = argv[i + 1];
  }
  return defaults;
}

inline double number(const Options& options, const std::string& name) {
  const std::string& word = options.at(name);
  size_t end = 0;
  double value = 0;
  try {
    value = std::stod(word, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  sparlet::require(end == word.size() && end > 0, "--{}: '{}' is no number", name, word);
  return value;
}

inline std::vector<std::string> words(const std::string& list, char between = ',') {
  std::vector<std::string> out;
  std::istringstream stream(list);
  for (std::string word; std::getline(stream, word, between);) out.push_back(word);
  return out;
}

// What a run is known by in the results, and how it is started: every option but `names`, which say
// which runs there are and where they lie.
struct Command {
  std::string settings, line;
};
inline Command command_of(const Options& options, const std::string& self,
                          const std::vector<std::string>& names) {
  Command c{.line = fmt::format("'{}'", self)};
  for (const auto& [name, value] : options) {
    if (name == "one" || value.empty() || std::ranges::find(names, name) != names.end()) continue;
    if (name != "results" && name != "path") c.settings += fmt::format("{}={} ", name, value);
    c.line += fmt::format(" --{} '{}'", name, value);
  }
  return c;
}

// Numbers by what they are of: one line a run, "key<tab>numbers".
class Runs {
 public:
  explicit Runs(std::filesystem::path file) : file_(std::move(file)) {
    std::ifstream stream(file_);
    for (std::string line; std::getline(stream, line);) {
      const size_t tab = line.find('\t');
      if (tab != std::string::npos) found_[line.substr(0, tab)] = numbers(line.substr(tab));
    }
  }

  // What is in the file for `key`, else what `command` prints, which is then added to the file.
  // Throws Error where it fails or prints another count of numbers.
  std::vector<double> run(const std::string& key, const std::string& command, size_t count) {
    if (found_.contains(key)) return found_[key];
    FILE* pipe = popen(command.c_str(), "r");
    sparlet::require(pipe != nullptr, "{}: cannot start it", command);
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text.push_back(char(c));
    const int status = pclose(pipe);
    const std::vector<double> out = numbers(text);
    sparlet::require(status == 0 && out.size() == count, "the run {} failed", key);
    std::ofstream(file_, std::ios::app) << key << '\t' << text;
    return found_[key] = out;
  }

 private:
  static std::vector<double> numbers(const std::string& text) {
    std::istringstream stream(text);
    std::vector<double> out;
    for (double value; stream >> value;) out.push_back(value);
    return out;
  }

  std::filesystem::path file_;
  std::map<std::string, std::vector<double>> found_;
};

// main() of a study on the data that lies in `folder_name` of $SPARLET_DATA or in the folder
// --path: `one` where --one says which run this process is, else `all` with that folder in
// o["path"]; without it the reason is printed, and that is all.
inline int on_data(int argc, char** argv, const Options& defaults, const char* folder_name,
                   void (*one)(const Options&), void (*all)(const Options&, const char* self)) {
  const std::string name = std::filesystem::path(argv[0]).filename();
  try {
    Options o = options(argc, argv, defaults);
    if (!o.at("one").empty()) {
      one(o);
      return 0;
    }
    const auto found = folder(o.at("path"), folder_name, "--path");
    if (!found) return 0;
    o["path"] = found->string();
    all(o, argv[0]);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, error.what());
    return 1;
  }
}

// Of one sample each; the deviation is that of the sample (n - 1), 0 of a single one.
struct Spread {
  double mean = 0, deviation = 0;
};
inline Spread spread(const std::vector<double>& values) {
  Spread s;
  for (const double value : values) s.mean += value / double(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - s.mean) * (value - s.mean);
  if (values.size() > 1) s.deviation = std::sqrt(squares / double(values.size() - 1));
  return s;
}

}  // namespace study
