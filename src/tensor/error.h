// The one exception type of the library, and the two ways to throw it.
#pragma once
#include <fmt/core.h>

#include <stdexcept>

namespace sparlet {

// The caller's mistake or a bad file. The message is one line and first names the node, the option
// or file:line; then what was found, what was wanted, and the nearest valid thing.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void require(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) fail(format, std::forward<Args>(args)...);
}

}  // namespace sparlet
