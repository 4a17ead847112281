// What the main job found, for people and for programs.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_DEMO_REPORT_H_
#define MNEME_CLIENT_DEMO_REPORT_H_

#include <ostream>

#include "client/demo/draw.h"
#include "client/demo/job.h"

namespace mneme::demo {

void PrintText(const Report& report, size_t width, Colors colors, size_t columns,
               std::ostream& out);
void PrintJson(const Report& report, std::ostream& out);

// OK when of the cues whose lower half is masked at least 98 % were recalled right, and of those
// with salt and pepper at least 99 %; else what fell short.
absl::Status Check(const Report& report);

}  // namespace mneme::demo

#endif  // MNEME_CLIENT_DEMO_REPORT_H_
