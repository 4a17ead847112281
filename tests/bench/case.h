// What a case of the benchmark is, and what it reports. A new case is one file with a function
// `absl::Status RunX(const Context&, Report&)`, and a row in cases.cc.
//
// Threads: plain values.
#ifndef MNEME_TESTS_BENCH_CASE_H_
#define MNEME_TESTS_BENCH_CASE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tests/bench/stats.h"

namespace mneme::bench {

// How and on what to measure.
struct Context {
  bool quick = false;
  int repeats = 5;     // counted rounds, each of all contenders in turn
  std::string mnemed;  // path of the daemon
  std::string peer;    // path of mneme-bench-peer
  std::string self;    // path of mneme-bench, which serves the echo
  std::string data;    // folder of the fetched data sets (tests/tools)
  size_t Size(size_t full, size_t quick_size) const { return quick ? quick_size : full; }
};

struct Measure {
  std::string who;
  std::string unit;
  Spread value;
};

// What a ratio is to be.
struct Goal {
  enum class Kind { kAtLeast, kAtMost };
  Kind kind = Kind::kAtLeast;
  double bound = 0;
  bool Met(double value) const { return kind == Kind::kAtLeast ? value >= bound : value <= bound; }
};
inline Goal AtLeast(double bound) { return {Goal::Kind::kAtLeast, bound}; }
inline Goal AtMost(double bound) { return {Goal::Kind::kAtMost, bound}; }

// One of the figures that the case is about: a quotient, or a time or share with a bound.
struct Verdict {
  std::string what;
  std::string unit;  // empty: a ratio
  Spread value;
  std::optional<Goal> goal;  // absent: told for completeness
};

// A line of a picture.
struct Curve {
  std::string who;
  std::vector<double> x;
  std::vector<double> y;
};
struct Picture {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Curve> curves;
};

struct Report {
  std::vector<Measure> measures;
  std::vector<Verdict> verdicts;
  std::vector<std::string> skipped;  // "Faiss: not installed (libfaiss-dev)"
  std::vector<std::string> notes;
  std::optional<Picture> picture;
};

struct Case {
  std::string_view name;
  std::string_view what;  // a sentence
  std::string_view goal;  // in words
  absl::Status (*run)(const Context&, Report&);
  // Where its goals are missed: what profiles show, and what would close the gap.
  std::string_view findings = "";
};

// All cases, floors first.
std::span<const Case> Cases();

absl::Status RunFloors(const Context& context, Report& report);
absl::Status RunExactMillion(const Context& context, Report& report);
absl::Status RunExactMillionInFlight(const Context& context, Report& report);
absl::Status RunExactImages(const Context& context, Report& report);
absl::Status RunExactWords(const Context& context, Report& report);
absl::Status RunLatency(const Context& context, Report& report);
absl::Status RunDurableStores(const Context& context, Report& report);
absl::Status RunBatchStores(const Context& context, Report& report);
absl::Status RunGroupCommit(const Context& context, Report& report);
absl::Status RunRestart(const Context& context, Report& report);
absl::Status RunInserts(const Context& context, Report& report);
absl::Status RunBytes(const Context& context, Report& report);
absl::Status RunBinaryScan(const Context& context, Report& report);
absl::Status RunRecallSpeed(const Context& context, Report& report);
absl::Status RunRecall(const Context& context, Report& report);
absl::Status RunLinear(const Context& context, Report& report);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_CASE_H_
