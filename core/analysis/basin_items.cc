#include "core/analysis/basin_items.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/analysis/parts.h"
#include "core/base/random.h"
#include "core/base/status.h"

namespace mneme::analysis {
namespace {

// Neighbours that are looked at for duplicates and rivals, beside the item itself.
constexpr size_t kNeighbours = 4;
// Items of a recall that are named.
constexpr size_t kTop = 8;
// Effective number of items from which an answer is a blend, where no keys can be compared.
constexpr double kBlendFrom = 1.5;
constexpr size_t kRowsPerLook = 4'096;

double SquaredLength(std::span<const float> key) {
  double sum = 0;
  for (const float x : key) sum += static_cast<double>(x) * x;
  return sum;
}

// The similarity of a key with itself.
double OwnScore(const models::MemorySpec& spec, std::span<const float> key) {
  switch (std::get<models::DenseSpec>(spec.model).similarity) {
    case models::Similarity::kDot:
      return SquaredLength(key);
    case models::Similarity::kCosine:
      return 1;
    case models::Similarity::kL2:
    case models::Similarity::kL1:
      return 0;
  }
  return 0;
}

Matrix KeysOf(std::span<const StudiedItem> items, size_t dim) {
  Matrix out(items.size(), dim);
  for (size_t i = 0; i < items.size(); ++i) {
    std::copy(items[i].key.begin(), items[i].key.end(), out.row(i).begin());
  }
  return out;
}

// Judges one item after another of a block that was asked for together.
class Judge {
 public:
  Judge(Subject& subject, const Recalls& recalls)
      : subject_(subject),
        recalls_(recalls),
        directions_(ComparesDirections(subject.spec())),
        reads_keys_(subject.spec().response_dim == 0) {}

  absl::StatusOr<JudgedItem> Look(const StudiedItem& item, const models::CueAnswer& list,
                                  const models::CueAnswer& recall,
                                  std::span<const float> recalled) {
    JudgedItem out{.item = item};
    MNEME_RETURN_IF_ERROR(FindRivals(list, out));
    for (const models::ScoredItem& part : recall.top) {
      if (part.row == item.row) out.share = part.share;
    }
    MNEME_ASSIGN_OR_RETURN(out.verdict, Decide(recall, recalled, out));
    return out;
  }

