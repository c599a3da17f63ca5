#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

namespace sparlet::cli {
namespace {

std::string duration(double seconds) {
  const int64_t s = int64_t(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02} min", s / 60, s % 60);
  return fmt::format("{}:{:02} h", s / 3600, s / 60 % 60);
}

}  // namespace

std::string progress_text(const search::Progress& p) {
  std::string text = fmt::format("{}  trial {}/{}", name_of(p.phase), p.done, p.total);
  if (p.infeasible) text += fmt::format(" ({} infeasible)", p.infeasible);
  if (p.paused) text += fmt::format(" ({} paused)", p.paused);
  if (p.front)
    text += fmt::format("  best error {:.2f} %  front {}  hypervolume {:.4f}", p.best_error * 100,
                        p.front, p.hypervolume);
  text += "  " + duration(p.elapsed);
  if (p.eta >= 0) text += ", ETA " + duration(p.eta);
  return text;
}

ProgressLine::ProgressLine() : terminal_(isatty(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() {
  if (terminal_ && width_) fmt::print(stderr, "\n");
}

void ProgressLine::operator()(const search::Progress& p) {
  const std::string text = progress_text(p);
  if (terminal_) {
    fmt::print(stderr, "\r{:<{}}", text, width_);
    std::fflush(stderr);
    width_ = text.size();
    return;
  }
  const bool news = p.done != last_done_ && (p.phase != phase_ || p.done == p.total || last_ < 0);
  if (!news && p.elapsed - last_ < 10) return;
  fmt::print(stderr, "{}\n", text);
  last_ = p.elapsed;
  last_done_ = p.done;
  phase_ = p.phase;
}

}  // namespace sparlet::cli
