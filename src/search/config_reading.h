// One setting of a config file, read as what its key wants.
#pragma once
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "search/config.h"

namespace sparlet::search {

// Every getter throws Error naming the place and the key.
class Reading {
 public:
  explicit Reading(const Setting& setting) : setting_(setting) {}

  int64_t whole(int64_t low, int64_t high) const;
  double number(double low, double high) const;
  bool boolean() const;
  std::string string() const;
  std::string one_of(std::initializer_list<std::string_view> words) const;
  std::string one_of(std::span<const std::string_view> words) const;
  std::vector<TomlValue> list() const;
  const Setting& setting() const { return setting_; }
  [[noreturn]] void wrong(const std::string& wanted) const;

 private:
  const Setting& setting_;
};

}  // namespace sparlet::search