 private:
  // Duplicates and rivals out of the most similar items.
  absl::Status FindRivals(const models::CueAnswer& list, JudgedItem& out) {
    const std::vector<float>& key = out.item.key;
    double own = OwnScore(subject_.spec(), key);
    for (const models::ScoredItem& other : list.top) {
      if (other.row == out.item.row) own = other.score;
    }
    for (const models::ScoredItem& other : list.top) {
      if (other.row == out.item.row) continue;
      absl::StatusOr<std::vector<float>> its_key = subject_.KeyOf(other.row);
      if (absl::IsNotFound(its_key.status())) continue;
      MNEME_RETURN_IF_ERROR(its_key.status());
      const double distance = KeyDistance(key, *its_key, directions_);
      const double length = directions_ ? 1 : std::sqrt(SquaredLength(key));
      if (distance <= kDuplicateDistance * length) {
        if (!out.twin) out.twin = other.id;
        continue;
      }
      out.rivals.push_back({.row = other.row,
                            .id = other.id,
                            .margin = recalls_.beta * (own - other.score),
                            .distance = distance,
                            .key = *std::move(its_key)});
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Verdict> Decide(const models::CueAnswer& recall, std::span<const float> recalled,
                                 JudgedItem& out) {
    if (!recall.error.ok() || recall.status == models::AnswerStatus::kNoSupport) {
      return Verdict::kUnsupported;
    }
    if (out.twin) return Verdict::kDuplicate;
    if (!reads_keys_) return DecideByShares(recall, out);
    const double reach = kAtItem * (out.rivals.empty() ? std::numeric_limits<double>::infinity()
                                                       : out.rivals.front().distance);
    if (KeyDistance(out.item.key, recalled, directions_) <= reach) return Verdict::kKept;
    if (recall.status == models::AnswerStatus::kMaxIterations) return Verdict::kUnsettled;
    if (recall.top.empty()) return Verdict::kBlended;
    out.taken_by = TakenBy(recall, out.item.row);
    const absl::StatusOr<std::vector<float>> best = subject_.KeyOf(recall.top[0].row);
    if (absl::IsNotFound(best.status())) return Verdict::kBlended;
    MNEME_RETURN_IF_ERROR(best.status());
    const bool at_best = KeyDistance(*best, recalled, directions_) <= reach;
    return at_best ? Verdict::kSwallowed : Verdict::kBlended;
  }

  // Where the answer is a response, keys cannot be compared with it.
  static Verdict DecideByShares(const models::CueAnswer& recall, JudgedItem& out) {
    const bool first = !recall.top.empty() && recall.top[0].row == out.item.row;
    if (recall.n_eff >= kBlendFrom) {
      out.taken_by = TakenBy(recall, out.item.row);
      return Verdict::kBlended;
    }
    if (first) return Verdict::kKept;
    out.taken_by = TakenBy(recall, out.item.row);
    return Verdict::kSwallowed;
  }

  static std::optional<ItemId> TakenBy(const models::CueAnswer& recall, uint64_t own_row) {
    for (const models::ScoredItem& part : recall.top) {
      if (part.row != own_row) return part.id;
    }
    return std::nullopt;
  }

  Subject& subject_;
  const Recalls recalls_;
  const bool directions_;
  const bool reads_keys_;
};

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kKept:
      return "KEPT";
    case Verdict::kDuplicate:
      return "DUPLICATE";
    case Verdict::kSwallowed:
      return "SWALLOWED";
    case Verdict::kBlended:
      return "BLENDED";
    case Verdict::kUnsupported:
      return "UNSUPPORTED";
    case Verdict::kUnsettled:
      return "UNSETTLED";
  }
  return "UNKNOWN";
}

bool ComparesDirections(const models::MemorySpec& spec) {
  const auto& dense = std::get<models::DenseSpec>(spec.model);
  return dense.similarity == models::Similarity::kCosine ||
         dense.state == models::StateSpace::kSphere;
}

double KeyDistance(std::span<const float> a, std::span<const float> b, bool directions) {
  double scale_a = 1, scale_b = 1;
  if (directions) {
    const double length_a = std::sqrt(SquaredLength(a)), length_b = std::sqrt(SquaredLength(b));
    scale_a = length_a > 0 ? 1 / length_a : 0;
    scale_b = length_b > 0 ? 1 / length_b : 0;
  }
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = scale_a * a[i] - scale_b * b[i];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

absl::StatusOr<std::vector<StudiedItem>> DrawItems(Subject& subject, size_t most, uint64_t seed,
                                                   Host& host) {
  Random random(seed, 1);
  std::vector<StudiedItem> items;
  uint64_t seen = 0;
  const auto draw = [&](uint64_t row, const ItemId& id,
                        std::span<const float> key) -> absl::Status {
    if (seen % kRowsPerLook == 0) MNEME_RETURN_IF_ERROR(host.Progress("reading", 0));
    ++seen;
    const uint64_t place = items.size() < most ? items.size() : random.Below(seen);
    if (place >= most) return absl::OkStatus();
    if (place == items.size()) items.emplace_back();
    items[place] = {.row = row, .id = id, .key = {key.begin(), key.end()}};
    return absl::OkStatus();
  };
  MNEME_RETURN_IF_ERROR(subject.VisitItems(draw));
  std::ranges::sort(items, {}, &StudiedItem::row);
  return items;
}

absl::StatusOr<std::vector<JudgedItem>> JudgeItems(Subject& subject, const Recalls& recalls,
                                                   std::span<const StudiedItem> items) {
  const Matrix keys = KeysOf(items, subject.spec().key_dim);
  MNEME_ASSIGN_OR_RETURN(const models::Answer lists,
                         subject.Ask({.cues = keys}, {.kind = models::QueryKind::kList,
                                                      .top = kNeighbours + 1,
                                                      .beta = recalls.asked_beta,
                                                      .exact = true}));
  MNEME_ASSIGN_OR_RETURN(
      const models::Answer answer,
      subject.Ask({.cues = keys},
                  {.top = kTop, .beta = recalls.asked_beta, .steps_max = recalls.steps_max}));
  Judge judge(subject, recalls);
  std::vector<JudgedItem> out;
  for (size_t i = 0; i < items.size(); ++i) {
    MNEME_ASSIGN_OR_RETURN(JudgedItem judged, judge.Look(items[i], lists.cues[i], answer.cues[i],
                                                         answer.recalls.row(i)));
    out.push_back(std::move(judged));
  }
  return out;
}

}  // namespace mneme::analysis
