#include "client/cli/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

constexpr std::chrono::milliseconds kDrawEvery(100);
constexpr size_t kBarWidthMax = 24;
constexpr size_t kBarWidthMin = 6;  // a shorter one says nothing
constexpr char kWipe[] = "\r\x1b[K";

}  // namespace

LiveLine::~LiveLine() {
  if (drawn_) err_ << kWipe << std::flush;
}

bool LiveLine::IsDue(bool last) const {
  return columns_ && (last || !drawn_ || now_() - *drawn_ >= kDrawEvery);
}

size_t LiveLine::room() const { return std::max<size_t>(columns_(), 2) - 1; }

void LiveLine::Draw(const std::string& text) {
  drawn_ = now_();
  err_ << kWipe << Cut(text, room()) << std::flush;
}

ProgressBar::ProgressBar(std::ostream& err, Columns columns, std::string label, std::string unit,
                         uint64_t total, Now now)
    : line_(err, std::move(columns), std::move(now)),
      label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(line_.now()) {}

void ProgressBar::Update(uint64_t done) {
  if (line_.IsDue(/*last=*/done == total_)) line_.Draw(Line(done, line_.now(), line_.room()));
}

std::string ProgressBar::Line(uint64_t done, TimePoint now, size_t width) const {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const std::string speed = absl::StrCat(" ", unit_, ", ", FormatRate(rate), "/s");
  if (total_ == 0) return absl::StrCat(label_, " ", FormatCount(done), speed);
  done = std::min(done, total_);
  std::string figures = absl::StrCat(absl::StrFormat("%3d%% ", done * 100 / total_),
                                     FormatCount(done), "/", FormatCount(total_), speed);
  if (rate > 0) {
    const auto left = static_cast<int64_t>(static_cast<double>(total_ - done) / rate + 0.5);
    absl::StrAppend(&figures, ", ", FormatTimeLeft(std::chrono::seconds(left)), " left");
  }
  const size_t taken = Width(label_) + Width(figures) + 2;
  const size_t bar = std::min(width - std::min(width, taken), kBarWidthMax);
  if (bar < kBarWidthMin) return absl::StrCat(label_, " ", figures);
  const double share = static_cast<double>(done) / static_cast<double>(total_);
  return absl::StrCat(label_, " ", FormatBar(share, bar), " ", figures);
}

}  // namespace mneme::cli
