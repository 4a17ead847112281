// Whether the share of the best item says how often it is the right one, and the beta with which it
// does.
//
// The best item does not depend on beta, and its share grows with it: so there is one beta at which
// the mean share is the share of cues that are answered rightly, and halving finds it.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/analysis/basin_items.h"
#include "core/analysis/parts.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/dynamics/checks.h"

namespace mneme::analysis {
namespace {

constexpr size_t kBins = 10;
constexpr double kFactorMax = 1024;  // of the betas tried, over and under the one in force
constexpr int kHalvings = 14;
// A mean share that is off by less needs no advice.
constexpr double kGapAdvised = 0.02;

struct Asked {
  std::vector<StudiedItem> items;
  Matrix cues;  // their keys, with noise
};

// Of the best item of each cue.
struct Shares {
  std::vector<double> share;
  std::vector<uint8_t> right;

  double mean() const {
    double sum = 0;
    for (const double s : share) sum += s;
    return sum / static_cast<double>(share.size());
  }
  double accuracy() const {
    return static_cast<double>(std::ranges::count(right, 1)) / static_cast<double>(right.size());
  }
};

absl::Status CheckKernel(const models::MemorySpec& memory) {
  const auto& dense = std::get<models::DenseSpec>(memory.model);
  if (dense.separation == models::Separation::kExp && dense.state != models::StateSpace::kBinary) {
    return absl::OkStatus();
  }
  return Unimplemented("only the shares of exp with continuous states depend on a beta",
                       {.reason = "NOT_FOR_KERNEL",
                        .given = absl::StrCat("separation ", AbslView(Name(dense.separation)),
                                              ", state ", AbslView(Name(dense.state))),
                        .expected = "separation EXP, state FREE or SPHERE",
                        .next_step = "Ask for it of a memory of such a kernel."});
}

Asked Draw(const ConfidenceSpec& spec, std::vector<StudiedItem> items, size_t dim) {
  Asked asked{.items = std::move(items)};
  asked.cues = Matrix(asked.items.size(), dim);
  Random random(spec.seed, 5);
  for (size_t i = 0; i < asked.items.size(); ++i) {
    for (size_t j = 0; j < dim; ++j) {
      asked.cues.at(i, j) =
          asked.items[i].key[j] + static_cast<float>(spec.cue_noise * random.Gaussian());
    }
  }
  return asked;
}

class Asker {
 public:
  Asker(const Asked& asked, Subject& subject, Host& host)
      : asked_(asked), subject_(subject), host_(host) {}

  absl::StatusOr<Shares> Ask(double beta, double progress) {
    Shares out;
    for (size_t first = 0; first < asked_.items.size(); first += kCuesAtOnce) {
      MNEME_RETURN_IF_ERROR(host_.Progress("asking", progress));
      const size_t count = std::min(kCuesAtOnce, asked_.items.size() - first);
      MNEME_ASSIGN_OR_RETURN(const models::Answer answer,
                             subject_.Ask({.cues = asked_.cues.view().slice(first, count)},
                                          {.top = 1, .beta = beta, .steps_max = 1}));
      for (size_t i = 0; i < count; ++i) {
        const models::CueAnswer& cue = answer.cues[i];
        MNEME_RETURN_IF_ERROR(cue.error);
        out.share.push_back(cue.top.empty() ? 0 : cue.top[0].share);
        out.right.push_back(!cue.top.empty() && cue.top[0].row == asked_.items[first + i].row);
      }
    }
    return out;
  }

