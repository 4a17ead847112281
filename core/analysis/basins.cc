// Which stored items have a place of their own.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/analysis/basin_items.h"
#include "core/analysis/blends.h"
#include "core/analysis/parts.h"
#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/models/dense/dense_choices.h"

namespace mneme::analysis {
namespace {

// Of the weight that all other items may have at a stored one, for the advice.
constexpr double kOthersShare = 1e-3;
// Of the nearest distance, a radius that keeps the two apart.
constexpr double kRadiusShare = 0.95;
constexpr double kJudgedShare = 0.7;  // of the work
constexpr size_t kIdsInAdvice = 8;

double MarginOf(const JudgedItem& item) {
  if (item.twin) return 0;
  return item.rivals.empty() ? std::numeric_limits<double>::quiet_NaN()
                             : item.rivals.front().margin;
}

double DistanceOf(const JudgedItem& item) {
  if (item.twin) return 0;
  return item.rivals.empty() ? std::numeric_limits<double>::quiet_NaN()
                             : item.rivals.front().distance;
}

std::vector<double> AllOf(const std::vector<JudgedItem>& items, double (*of)(const JudgedItem&)) {
  std::vector<double> out;
  for (const JudgedItem& item : items) {
    if (std::isfinite(of(item))) out.push_back(of(item));
  }
  return out;
}

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto place = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + static_cast<ptrdiff_t>(place));
  return values[place];
}

size_t CountOf(const std::vector<JudgedItem>& items, Verdict verdict) {
  return static_cast<size_t>(std::ranges::count(items, verdict, &JudgedItem::verdict));
}

// "7, 12 and 3 more".
std::string SomeIds(const std::vector<JudgedItem>& items, Verdict verdict) {
  std::string out;
  size_t count = 0;
  for (const JudgedItem& item : items) {
    if (item.verdict != verdict || ++count > kIdsInAdvice) continue;
    absl::StrAppend(&out, out.empty() ? "" : ", ", item.item.id.ToString());
  }
  if (count > kIdsInAdvice) absl::StrAppend(&out, " and ", count - kIdsInAdvice, " more");
  return out;
}

// The smallest distance to a rival among items that lost their place; 0 without any.
double NearestLost(const std::vector<JudgedItem>& items) {
  double least = std::numeric_limits<double>::infinity();
  for (const JudgedItem& item : items) {
    const bool lost = item.verdict == Verdict::kSwallowed || item.verdict == Verdict::kBlended;
    if (lost && !item.rivals.empty()) least = std::min(least, item.rivals.front().distance);
  }
  return std::isfinite(least) ? least : 0;
}

class BasinReport {
 public:
  BasinReport(Subject& subject, const Recalls& recalls, const std::vector<JudgedItem>& items)
      : subject_(subject),
        kernel_(models::KernelOf(std::get<models::DenseSpec>(subject.spec().model), recalls.beta)),
        steps_max_(recalls.steps_max),
        items_(items) {}

  Report Make(const Blends& blends) {
    report_.summary = absl::StrFormat(
        "%d of %d items, each recalled by its own key at beta %.6g with at most %d steps",
        items_.size(), subject_.items(), kernel_.beta, steps_max_);
    AddFigures(blends);
    const std::vector<double> margins = AllOf(items_, MarginOf);
    const std::vector<double> distances = AllOf(items_, DistanceOf);
    report_.tables.push_back(Histogram("margin", margins));
    report_.tables.push_back(Histogram("distance", distances));
    AddFindings();
    AdviseDuplicates();
    AdviseLost();
    AdviseNegative(margins);
    return std::move(report_);
  }

 private:
  void AddFigures(const Blends& blends) {
    const auto add = [this](const char* name, size_t count, const char* meaning) {
      report_.Add(name, static_cast<double>(count), meaning);
    };
    add("items", subject_.items(), "items in the memory");
    add("studied", items_.size(), "of these, recalled by their own keys");
    add("kept", CountOf(items_, Verdict::kKept), "come back as they are");
    add("duplicates", CountOf(items_, Verdict::kDuplicate), "share their key with another item");
    add("swallowed", CountOf(items_, Verdict::kSwallowed), "come back as another item");
    add("blended", CountOf(items_, Verdict::kBlended), "come back as a mixture");
    add("unsupported", CountOf(items_, Verdict::kUnsupported), "nothing answers at their own key");
    add("unsettled", CountOf(items_, Verdict::kUnsettled), "still move when the steps are over");
    const std::vector<double> margins = AllOf(items_, MarginOf);
    report_.Add("margin_min", Quantile(margins, 0), "least lead over a rival, in exponents");
    report_.Add("margin_median", Quantile(margins, 0.5), "its median");
    const std::vector<double> distances = AllOf(items_, DistanceOf);
    report_.Add("distance_min", Quantile(distances, 0), "least distance to a rival's key");
    report_.Add("distance_median", Quantile(distances, 0.5), "its median");
    report_.Add("beta", kernel_.beta, "in force");
    add("probes", blends.probes, "recalls begun between near items");
    add("probes_at_items", blends.at_items, "rest at a stored item");
    add("probes_between", blends.between, "rest where nothing is stored");
    add("probes_unsupported", blends.unsupported, "find nothing that answers");
    add("probes_unsettled", blends.unsettled, "still move when the steps are over");
    add("spurious_minima", blends.minima, "different places of those that rest elsewhere");
  }

