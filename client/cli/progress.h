// A line on the terminal that shows how far long work is, how fast it goes and how long it will
// take. Draws nothing where there is no terminal.
//
// Threads: Update is called by one thread at a time.
#ifndef MNEME_CLIENT_CLI_PROGRESS_H_
#define MNEME_CLIENT_CLI_PROGRESS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "client/cli/terminal.h"

namespace mneme::cli {

// The line itself: wiped and drawn anew, at most ten times a second.
class LiveLine {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Now = std::function<TimePoint()>;

  explicit LiveLine(std::ostream& err, Columns columns, Now now = std::chrono::steady_clock::now)
      : err_(err), columns_(std::move(columns)), now_(std::move(now)) {}
  // Wipes the line.
  ~LiveLine();
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  TimePoint now() const { return now_(); }
  // Is it worth making a new text now? `last`: there will be no other.
  bool IsDue(bool last) const;
  // What fits into the line: one column stays free, as a full line wraps. Only where IsDue.
  size_t room() const;
  // Cut to what fits.
  void Draw(const std::string& text);

 private:
  std::ostream& err_;
  const Columns columns_;
  const Now now_;
  std::optional<TimePoint> drawn_;
};

class ProgressBar {
 public:
  using TimePoint = LiveLine::TimePoint;
  using Now = LiveLine::Now;

  // `total` 0: not known; then there is no bar and no time left. `unit`: what is counted, "rows".
  ProgressBar(std::ostream& err, Columns columns, std::string label, std::string unit,
              uint64_t total, Now now = std::chrono::steady_clock::now);

  // `done` so far. Draws at most ten times a second, and when it is complete.
  void Update(uint64_t done);

 private:
  // With a bar of what is left of `width`.
  std::string Line(uint64_t done, TimePoint now, size_t width) const;

  LiveLine line_;
  const std::string label_;
  const std::string unit_;
  const uint64_t total_;
  const TimePoint start_;
};

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_PROGRESS_H_
