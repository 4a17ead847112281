#include "client/cli/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr std::chrono::milliseconds kDrawEvery(100);
constexpr uint64_t kBarWidth = 24;
constexpr char kWipe[] = "\r\x1b[K";

std::string Bar(uint64_t done, uint64_t total) {
  const uint64_t full = done * kBarWidth / total;
  std::string bar;
  for (uint64_t i = 0; i < kBarWidth; ++i) bar += i < full ? "█" : "░";
  return bar;
}

}  // namespace

ProgressBar::ProgressBar(std::ostream& err, bool draw, std::string label, std::string unit,
                         uint64_t total, Now now)
    : err_(err),
      draw_(draw),
      label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      now_(std::move(now)),
      start_(now_()) {}

ProgressBar::~ProgressBar() {
  if (drawn_) err_ << kWipe << std::flush;
}

void ProgressBar::Update(uint64_t done) {
  if (!draw_) return;
  const TimePoint now = now_();
  if (drawn_ && now - *drawn_ < kDrawEvery && done != total_) return;
  drawn_ = now;
  err_ << kWipe << Line(done, now) << std::flush;
}

std::string ProgressBar::Line(uint64_t done, TimePoint now) const {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line = absl::StrCat(label_, " ");
  if (total_ > 0) {
    done = std::min(done, total_);
    absl::StrAppend(&line, Bar(done, total_), absl::StrFormat(" %3d%% ", done * 100 / total_),
                    FormatCount(done), "/", FormatCount(total_));
  } else {
    absl::StrAppend(&line, FormatCount(done));
  }
  absl::StrAppend(&line, " ", unit_, ", ", FormatRate(rate), "/s");
  if (total_ > 0 && rate > 0) {
    const auto left = static_cast<int64_t>(static_cast<double>(total_ - done) / rate + 0.5);
    absl::StrAppend(&line, ", ", FormatTimeLeft(std::chrono::seconds(left)), " left");
  }
  return line;
}

}  // namespace mneme::cli