  void AddFindings() {
    for (const JudgedItem& item : items_) {
      if (item.verdict == Verdict::kKept || report_.findings.size() >= kFindingsMax) continue;
      report_.findings.push_back({.id = item.item.id,
                                  .verdict = std::string(Name(item.verdict)),
                                  .other = item.twin ? item.twin : item.taken_by,
                                  .share = item.share,
                                  .margin = MarginOf(item)});
    }
  }

  void AdviseDuplicates() {
    const size_t count = CountOf(items_, Verdict::kDuplicate);
    if (count == 0) return;
    report_.advice.push_back(
        {.reason = "DUPLICATES",
         .message = absl::StrCat(count, " of the items studied have the key of another: ",
                                 SomeIds(items_, Verdict::kDuplicate)),
         .next_step = "Delete all but one of each; a memory cannot tell them apart."});
  }

  void AdviseLost() {
    const size_t swallowed = CountOf(items_, Verdict::kSwallowed);
    const size_t blended = CountOf(items_, Verdict::kBlended);
    if (swallowed + blended == 0) return;
    report_.advice.push_back(
        {.reason = "NOT_KEPT",
         .message = absl::StrCat(swallowed, " items are swallowed by a neighbour, ", blended,
                                 " by a blend: ", SomeIds(items_, Verdict::kSwallowed),
                                 swallowed > 0 && blended > 0 ? "; " : "",
                                 SomeIds(items_, Verdict::kBlended)),
         .next_step = Remedy()});
  }

  // What would keep the items apart that are nearest to each other.
  std::string Remedy() const {
    const double nearest = NearestLost(items_);
    const bool by_distance = kernel_.similarity == models::Similarity::kL2 ||
                             kernel_.similarity == models::Similarity::kCosine;
    if (!(nearest > 0) || !by_distance) {
      return "Raise beta, or the power; under dot, store keys of one length.";
    }
    const double others = std::max(1.0, static_cast<double>(subject_.items()) - 1);
    if (kernel_.separation == models::Separation::kRelu1) {
      return absl::StrFormat("Use a radius of at most %.4g: the nearest of them are %.4g apart.",
                             kRadiusShare * nearest, nearest);
    }
    if (kernel_.separation != models::Separation::kExp) {
      return "Use a higher power, or the separation exp.";
    }
    return absl::StrFormat(
        "Recall with a beta of at least %.4g: the nearest of them are %.4g apart.",
        2 * std::log(others / kOthersShare) / (nearest * nearest), nearest);
  }

  void AdviseNegative(const std::vector<double>& margins) {
    const auto count = std::ranges::count_if(margins, [](double m) { return m < 0; });
    if (count == 0) return;
    report_.advice.push_back(
        {.reason = "LONGER_RIVALS",
         .message = absl::StrCat(count, " items score lower at their own key than another item"),
         .next_step = "Use similarity cosine or l2, or store keys of one length."});
  }

  Subject& subject_;
  const models::DenseKernelSpec kernel_;
  const int steps_max_;
  const std::vector<JudgedItem>& items_;
  Report report_;
};

}  // namespace

absl::Status CheckSpec(const BasinsSpec& spec, const models::MemorySpec& memory) {
  MNEME_RETURN_IF_ERROR(CheckDense("basins", memory));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("items", static_cast<double>(spec.items), 1,
                                             static_cast<double>(kBasinItemsMax)));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("probes", static_cast<double>(spec.probes), 0,
                                             static_cast<double>(kBasinProbesMax)));
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("steps_max", spec.steps_max, 1, kRecallStepsMax));
  return CheckBeta(spec.beta);
}

absl::StatusOr<Report> Run(const BasinsSpec& spec, Subject& subject, Host& host) {
  MNEME_RETURN_IF_ERROR(CheckItems(subject, 1));
  const size_t most = std::min<size_t>(spec.items, subject.items());
  // An item, and the rivals that are kept with it.
  MNEME_RETURN_IF_ERROR(subject.Reserve(5 * most * subject.spec().key_dim * sizeof(float)));
  const Recalls recalls{.beta = spec.beta.value_or(subject.beta()),
                        .asked_beta = spec.beta,
                        .steps_max = spec.steps_max};
  MNEME_ASSIGN_OR_RETURN(const std::vector<StudiedItem> drawn,
                         DrawItems(subject, most, spec.seed, host));
  std::vector<JudgedItem> items;
  Observer observer(host, drawn.size());
  double margin_sum = 0;
  size_t kept = 0;
  while (items.size() < drawn.size()) {
    const size_t first = items.size();
    const size_t count = std::min(kCuesAtOnce, drawn.size() - first);
    MNEME_RETURN_IF_ERROR(host.Progress("recalling", kJudgedShare * static_cast<double>(first) /
                                                         static_cast<double>(drawn.size())));
    MNEME_ASSIGN_OR_RETURN(std::vector<JudgedItem> judged,
                           JudgeItems(subject, recalls, std::span(drawn).subspan(first, count)));
    for (JudgedItem& item : judged) {
      kept += item.verdict == Verdict::kKept;
      margin_sum += std::isfinite(MarginOf(item)) ? MarginOf(item) : 0;
      items.push_back(std::move(item));
      const auto number = static_cast<double>(items.size());
      const double values[] = {static_cast<double>(kept) / number, margin_sum / number};
      observer.Note(items.size() - 1, values);
    }
  }
  Blends blends;
  if (subject.spec().response_dim == 0 && spec.probes > 0) {
    MNEME_ASSIGN_OR_RETURN(blends,
                           FindBlends(subject, recalls, items, spec.probes, spec.seed, host));
  }
  return BasinReport(subject, recalls, items).Make(blends);
}

}  // namespace mneme::analysis
