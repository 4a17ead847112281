#include "tests/lab/progress.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace mneme::lab {
namespace {

constexpr int64_t kSilentNanos = 2'000'000'000;
constexpr int64_t kRedrawNanos = 100'000'000;
constexpr int kCells = 30;

}  // namespace

ProgressBar::ProgressBar(const Clock& clock, bool terminal)
    : clock_(clock), terminal_(terminal), start_(clock.NowMonotonicNanos()) {}

ProgressBar::~ProgressBar() {
  if (last_ != 0) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::Show(double share) {
  const int64_t now = clock_.NowMonotonicNanos();
  if (!terminal_ || now - start_ < kSilentNanos || now - last_ < kRedrawNanos) return;
  last_ = now;
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * kCells);
  const double spent = static_cast<double>(now - start_) * 1e-9;
  const std::string bar = std::string(full, '#') + std::string(kCells - full, '.');
  if (share > 0) {
    std::fprintf(stderr, "\r[%s] %3.0f %%  %.0f s left\x1b[K", bar.c_str(), share * 100,
                 spent / share - spent);
  } else {
    std::fprintf(stderr, "\r[%s]\x1b[K", bar.c_str());
  }
  std::fflush(stderr);
}

}  // namespace mneme::lab
