#include "tests/bench/race.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::bench {

void Race::Add(std::string who, std::string unit, Run run) {
  contenders_.push_back(
      {.who = std::move(who), .unit = std::move(unit), .run = std::move(run), .values = {}});
}

absl::Status Race::Go(int rounds) {
  for (int round = -1; round < rounds; ++round) {
    for (size_t i = 0; i < contenders_.size(); ++i) {
      Contender& contender = contenders_[round % 2 == 0 ? i : contenders_.size() - 1 - i];
      const auto value = contender.run();
      if (!value.ok()) return Annotate(value.status(), contender.who);
      if (round >= 0) contender.values.push_back(*value);
    }
  }
  return absl::OkStatus();
}

void Race::Tell(Report& report) const {
  for (const Contender& contender : contenders_) {
    report.measures.push_back(
        {.who = contender.who, .unit = contender.unit, .value = SpreadOf(contender.values)});
  }
}

bool Race::Has(const std::string& who) const {
  return std::ranges::any_of(contenders_, [&](const Contender& c) { return c.who == who; });
}

const std::vector<double>& Race::Of(const std::string& who) const {
  const auto found = std::ranges::find(contenders_, who, &Contender::who);
  MNEME_CHECK(found != contenders_.end());
  return found->values;
}

Spread Race::Quotient(const std::string& a, const std::string& b) const {
  return bench::Quotient(Of(a), Of(b));
}

Spread Quotient(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) out.push_back(a[i] / b[i]);
  return SpreadOf(out);
}

}  // namespace mneme::bench
