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

namespace mneme::cli {

class ProgressBar {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Now = std::function<TimePoint()>;

  // `total` 0: not known; then there is no bar and no time left. `unit`: what is counted, "rows".
  ProgressBar(std::ostream& err, bool draw, std::string label, std::string unit, uint64_t total,
              Now now = std::chrono::steady_clock::now);
  // Wipes the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `done` so far. Draws at most ten times a second, and when it is complete.
  void Update(uint64_t done);

 private:
  std::string Line(uint64_t done, TimePoint now) const;

  std::ostream& err_;
  const bool draw_;
  const std::string label_;
  const std::string unit_;
  const uint64_t total_;
  const Now now_;
  const TimePoint start_;
  std::optional<TimePoint> drawn_;
};

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_PROGRESS_H_
