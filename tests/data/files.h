// Hand-made files of all loaders, and what their tests share.
#pragma once
#include <doctest/doctest.h>

#include <functional>

#include "data/dataset.h"
#include "idx_files.h"
#include "tensor/error.h"

namespace data_files {
using namespace idx_files;

inline std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const sparlet::Error& error) {
    return error.what();
  }
  return "no error";
}

// The message is one line in the house form: begins with `place`, holds "wanted" and `found`.
inline void check_message(const std::string& message, const std::string& place,
                          const std::string& found) {
  CAPTURE(message);
  CAPTURE(found);
  CHECK(message.starts_with(place));
  CHECK(message.find("found ") != std::string::npos);
  CHECK(message.find(found) != std::string::npos);
  CHECK(message.find("wanted") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

}  // namespace data_files
