#include "core/models/features/feature_state.h"

#include <cstdlib>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"

namespace mneme::models {
namespace {

constexpr std::string_view kStateMagic = "MNFSTATE";
constexpr uint32_t kStateVersion = 1;
constexpr std::string_view kSketchMagic = "MNSKETCH";
constexpr uint32_t kSketchVersion = 1;
constexpr int64_t kItemsMax = int64_t{1} << 48;

absl::Status Unreadable(std::string_view given) {
  return DataLoss(absl::StrCat("state of a feature memory: ", AbslView(given)),
                  {.reason = "MODEL_STATE",
                   .given = std::string(given),
                   .expected = "a state that this version wrote",
                   .next_step = "Restore the memory from a backup, or open it with the version of "
                                "mneme that wrote it."});
}

absl::Status BadSketch(std::string_view given, std::string_view expected) {
  return InvalidArgument(absl::StrCat("the sketch cannot be read: ", AbslView(given)),
                         {.reason = "SKETCH",
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = "Export it again from its memory, and send all its bytes."});
}

}  // namespace

std::string EncodeFeatureState(int64_t items, std::string_view sums) {
  ByteWriter out;
  out.PutRaw(kStateMagic);
  out.Put(kStateVersion);
  out.Put(items);
  out.PutRaw(sums);
  return out.Take();
}

absl::StatusOr<FeatureState> DecodeFeatureState(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.GetRaw(kStateMagic.size()) != kStateMagic) return Unreadable("other bytes");
  const auto version = in.Get<uint32_t>();
  if (version != kStateVersion) return Unreadable(absl::StrCat("version ", version));
  FeatureState state{.items = in.Get<int64_t>(), .sums = in.rest()};
  if (!in.ok() || state.items < -kItemsMax || state.items > kItemsMax) {
    return Unreadable(absl::StrCat(bytes.size(), " bytes"));
  }
  return state;
}

std::string EncodeSketch(std::string_view state) {
  ByteWriter out;
  out.PutRaw(kSketchMagic);
  out.Put(kSketchVersion);
  out.Put(Crc32c(state));
  out.PutRaw(state);
  return out.Take();
}

absl::StatusOr<std::string_view> DecodeSketch(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.GetRaw(kSketchMagic.size()) != kSketchMagic) {
    return BadSketch(absl::StrCat(bytes.size(), " other bytes"), "the bytes of ExportSketch");
  }
  const auto version = in.Get<uint32_t>();
  const auto crc = in.Get<uint32_t>();
  if (!in.ok()) return BadSketch(absl::StrCat(bytes.size(), " bytes"), "more bytes");
  if (version != kSketchVersion) {
    return BadSketch(absl::StrCat("version ", version), absl::StrCat("version ", kSketchVersion));
  }
  if (Crc32c(in.rest()) != crc) {
    return BadSketch("bytes that their checksum does not fit", "the bytes as they were exported");
  }
  return in.rest();
}

absl::Status AsSketchError(const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return BadSketch(StdView(status.message()), "a sketch that this version reads");
}

absl::Status CheckSketchItems(int64_t items) {
  if (items >= 0) return absl::OkStatus();
  return InvalidArgument(
      absl::StrCat("the sketch holds ", items, " items: more were taken out than put in"),
      {.reason = "SKETCH",
       .given = absl::StrCat(items, " items"),
       .expected = "0 or more",
       .next_step = "Take the items out of the memory that holds them, after the merge."});
}

absl::Status SumsOfAnotherKind(std::string_view given, std::string_view expected) {
  return FailedPrecondition("sums of different features do not add",
                            {.reason = "FEATURES_DIFFER",
                             .given = absl::StrCat(AbslView(given), " features"),
                             .expected = absl::StrCat(AbslView(expected), " features"),
                             .next_step = "Make both with one kind."});
}

absl::Status CheckFeatureQuestion(const CueBatch& cues, const QuerySpec& spec) {
  if (!cues.mask.empty()) {
    return InvalidArgument("a feature memory has no use for a mask of known coordinates",
                           {.reason = "MASK_NOT_SUPPORTED",
                            .given = "a mask",
                            .expected = "no mask",
                            .next_step = "Send whole cues, or use a dense memory."});
  }
  if (spec.beta.has_value()) {
    return InvalidArgument(
        absl::StrCat("the beta of a feature memory is fixed; the query gives ", *spec.beta),
        {.reason = "BETA_NOT_SUPPORTED",
         .given = absl::StrCat(*spec.beta),
         .expected = "no beta",
         .next_step = "Leave beta out: the sums were made with the memory's own."});
  }
  if (spec.filtered()) {
    return InvalidArgument("a feature memory takes no filter: its sums hold all items at once",
                           {.reason = "FILTER",
                            .given = "a filter",
                            .expected = "no filter",
                            .next_step = "Leave the filter out, or use a dense memory."});
  }
  const bool names_items = spec.kind == QueryKind::kList || spec.top > 0 ||
                           spec.candidate_rows.has_value() || !spec.target_rows.empty() ||
                           spec.candidate_responses.rows > 0;
  if (!names_items) return absl::OkStatus();
  return FailedPrecondition(
      "a feature memory names no items: it can tell an energy, and recall",
      {.reason = "CODEBOOK_NOT_KEPT",
       .given = "a query for scored items",
       .expected = "Retrieve without a list",
       .next_step = "Leave the list out (top 0), or use a dense or linear memory."});
}

}  // namespace mneme::models
