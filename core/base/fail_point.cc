#include "core/base/fail_point.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"

namespace mneme {
namespace {

enum class Action { kNone, kKill, kError, kPause };

struct Plan {
  Action action = Action::kNone;
  uint64_t nth = 1;
  uint32_t pause_ms = 0;
};

struct Point {
  Plan plan;
  std::atomic<uint64_t> passes{0};
};
std::array<Point, kFailPoints.size()> points;

absl::Status BadPoint(std::string_view given, std::string_view expected) {
  return InvalidArgument(
      absl::StrFormat("fail point '%s' is not usable", AbslView(given)),
      {.reason = "FAIL_POINT",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Write NAME=kill@N, NAME=error@N or NAME=pause-MS; names are in "
                    "core/base/fail_point.h."});
}

bool ParseAction(std::string_view text, Plan& plan) {
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    if (!absl::SimpleAtoi(AbslView(text.substr(at + 1)), &plan.nth) || plan.nth == 0) return false;
    text = text.substr(0, at);
  }
  constexpr std::string_view kPause = "pause-";
  if (text == "kill") {
    plan.action = Action::kKill;
  } else if (text == "error") {
    plan.action = Action::kError;
  } else if (text.starts_with(kPause)) {
    plan.action = Action::kPause;
    return absl::SimpleAtoi(AbslView(text.substr(kPause.size())), &plan.pause_ms);
  } else {
    return false;
  }
  return true;
}

}  // namespace

absl::Status ArmFailPoints(std::string_view text) {
  std::array<Plan, kFailPoints.size()> plans;
  for (const absl::string_view each : absl::StrSplit(AbslView(text), ',', absl::SkipEmpty())) {
    const std::string_view entry = StdView(each);
    const size_t equals = entry.find('=');
    const auto name = std::find(kFailPoints.begin(), kFailPoints.end(), entry.substr(0, equals));
    if (name == kFailPoints.end()) return BadPoint(entry, "one of the names");
    if (equals == std::string_view::npos ||
        !ParseAction(entry.substr(equals + 1), plans[name - kFailPoints.begin()])) {
      return BadPoint(entry, "kill, error or pause-MS, with @N or without");
    }
  }
  bool armed = false;
  for (size_t i = 0; i < plans.size(); ++i) {
    points[i].plan = plans[i];
    points[i].passes.store(0);
    armed = armed || plans[i].action != Action::kNone;
  }
  internal::fail_points_armed.store(armed, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status internal::MeetFailPoint(size_t index) {
  Point& point = points[index];
  const uint64_t pass = point.passes.fetch_add(1) + 1;
  switch (point.plan.action) {
    case Action::kNone:
      break;
    case Action::kKill:
      if (pass == point.plan.nth) raise(SIGKILL);
      break;
    case Action::kError:
      if (pass != point.plan.nth) break;
      return Unavailable(
          absl::StrFormat("fail point '%s' was armed to fail here", AbslView(kFailPoints[index])),
          {.reason = "FAIL_POINT", .next_step = "Start without --debug.fail_points."});
    case Action::kPause:
      if (pass >= point.plan.nth)
        std::this_thread::sleep_for(std::chrono::milliseconds(point.plan.pause_ms));
      break;
  }
  return absl::OkStatus();
}

}  // namespace mneme
