#include "core/analysis/blends.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/analysis/parts.h"
#include "core/base/random.h"
#include "core/base/status.h"

namespace mneme::analysis {
namespace {

// Recalls nearer than this share of the distance between the items they began at are one minimum.
constexpr double kSameMinimum = 0.01;

class BlendSearch {
 public:
  BlendSearch(Subject& subject, const Recalls& recalls, const std::vector<JudgedItem>& items,
              uint64_t seed)
      : subject_(subject),
        recalls_(recalls),
        directions_(ComparesDirections(subject.spec())),
        binary_(std::get<models::DenseSpec>(subject.spec().model).state ==
                models::StateSpace::kBinary),
        random_(seed, 2) {
    for (const JudgedItem& item : items) {
      if (!item.rivals.empty()) begin_.push_back(&item);
    }
  }

  absl::StatusOr<Blends> Run(size_t probes, Host& host) {
    if (begin_.empty()) return found_;
    while (found_.probes < probes) {
      MNEME_RETURN_IF_ERROR(host.Progress(
          "probing", 0.7 + 0.3 * static_cast<double>(found_.probes) / static_cast<double>(probes)));
      MNEME_RETURN_IF_ERROR(Block(std::min(kCuesAtOnce, probes - found_.probes)));
    }
    found_.minima = minima_.size();
    return found_;
  }

 private:
  absl::Status Block(size_t count) {
    Matrix cues(count, subject_.spec().key_dim);
    std::vector<double> scales(count);
    for (size_t i = 0; i < count; ++i) {
      const JudgedItem& item = *begin_[random_.Below(begin_.size())];
      FillStart(item, cues.row(i));
      scales[i] = item.rivals.front().distance;
    }
    MNEME_ASSIGN_OR_RETURN(
        const models::Answer answer,
        subject_.Ask({.cues = cues},
                     {.top = 1, .beta = recalls_.asked_beta, .steps_max = recalls_.steps_max}));
    for (size_t i = 0; i < count; ++i) {
      MNEME_RETURN_IF_ERROR(Count(answer.cues[i], answer.recalls.row(i), scales[i]));
    }
    return absl::OkStatus();
  }

  // The middle of an item and one rival or two; of binary ones the sign, ties as the item has it.
  void FillStart(const JudgedItem& item, std::span<float> start) {
    const size_t others = 1 + random_.Below(std::min<size_t>(2, item.rivals.size()));
    const size_t first = random_.Below(item.rivals.size());
    for (size_t j = 0; j < start.size(); ++j) {
      double sum = item.item.key[j];
      for (size_t r = 0; r < others; ++r) {
        sum += item.rivals[(first + r) % item.rivals.size()].key[j];
      }
      start[j] = static_cast<float>(sum / static_cast<double>(others + 1));
      if (!binary_) continue;
      start[j] = sum == 0 ? item.item.key[j] : std::copysign(1.0f, static_cast<float>(sum));
    }
  }

  absl::Status Count(const models::CueAnswer& cue, std::span<const float> recalled, double scale) {
    ++found_.probes;
    if (!cue.error.ok() || cue.status == models::AnswerStatus::kNoSupport || cue.top.empty()) {
      ++found_.unsupported;
      return absl::OkStatus();
    }
    const absl::StatusOr<std::vector<float>> best = subject_.KeyOf(cue.top[0].row);
    if (!best.ok() && !absl::IsNotFound(best.status())) return best.status();
    if (best.ok() && KeyDistance(*best, recalled, directions_) <= kAtItem * scale) {
      ++found_.at_items;
    } else if (cue.status == models::AnswerStatus::kMaxIterations) {
      ++found_.unsettled;
    } else {
      ++found_.between;
      Keep(recalled, scale);
    }
    return absl::OkStatus();
  }

  void Keep(std::span<const float> recalled, double scale) {
    if (minima_.size() >= kBlendsMax) return;
    const bool known = std::ranges::any_of(minima_, [&](const std::vector<float>& minimum) {
      return KeyDistance(minimum, recalled, directions_) <= kSameMinimum * scale;
    });
    if (!known) minima_.emplace_back(recalled.begin(), recalled.end());
  }

  Subject& subject_;
  const Recalls recalls_;
  const bool directions_;
  const bool binary_;
  Random random_;
  std::vector<const JudgedItem*> begin_;
  std::vector<std::vector<float>> minima_;
  Blends found_;
};

}  // namespace

absl::StatusOr<Blends> FindBlends(Subject& subject, const Recalls& recalls,
                                  const std::vector<JudgedItem>& items, size_t probes,
                                  uint64_t seed, Host& host) {
  return BlendSearch(subject, recalls, items, seed).Run(probes, host);
}

}  // namespace mneme::analysis
