// The functions that each analysis gives, a file each, and the refusals that they share.
//
// Threads: plain functions.
#ifndef MNEME_CORE_ANALYSIS_PARTS_H_
#define MNEME_CORE_ANALYSIS_PARTS_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "core/analysis/analysis.h"

namespace mneme::analysis {

// ---- basins.cc
absl::Status CheckSpec(const BasinsSpec& spec, const models::MemorySpec& memory);
absl::StatusOr<Report> Run(const BasinsSpec& spec, Subject& subject, Host& host);
// ---- recall.cc
absl::Status CheckSpec(const RecallSpec& spec, const models::MemorySpec& memory);
absl::StatusOr<Report> Run(const RecallSpec& spec, Subject& subject, Host& host);
// ---- capacity.cc
absl::Status CheckSpec(const CapacitySpec& spec, const models::MemorySpec& memory);
absl::StatusOr<Report> Run(const CapacitySpec& spec, Subject& subject, Host& host);
// ---- sedam.cc
absl::Status CheckSpec(const SedamSpec& spec, const models::MemorySpec& memory);
absl::StatusOr<Report> Run(const SedamSpec& spec, Subject& subject, Host& host);
// ---- oscillators.cc
absl::Status CheckSpec(const OscillatorsSpec& spec, const models::MemorySpec& memory);
absl::StatusOr<Report> Run(const OscillatorsSpec& spec, Subject& subject, Host& host);

// ---- energy_graph.cc
absl::Status CheckSpec(const EnergyGraphSpec& spec, const models::MemorySpec& memory);
absl::StatusOr<Report> Run(const EnergyGraphSpec& spec, Subject& subject, Host& host);

// ---- confidence.cc
absl::Status CheckSpec(const ConfidenceSpec& spec, const models::MemorySpec& memory);
absl::StatusOr<Report> Run(const ConfidenceSpec& spec, Subject& subject, Host& host);

// InvalidArgument (RANGE) of a beta that is not positive and finite.
absl::Status CheckBeta(const std::optional<double>& beta);
// Unimplemented (NOT_FOR_MODEL): only dense memories have what `analysis` looks at.
absl::Status CheckDense(std::string_view analysis, const models::MemorySpec& memory);
// FailedPrecondition (NO_ITEMS) where there are fewer than `least`.
absl::Status CheckItems(const Subject& subject, uint64_t least);

// Numbers that a simulation passes through between two looks at whether it goes on: tens of
// milliseconds of work.
inline constexpr size_t kNumbersPerLook = size_t{1} << 24;

// Steps between two looks: at most `steps_max`, fewer where each is long.
inline size_t StepsPerLook(size_t numbers_per_step, size_t steps_max) {
  return std::clamp<size_t>(kNumbersPerLook / std::max<size_t>(1, numbers_per_step), 1, steps_max);
}

// Gives a host every `stride`th sample, so that there are at most kSamplesPerRun.
class Observer {
 public:
  Observer(Host& host, size_t steps)
      : host_(host), stride_((steps + kSamplesPerRun - 1) / kSamplesPerRun) {}
  void Note(uint64_t step, std::span<const double> values) {
    if (step % stride_ == 0) host_.Observe(step, values);
  }

 private:
  Host& host_;
  const size_t stride_;
};

}  // namespace mneme::analysis

#endif  // MNEME_CORE_ANALYSIS_PARTS_H_
