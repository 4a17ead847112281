#include "core/analysis/analysis.h"

#include <array>
#include <cmath>
#include <iterator>

#include "core/analysis/parts.h"
#include "core/base/status.h"

namespace mneme::analysis {
namespace {

// Of each member of AnalysisSpec, in its order.
struct Row {
  std::string_view name;
  std::array<std::string_view, 4> observables;  // empty: there are fewer
};

constexpr Row kRows[] = {{"basins", {"kept_share", "margin_mean"}},
                         {"recall", {"energy", "share_max", "n_eff"}},
                         {"capacity", {"seed", "low", "high"}},
                         {"sedam", {"a", "q", "f", "w"}},
                         {"oscillators", {"z", "energy"}},
                         {"energy-graph", {"energy"}},
                         {"confidence", {"beta", "confidence", "accuracy"}}};
static_assert(std::size(kRows) == std::variant_size_v<AnalysisSpec>);

}  // namespace

std::string_view NameOf(const AnalysisSpec& spec) { return kRows[spec.index()].name; }

std::vector<std::string> ObservablesOf(const AnalysisSpec& spec) {
  std::vector<std::string> out;
  for (const std::string_view name : kRows[spec.index()].observables) {
    if (!name.empty()) out.emplace_back(name);
  }
  return out;
}

absl::Status Check(const AnalysisSpec& spec, const models::MemorySpec& memory) {
  return std::visit([&](const auto& one) { return CheckSpec(one, memory); }, spec);
}

absl::StatusOr<Report> Analyze(const AnalysisSpec& spec, Subject& subject, Host& host) {
  MNEME_RETURN_IF_ERROR(Check(spec, subject.spec()));
  absl::StatusOr<Report> report =
      std::visit([&](const auto& one) { return Run(one, subject, host); }, spec);
  if (report.ok()) report->analysis = std::string(NameOf(spec));
  return report;
}

absl::Status CheckBeta(const std::optional<double>& beta) {
  if (!beta || (std::isfinite(*beta) && *beta > 0)) return absl::OkStatus();
  return InvalidArgument(absl::StrFormat("beta is %g, expected a positive number", *beta),
                         {.reason = "RANGE",
                          .given = absl::StrFormat("beta=%g", *beta),
                          .expected = "a positive finite number",
                          .next_step = "Leave it out for the memory's own."});
}

absl::Status CheckDense(std::string_view analysis, const models::MemorySpec& memory) {
  if (std::holds_alternative<models::DenseSpec>(memory.model)) return absl::OkStatus();
  return Unimplemented(
      absl::StrFormat("analysis '%s' looks at how stored keys attract a cue; only dense memories "
                      "have that",
                      AbslView(analysis)),
      {.reason = "NOT_FOR_MODEL",
       .given = "a memory of another model",
       .expected = "a dense memory",
       .next_step = "Ask for it of a dense memory; what a linear one holds is told by Forecast."});
}

absl::Status CheckItems(const Subject& subject, uint64_t least) {
  if (subject.items() >= least) return absl::OkStatus();
  return FailedPrecondition(
      absl::StrFormat("the memory holds %d items, too few to study", subject.items()),
      {.reason = "NO_ITEMS",
       .given = absl::StrCat(subject.items(), " items"),
       .expected = absl::StrCat("at least ", least),
       .next_step = "Store items first."});
}

}  // namespace mneme::analysis
