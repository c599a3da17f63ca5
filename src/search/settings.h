// A TOML file as a flat list of settings, each with the place it came from; the only user of
// toml++.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sparlet::search {

// A TOML value. An empty table is `monostate`.
struct TomlValue {
  std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<TomlValue>> value;

  template <class T>
  const T* get() const {
    return std::get_if<T>(&value);
  }
  bool operator==(const TomlValue&) const = default;
};
std::string to_string(const TomlValue&);  // as TOML writes it
std::string kind_of(const TomlValue&);    // "an integer", "a list", ...

// Tables become dots: [search] r1 = 3 is "search.r1"; the second [[parameter]]'s name is
// "parameter[1].name".
struct Setting {
  std::string path;
  TomlValue value;
  std::string where;  // "file.toml:12" or "--set search.r1"
};

struct SettingsFile {
  std::vector<Setting> settings;
  std::string text;  // with the overrides in place: what a run folder keeps
};

// Overrides are "a.b=value" (a value that is no TOML is a string) and name an element of an array
// of tables by its name: "parameter.filters_1.bounds=[1,4]". Throws Error with file:line, or naming
// the override.
SettingsFile read_settings(std::string_view text, std::string_view where,
                           const std::vector<std::string>& overrides = {});

}  // namespace sparlet::search