 private:
  const Asked& asked_;
  Subject& subject_;
  Host& host_;
};

size_t BinOf(double share) {
  return std::min(kBins - 1, static_cast<size_t>(share * static_cast<double>(kBins)));
}

// Columns from, to, count, confidence, accuracy; NaN where no cue is.
Table Reliability(const Shares& shares) {
  std::vector<double> count(kBins), confidence(kBins), right(kBins);
  for (size_t i = 0; i < shares.share.size(); ++i) {
    const size_t bin = BinOf(shares.share[i]);
    ++count[bin];
    confidence[bin] += shares.share[i];
    right[bin] += shares.right[i];
  }
  Table table{
      .name = "reliability",
      .columns = {{"from", {}}, {"to", {}}, {"count", {}}, {"confidence", {}}, {"accuracy", {}}}};
  for (size_t bin = 0; bin < kBins; ++bin) {
    table.columns[0].values.push_back(static_cast<double>(bin) / kBins);
    table.columns[1].values.push_back(static_cast<double>(bin + 1) / kBins);
    table.columns[2].values.push_back(count[bin]);
    table.columns[3].values.push_back(confidence[bin] / count[bin]);
    table.columns[4].values.push_back(right[bin] / count[bin]);
  }
  return table;
}

// Mean over the cues of how far the accuracy of their bin is from its mean share.
double CalibrationError(const Shares& shares) {
  const Table table = Reliability(shares);
  double sum = 0;
  for (size_t bin = 0; bin < kBins; ++bin) {
    const double count = table.columns[2].values[bin];
    if (count == 0) continue;
    sum += count * std::abs(table.columns[3].values[bin] - table.columns[4].values[bin]);
  }
  return sum / static_cast<double>(shares.share.size());
}

// NaN where no beta within kFactorMax has a mean share of the accuracy.
absl::StatusOr<double> CalibratedBeta(Asker& asker, double beta, double accuracy, Host& host) {
  double low = std::log(beta / kFactorMax), high = std::log(beta * kFactorMax);
  for (const double end : {low, high}) {
    MNEME_ASSIGN_OR_RETURN(const Shares shares, asker.Ask(std::exp(end), 0.1));
    if (end == low ? shares.mean() >= accuracy : shares.mean() <= accuracy) {
      return std::numeric_limits<double>::quiet_NaN();
    }
  }
  for (int step = 0; step < kHalvings; ++step) {
    const double middle = (low + high) / 2, share = 0.2 + 0.7 * step / kHalvings;
    MNEME_ASSIGN_OR_RETURN(const Shares shares, asker.Ask(std::exp(middle), share));
    (shares.mean() < accuracy ? low : high) = middle;
    const double values[] = {std::exp(middle), shares.mean(), accuracy};
    host.Observe(static_cast<uint64_t>(step), values);
  }
  return std::exp((low + high) / 2);
}

void Advise(double gap, double beta, Report& report) {
  if (std::abs(gap) < kGapAdvised) return;
  const std::string next_step =
      std::isfinite(beta)
          ? absl::StrFormat("Ask with beta %g where shares are to be trusted.", beta)
          : "Ask with more noise: these cues are all answered alike.";
  report.advice.push_back(
      {.reason = gap > 0 ? "OVERCONFIDENT" : "UNDERCONFIDENT",
       .message = absl::StrFormat("shares promise %.2f %s than cues with this noise are answered "
                                  "rightly",
                                  std::abs(gap), gap > 0 ? "more" : "less"),
       .next_step = next_step});
}

}  // namespace

absl::Status CheckSpec(const ConfidenceSpec& spec, const models::MemorySpec& memory) {
  MNEME_RETURN_IF_ERROR(CheckDense("confidence", memory));
  MNEME_RETURN_IF_ERROR(CheckKernel(memory));
  MNEME_RETURN_IF_ERROR(CheckBeta(spec.beta));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("items", static_cast<double>(spec.items), 1,
                                             static_cast<double>(kBasinItemsMax)));
  return dynamics::CheckRange("cue_noise", spec.cue_noise, 1e-30, 1e18);
}

absl::StatusOr<Report> Run(const ConfidenceSpec& spec, Subject& subject, Host& host) {
  MNEME_RETURN_IF_ERROR(CheckItems(subject, 2));
  const size_t dim = subject.spec().key_dim;
  MNEME_RETURN_IF_ERROR(
      subject.Reserve(2 * std::min<uint64_t>(spec.items, subject.items()) * dim * sizeof(float)));
  MNEME_ASSIGN_OR_RETURN(std::vector<StudiedItem> items,
                         DrawItems(subject, spec.items, spec.seed, host));
  const Asked asked = Draw(spec, std::move(items), dim);
  Asker asker(asked, subject, host);
  const double beta = spec.beta.value_or(subject.beta());
  MNEME_ASSIGN_OR_RETURN(const Shares now, asker.Ask(beta, 0));
  MNEME_ASSIGN_OR_RETURN(const double calibrated,
                         CalibratedBeta(asker, beta, now.accuracy(), host));
  Report report{.summary = absl::StrFormat("%d of %d items, asked for by their keys with Gaussian "
                                           "noise of %g",
                                           asked.items.size(), subject.items(), spec.cue_noise)};
  report.Add("accuracy", now.accuracy(), "share of cues whose best item is theirs");
  report.Add("confidence", now.mean(), "mean share of the best item");
  report.Add("calibration_error", CalibrationError(now), "mean distance of the two, in ten bins");
  report.Add("beta", beta, "in force");
  report.Add("beta_calibrated", calibrated, "with which shares are as large as the accuracy");
  if (std::isfinite(calibrated)) {
    MNEME_ASSIGN_OR_RETURN(const Shares then, asker.Ask(calibrated, 0.95));
    report.Add("calibration_error_calibrated", CalibrationError(then), "with that beta");
  }
  if (std::get<models::DenseSpec>(subject.spec().model).similarity == models::Similarity::kL2) {
    report.Add("beta_theory", 1 / (spec.cue_noise * spec.cue_noise),
               "1 / noise², with which shares are posterior probabilities");
  }
  report.tables.push_back(Reliability(now));
  Advise(now.mean() - now.accuracy(), calibrated, report);
  return report;
}

}  // namespace mneme::analysis
