#include "core/analysis/patterns.h"

#include <algorithm>
#include <utility>

#include "core/analysis/parts.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/dynamics/checks.h"
#include "core/dynamics/pattern_generator.h"

namespace mneme::analysis {
namespace {

constexpr size_t kGeneratedMax = 1'000'000;
constexpr uint64_t kRowsPerLook = 4'096;

absl::Status NotBinary(const ItemId& id, size_t column, float given) {
  return InvalidArgument(
      absl::StrFormat("the key of item '%s' holds %g in column %d, expected 1 or -1", id.ToString(),
                      given, column),
      {.reason = "NOT_BINARY",
       .given = absl::StrFormat("%g", given),
       .expected = "keys of 1 and -1",
       .next_step = "Store keys of 1 and -1, or ask for generated patterns."});
}

class Loader {
 public:
  Loader(Subject& subject, const PatternSource& source, bool signs, Host& host)
      : source_(source),
        signs_(signs),
        host_(host),
        rows_(subject.items(), subject.spec().key_dim) {}

  absl::Status Take(const ItemId& id, std::span<const float> key) {
    if (filled_ % kRowsPerLook == 0) MNEME_RETURN_IF_ERROR(host_.Progress("reading", 0));
    if (filled_ == rows_.rows()) return absl::OkStatus();
    for (size_t j = 0; j < key.size(); ++j) {
      if (signs_ && key[j] != 1 && key[j] != -1) return NotBinary(id, j, key[j]);
      rows_.at(filled_, j) = key[j];
    }
    const bool starts = source_.start ? *source_.start == id : filled_ == 0;
    if (starts) {
      start_ = filled_;
      start_id_ = id;
    }
    ++filled_;
    return absl::OkStatus();
  }

  absl::StatusOr<Patterns> Finish() {
    if (filled_ == 0) {
      return FailedPrecondition("the memory's items went while they were read",
                                {.reason = "NO_ITEMS",
                                 .given = "0 items",
                                 .expected = "at least 1",
                                 .next_step = "Store items first."});
    }
    if (!start_) {
      return NotFound(
          absl::StrFormat("there is no item '%s' to begin at", source_.start->ToString()),
          {.reason = "ITEM_NOT_FOUND",
           .given = source_.start->ToString(),
           .expected = "an item of the memory",
           .next_step = "List the memory's items."});
    }
    std::swap_ranges(rows_.row(0).begin(), rows_.row(0).end(), rows_.row(*start_).begin());
    const bool all = filled_ == rows_.rows();
    return Patterns{.rows = all ? std::move(rows_) : MatrixD::Copy(rows_.view().slice(0, filled_)),
                    .start = absl::StrCat("item ", start_id_.ToString())};
  }

 private:
  const PatternSource& source_;
  const bool signs_;
  Host& host_;
  MatrixD rows_;
  size_t filled_ = 0;
  std::optional<size_t> start_;
  ItemId start_id_;
};

}  // namespace

absl::Status CheckSource(const PatternSource& source, const models::MemorySpec& memory) {
  MNEME_RETURN_IF_ERROR(dynamics::CheckRange("number of generated patterns",
                                             static_cast<double>(source.generated), 0,
                                             static_cast<double>(kGeneratedMax)));
  if (source.generated > 0 && source.start) {
    return InvalidArgument("a start among generated patterns has no id",
                           {.reason = "START",
                            .given = source.start->ToString(),
                            .expected = "no start with generated patterns",
                            .next_step = "Leave one of the two out."});
  }
  if (source.generated == 0 && memory.retain != models::Retain::kAll) {
    return FailedPrecondition("the memory keeps no keys",
                              {.reason = "KEYS_NOT_KEPT",
                               .given = "a memory that retains less than all",
                               .expected = "a memory that retains all",
                               .next_step = "Ask for generated patterns."});
  }
  return absl::OkStatus();
}

absl::StatusOr<Patterns> LoadPatterns(Subject& subject, const PatternSource& source,
                                      const PatternNeeds& needs, Host& host) {
  const size_t dim = subject.spec().key_dim;
  const uint64_t count = source.generated > 0 ? source.generated : subject.items();
  MNEME_RETURN_IF_ERROR(subject.Reserve(needs.copies * count * dim * sizeof(double)));
  if (source.generated > 0) {
    Random random(needs.seed, 1);
    return Patterns{.rows = dynamics::RandomPatterns(count, dim, random),
                    .start = "the first of random patterns"};
  }
  MNEME_RETURN_IF_ERROR(CheckItems(subject, 1));
  Loader loader(subject, source, needs.entries == PatternNeeds::Entries::kSigns, host);
  MNEME_RETURN_IF_ERROR(
      subject.VisitItems([&](uint64_t, const ItemId& id, std::span<const float> key) {
        return loader.Take(id, key);
      }));
  return loader.Finish();
}

}  // namespace mneme::analysis
