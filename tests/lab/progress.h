// A bar on standard error for runs of more than two seconds, when standard error is a terminal.
//
// Threads     calls must not overlap.
#ifndef MNEME_TESTS_LAB_PROGRESS_H_
#define MNEME_TESTS_LAB_PROGRESS_H_

#include <cstdint>

#include "core/base/clock.h"

namespace mneme::lab {

class ProgressBar {
 public:
  ProgressBar(const Clock& clock, bool terminal);
  ~ProgressBar();  // wipes the bar
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Show(double share);

 private:
  const Clock& clock_;
  const bool terminal_;
  const int64_t start_;
  int64_t last_ = 0;  // 0: nothing drawn yet
};

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_PROGRESS_H_
