// Contenders that take turns: a round is one measurement of each, so that a machine that slows down
// slows them all, and what is compared is the quotient within a round.
//
// Not thread-safe.
#ifndef MNEME_TESTS_BENCH_RACE_H_
#define MNEME_TESTS_BENCH_RACE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/bench/case.h"
#include "tests/bench/stats.h"

namespace mneme::bench {

class Race {
 public:
  using Run = std::function<absl::StatusOr<double>()>;

  // `run` takes one measurement, in `unit`.
  void Add(std::string who, std::string unit, Run run);
  // One round that is not counted, then `rounds`. The contenders run forwards and backwards in
  // turn.
  absl::Status Go(int rounds);
  // All contenders' measurements.
  void Tell(Report& report) const;
  // One value a round; of a contender that was added.
  const std::vector<double>& Of(const std::string& who) const;
  // a / b, round by round.
  Spread Quotient(const std::string& a, const std::string& b) const;
  bool Has(const std::string& who) const;

 private:
  struct Contender {
    std::string who;
    std::string unit;
    Run run;
    std::vector<double> values;
  };
  std::vector<Contender> contenders_;
};

// Element by element.
Spread Quotient(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_RACE_H_
