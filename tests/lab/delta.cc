// The delta rules: what is left of an association after so many further writes, and what erasing
// its key does to the others.
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "core/models/model.h"
#include "core/theory/snr.h"
#include "tests/lab/experiments.h"
#include "tests/lab/live_memory.h"
#include "tests/lab/random_items.h"

namespace mneme::lab {
namespace {

// The points of --ages, as typed and as numbers.
std::vector<std::pair<std::string, size_t>> AgesOf(const Parameters& parameters) {
  const std::vector<std::string> labels = absl::StrSplit(parameters.Text("ages"), ',');
  const MatrixD ages = parameters.Numbers("ages");
  std::vector<std::pair<std::string, size_t>> out;
  for (size_t i = 0; i < ages.cols(); ++i) {
    out.emplace_back(labels[i], static_cast<size_t>(ages.at(0, i)));
  }
  return out;
}

absl::Status CheckDelta(const Parameters& parameters) {
  const MatrixD ages = parameters.Numbers("ages");
  bool fine = ages.rows() == 1;
  for (const double age : ages.flat()) {
    fine = fine && age >= 0 && age == std::floor(age) && age < parameters.Real("writes");
  }
  if (fine) return absl::OkStatus();
  return BadFlag("ages", parameters.Text("ages"), "one row of whole numbers below --writes");
}

models::MemorySpec SpecOf(const Parameters& parameters) {
  const double gamma = parameters.Real("gamma");
  return {.key_dim = parameters.Count("d_k"),
          .response_dim = parameters.Count("d_v"),
          .model = models::LinearSpec{
              .rule = gamma == 1 ? models::LinearRule::kDelta : models::LinearRule::kGatedDelta,
              .beta = parameters.Real("beta"),
              .gamma = gamma}};
}

// What was seen of one age: y = g v + e for an item of each memory.
struct Recalls {
  std::vector<double> gain;   // g
  std::vector<double> noise;  // |e|^2
  std::vector<double> along;  // <e, v>

  double MeanGain() const {
    return std::accumulate(gain.begin(), gain.end(), 0.0) / static_cast<double>(gain.size());
  }
  // E|y - gain v|^2 / gain^2, gain the mean. Nothing cancels: it is as small as it is. A ratio with
  // the square of a mean of few is biased: the jackknife takes out the bias of first order.
  double InverseSnr() const {
    const double n = static_cast<double>(gain.size());
    const double whole = InverseSnrWithout(gain.size());
    if (gain.size() < 2) return whole;
    double without_one = 0;
    for (size_t i = 0; i < gain.size(); ++i) without_one += InverseSnrWithout(i) / n;
    return n * whole - (n - 1) * without_one;
  }

