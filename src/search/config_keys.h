// The table of all keys of a config file: type, range, default, meaning, and where the value goes.
#pragma once
#include <functional>

#include "search/config_reading.h"

namespace sparlet::search {

// What a file says, before objectives and parameters are put together.
struct Draft {
  struct ParameterDraft {
    Parameter parameter;
    bool has_type = false, has_bounds = false, has_values = false, has_value = false;
    bool has_step = false, has_when = false;
  };
  struct ObjectiveDraft {
    std::string name, where;
    std::string known = {};
    std::function<void(Objective&)> edit = [](Objective&) {};
  };
  Config config;
  bool has_builder = false;
  std::string space_where;
  std::vector<std::string> objectives;  // of the key `objectives`; empty: not given
  std::string objectives_where;
  std::vector<ParameterDraft> parameters;
  std::vector<ObjectiveDraft> boxes;  // of [[objective]]
};

// All settings, each checked by its key; then the parameters, checked one by one.
Draft draft_of(const SettingsFile&);
void finish_parameters(Draft&);

struct Key {
  KeyInfo info;  // path: "search.r1"; "parameter.bounds" for a key of [[parameter]]
  // `index`: of the element, in an array of tables.
  void (*set)(Draft&, const Reading&, size_t index) = nullptr;
};
const std::vector<Key>& keys();
std::vector<Key> train_keys();  // a part of them: [train]

// Another word for a key: SpArSeMod's.
struct Alias {
  std::string_view word, path;
};
const std::vector<Alias>& aliases();

}  // namespace sparlet::search
