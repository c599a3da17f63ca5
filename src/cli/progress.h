// The line on stderr that tells how a search goes.
#pragma once
#include <string>

#include "search/run.h"

namespace sparlet::cli {

std::string progress_text(const search::Progress&);

// On a terminal one line that is written over; else a line at most every ten seconds, and whenever
// a phase begins or the last trial ends.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  void operator()(const search::Progress&);

 private:
  bool terminal_;
  double last_ = -1e9;
  int last_done_ = -1;
  search::Phase phase_ = search::Phase::sobol;
  size_t width_ = 0;
};

}  // namespace sparlet::cli
