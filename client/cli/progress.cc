#include "client/cli/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr std::chrono::milliseconds kDrawEvery(100);
constexpr size_t kBarWidth = 24;
constexpr char kWipe[] = "\r\x1b[K";

}  // namespace

LiveLine::~LiveLine() {
  if (drawn_) err_ << kWipe << std::flush;
}

bool LiveLine::IsDue(bool last) const {
  return draw_ && (last || !drawn_ || now_() - *drawn_ >= kDrawEvery);
}

void LiveLine::Draw(const std::string& text) {
  drawn_ = now_();
  err_ << kWipe << text << std::flush;
}

ProgressBar::ProgressBar(std::ostream& err, bool draw, std::string label, std::string unit,
                         uint64_t total, Now now)
    : line_(err, draw, std::move(now)),
      label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(line_.now()) {}

void ProgressBar::Update(uint64_t done) {
  if (line_.IsDue(/*last=*/done == total_)) line_.Draw(Line(done, line_.now()));
}

std::string ProgressBar::Line(uint64_t done, TimePoint now) const {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string line = absl::StrCat(label_, " ");
  if (total_ > 0) {
    done = std::min(done, total_);
    const double share = static_cast<double>(done) / static_cast<double>(total_);
    absl::StrAppend(&line, FormatBar(share, kBarWidth),
                    absl::StrFormat(" %3d%% ", done * 100 / total_), FormatCount(done), "/",
                    FormatCount(total_));
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
