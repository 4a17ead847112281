// The energy of each step of a recall.
//
// A recall of at most t steps tells the energy of the state before its last one, so the trace is
// what recalls of 1, 2, 3, ... steps tell: with the product's own dynamics, whatever they are.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/analysis/parts.h"
#include "core/base/status.h"
#include "core/dynamics/checks.h"

namespace mneme::analysis {
namespace {

std::string_view Name(models::AnswerStatus status) {
  switch (status) {
    case models::AnswerStatus::kUnset:
      return "UNANSWERED";
    case models::AnswerStatus::kConverged:
      return "CONVERGED";
    case models::AnswerStatus::kMaxIterations:
      return "MAX_ITERATIONS";
    case models::AnswerStatus::kNoSupport:
      return "NO_SUPPORT";
    case models::AnswerStatus::kMixture:
      return "MIXTURE";
    case models::AnswerStatus::kEmptyStore:
      return "EMPTY_STORE";
  }
  return "UNANSWERED";
}

// A table with a column of step numbers and one for each cue.
Table TraceTable(std::string name, size_t cues) {
  Table table{.name = std::move(name), .columns = {{"step", {}}}};
  for (size_t i = 0; i < cues; ++i) table.columns.push_back({absl::StrCat("cue_", i), {}});
  return table;
}

class RecallTrace {
 public:
  explicit RecallTrace(size_t cues)
      : energy_(TraceTable("energy", cues)),
        share_(TraceTable("share", cues)),
        n_eff_(TraceTable("n_eff", cues)),
        done_(cues, false),
        last_energy_(cues, std::numeric_limits<double>::quiet_NaN()) {}

  // What recalls of at most `step` steps gave; `may_rest`: their statuses say whether they came to
  // rest. True when all have.
  bool Add(size_t step, const models::Answer& answer, bool may_rest) {
    for (Table* table : {&energy_, &share_, &n_eff_}) {
      table->columns[0].values.push_back(static_cast<double>(step));
    }
    bool all_done = true;
    for (size_t i = 0; i < answer.cues.size(); ++i) {
      AddCue(i, answer.cues[i]);
      const bool rests = answer.cues[i].status != models::AnswerStatus::kMaxIterations;
      if (!answer.cues[i].error.ok() || (may_rest && rests)) done_[i] = true;
      all_done = all_done && done_[i];
    }
    return all_done;
  }

  double energy_rise() const { return energy_rise_; }
  std::vector<Table> Take() {
    return {Thinned(std::move(energy_)), Thinned(std::move(share_)), Thinned(std::move(n_eff_))};
  }

 private:
  void AddCue(size_t i, const models::CueAnswer& cue) {
    // A line ends where its recall does.
    const bool shown = !done_[i] && cue.error.ok();
    const double none = std::numeric_limits<double>::quiet_NaN();
    energy_.columns[i + 1].values.push_back(shown ? cue.energy : none);
    share_.columns[i + 1].values.push_back(shown ? cue.p_max : none);
    n_eff_.columns[i + 1].values.push_back(shown ? cue.n_eff : none);
    if (!shown) return;
    if (cue.energy > last_energy_[i]) {
      energy_rise_ = std::max(energy_rise_, cue.energy - last_energy_[i]);
    }
    last_energy_[i] = cue.energy;
  }

  Table energy_;
  Table share_;
  Table n_eff_;
  std::vector<bool> done_;
  std::vector<double> last_energy_;
  double energy_rise_ = 0;
};

Finding FindingOf(const models::CueAnswer& cue) {
  Finding out{.verdict = cue.error.ok() ? std::string(Name(cue.status)) : "UNANSWERED"};
  if (cue.top.empty()) return out;
  out.id = cue.top[0].id;
  out.share = cue.top[0].share;
  return out;
}

}  // namespace

absl::Status CheckSpec(const RecallSpec& spec, const models::MemorySpec& memory) {
  MNEME_RETURN_IF_ERROR(CheckDense("recall", memory));
  MNEME_RETURN_IF_ERROR(CheckBeta(spec.beta));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("steps_max", static_cast<double>(spec.steps_max), 1,
                                             static_cast<double>(kTraceStepsMax)));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("number of cues",
                                             static_cast<double>(spec.cues.rows()), 1,
                                             static_cast<double>(kTraceCuesMax)));
  MNEME_RETURN_IF_ERROR(
      dynamics::CheckCount("columns of the cues", spec.cues.cols(), memory.key_dim));
  for (const float x : spec.cues.flat()) {
    if (std::isfinite(x)) continue;
    return InvalidArgument("a cue holds a number that is not finite",
                           {.reason = "NOT_FINITE",
                            .given = absl::StrCat(x),
                            .expected = "finite numbers",
                            .next_step = "Send finite cues."});
  }
  return absl::OkStatus();
}

absl::StatusOr<Report> Run(const RecallSpec& spec, Subject& subject, Host& host) {
  MNEME_RETURN_IF_ERROR(CheckItems(subject, 1));
  RecallTrace trace(spec.cues.rows());
  models::Answer answer;
  size_t steps = 0;
  for (bool done = false; !done && steps < spec.steps_max;) {
    MNEME_RETURN_IF_ERROR(host.Progress(
        "recalling", static_cast<double>(steps) / static_cast<double>(spec.steps_max)));
    ++steps;
    MNEME_ASSIGN_OR_RETURN(
        answer, subject.Ask({.cues = spec.cues},
                            {.top = 1, .beta = spec.beta, .steps_max = static_cast<int>(steps)}));
    // One step is asked of a recall as a reading, which never moves on; responses are readings.
    done = trace.Add(steps, answer, steps > 1 || subject.spec().response_dim > 0);
    const double values[] = {answer.cues[0].energy, answer.cues[0].p_max, answer.cues[0].n_eff};
    host.Observe(steps, values);
  }
  Report report{.summary = absl::StrFormat("recalls of %d cues, at most %d steps each",
                                           spec.cues.rows(), spec.steps_max)};
  report.Add("steps", static_cast<double>(steps), "until the last cue came to rest, or the limit");
  report.Add("energy_rise", trace.energy_rise(), "largest rise of an energy from step to step");
  report.Add("beta", spec.beta.value_or(subject.beta()), "in force");
  report.tables = trace.Take();
  for (const models::CueAnswer& cue : answer.cues) report.findings.push_back(FindingOf(cue));
  return report;
}

}  // namespace mneme::analysis