 private:
  double InverseSnrWithout(size_t left_out) const {
    double sum = 0, power = 0, count = 0;
    for (size_t i = 0; i < gain.size(); ++i) {
      if (i == left_out) continue;
      sum += gain[i];
      ++count;
    }
    const double mean = sum / count;
    for (size_t i = 0; i < gain.size(); ++i) {
      if (i == left_out) continue;
      const double off = gain[i] - mean;
      power += noise[i] + 2 * off * along[i] + off * off;
    }
    return power / count / (mean * mean);
  }
};

// W is linear in the responses. With the responses of the ages that are looked at negated in a
// second memory, half the difference of two recalls holds these few responses only: so g is seen
// without the noise of all the others, which would otherwise hide the gain of old items.
Matrix WithNegated(const Matrix& responses, std::span<const size_t> rows) {
  Matrix out = responses.Clone();
  for (const size_t row : rows) {
    for (float& x : out.row(row)) x = -x;
  }
  return out;
}

void AddRecall(std::span<const float> y, std::span<const float> negated, std::span<const float> v,
               Recalls& recalls) {
  double gain = 0, square = 0;
  for (size_t j = 0; j < y.size(); ++j) {
    gain += (static_cast<double>(y[j]) - negated[j]) / 2 * v[j];
    square += static_cast<double>(v[j]) * v[j];
  }
  gain /= square;
  double noise = 0, along = 0;
  for (size_t j = 0; j < y.size(); ++j) {
    const double e = y[j] - gain * v[j];
    noise += e * e;
    along += e * v[j];
  }
  recalls.gain.push_back(gain);
  recalls.noise.push_back(noise);
  recalls.along.push_back(along);
}

absl::StatusOr<LiveMemory> Written(const models::MemorySpec& spec, const Items& items) {
  MNEME_ASSIGN_OR_RETURN(LiveMemory memory, LiveMemory::Open(spec));
  MNEME_RETURN_IF_ERROR(memory.Store(items, 0, items.size()));
  return memory;
}

// Looks at the items of these rows.
absl::Status Look(LiveMemory& memory, LiveMemory& negated, const Items& items,
                  std::span<const size_t> rows, std::vector<Recalls>& recalls) {
  for (size_t a = 0; a < rows.size(); ++a) {
    const MatrixView cue = items.keys.view().slice(rows[a], 1);
    MNEME_ASSIGN_OR_RETURN(const Matrix y, memory.Recall(cue));
    MNEME_ASSIGN_OR_RETURN(const Matrix z, negated.Recall(cue));
    AddRecall(y.row(0), z.row(0), items.responses.row(rows[a]), recalls[a]);
  }
  return absl::OkStatus();
}

// Erases the key of one item: the power of its recall before, and the mean square by which the
// recalls of the others change.
struct Erasure {
  double power = 0;
  double perturbation = 0;
};
absl::StatusOr<Erasure> Erase(LiveMemory& memory, const Items& items, size_t erased) {
  MNEME_ASSIGN_OR_RETURN(const Matrix before, memory.Recall(items.keys));
  MNEME_RETURN_IF_ERROR(memory.Forget(items, erased, 1));
  MNEME_ASSIGN_OR_RETURN(const Matrix after, memory.Recall(items.keys));
  Erasure out;
  for (size_t i = 0; i < items.size(); ++i) {
    for (size_t j = 0; j < before.cols(); ++j) {
      const double y = before.at(i, j), change = after.at(i, j) - y;
      (i == erased ? out.power : out.perturbation) += i == erased ? y * y : change * change;
    }
  }
  if (items.size() > 1) out.perturbation /= static_cast<double>(items.size() - 1);
  return out;
}

absl::Status RunDelta(const Parameters& parameters, Run& run) {
  const auto ages = AgesOf(parameters);
  const models::MemorySpec spec = SpecOf(parameters);
  const size_t writes = parameters.Count("writes"), memories = parameters.Count("memories");
  Random keys_random = run.Stream(1), values_random = run.Stream(2), erase_random = run.Stream(3);
  std::vector<size_t> looked_at;
  for (const auto& [label, age] : ages) looked_at.push_back(writes - 1 - age);
  std::vector<Recalls> recalls(ages.size());
  double power = 0, perturbation = 0;
  for (size_t m = 0; m < memories; ++m) {
    const Items items(RandomItems(writes, spec.key_dim, 0, true, keys_random),
                      RandomItems(writes, spec.response_dim, 0, true, values_random));
    const Items other(items.keys.Clone(), WithNegated(items.responses, looked_at));
    MNEME_ASSIGN_OR_RETURN(LiveMemory memory, Written(spec, items));
    MNEME_ASSIGN_OR_RETURN(LiveMemory negated, Written(spec, other));
    MNEME_RETURN_IF_ERROR(Look(memory, negated, items, looked_at, recalls));
    MNEME_ASSIGN_OR_RETURN(const Erasure one, Erase(memory, items, erase_random.Below(writes)));
    power += one.power / static_cast<double>(memories);
    perturbation += one.perturbation / static_cast<double>(memories);
    run.Progress(static_cast<double>(m + 1) / static_cast<double>(memories));
  }
  for (size_t a = 0; a < ages.size(); ++a) {
    run.Measure(absl::StrCat("gain@", ages[a].first), recalls[a].MeanGain());
    run.Measure(absl::StrCat("inverse_snr@", ages[a].first), recalls[a].InverseSnr());
  }
  run.Measure("erased_power", power);
  if (writes > 1) run.Measure("erase_perturbation", perturbation);
  return absl::OkStatus();
}

void PredictDelta(const Parameters& parameters, const Quantities& measured, Quantities& predicted) {
  const theory::DeltaRule rule = {.d_k = parameters.Real("d_k"),
                                  .beta = parameters.Real("beta"),
                                  .gamma = parameters.Real("gamma")};
  for (const auto& [label, age] : AgesOf(parameters)) {
    const theory::Recall recall =
        theory::DeltaRecall(rule, parameters.Real("writes"), static_cast<double>(age));
    predicted.Set(absl::StrCat("gain@", label), recall.gain);
    predicted.Set(absl::StrCat("inverse_snr@", label), recall.inverse_snr());
  }
  // |W k|^2 / d_k, of the recall that was erased.
  const auto power = measured.Find("erased_power");
  if (power.has_value() && parameters.Real("writes") > 1) {
    predicted.Set("erase_perturbation", *power / parameters.Real("d_k"));
  }
}

}  // namespace

Experiment DeltaExperiment() {
  return {
      .name = "delta",
      .summary = "delta and gated delta rule: gain and noise by age, and what erasing a key does",
      .source = "delta rule and gated delta rule: recursion of gain and power by age",
      .slope_of = "erase_perturbation",
      .flags = {KeyDimension(kSquaresMax),
                ResponseDimension(),
                {.name = "writes",
                 .kind = FlagKind::kInteger,
                 .default_value = "640",
                 .unit = "items",
                 .help = "associations written, one after the other",
                 .least = 1,
                 .most = 1e6},
                {.name = "beta",
                 .default_value = "1",
                 .help = "strength of a write",
                 .least = 0,
                 .most = 1,
                 .above_least = true},
                {.name = "gamma",
                 .default_value = "1",
                 .help = "what is kept of W at each write; below 1: the gated rule",
                 .least = 0,
                 .most = 1,
                 .above_least = true},
                {.name = "ages",
                 .kind = FlagKind::kNumbers,
                 .default_value = "0,16,32,64",
                 .unit = "writes",
                 .help = "how many writes before the last an association was written"},
                {.name = "memories",
                 .kind = FlagKind::kInteger,
                 .default_value = "8",
                 .help = "independent memories that the means of one seed are taken over",
                 .least = 1,
                 .most = 1e5}},
      .check = CheckDelta,
      .run = RunDelta,
      .predict = PredictDelta,
  };
}

}  // namespace mneme::lab
