#include "server/rpc/explain_text.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "core/base/status.h"

namespace mneme::server {
namespace {

// Below it nothing is worth a sentence of advice.
constexpr int64_t kNoticedNanos = 1'000'000;
// A scan of so long is what indexes are for.
constexpr int64_t kLongScanNanos = 5'000'000;
// A pass over more than the caches hold: a second cue costs little beside it.
constexpr uint64_t kLargePassBytes = 8u << 20;

std::string DenseKernel(const models::DenseSpec& spec, const models::ModelStats& stats) {
  std::string out =
      absl::StrCat(AbslView(Name(spec.similarity)), ", ", AbslView(Name(spec.separation)));
  if (spec.power > 0) absl::StrAppend(&out, " ", spec.power);
  if (stats.beta > 0) absl::StrAppendFormat(&out, ", beta %g", stats.beta);
  if (stats.radius > 0) absl::StrAppendFormat(&out, ", radius %g", stats.radius);
  if (spec.state != models::StateSpace::kFree) {
    absl::StrAppend(&out, ", states ", AbslView(Name(spec.state)));
  }
  if (spec.encoder != models::Encoder::kNone) {
    absl::StrAppend(&out, ", encoder ", AbslView(Name(spec.encoder)));
  }
  return out;
}

ExplainedChoice CodesChoice(models::CodesUse use) {
  using models::CodesUse;
  switch (use) {
    case CodesUse::kNone:
      break;
    case CodesUse::kRead:
      return {.reason = "READ",
              .message =
                  "the scan read the keys' int8 codes, a quarter of their bytes, and only "
                  "the keys that the codes' bounds do not rule out"};
    case CodesUse::kModel:
      return {.reason = "MODEL",
              .message = "keys were read: this similarity or separation has no bounds by codes"};
    case CodesUse::kFewRows:
      return {.reason = "FEW_ROWS", .message = "keys were read: so few take about a millisecond"};
    case CodesUse::kCandidates:
      return {.reason = "CANDIDATES", .message = "keys were read: only chosen items are listed"};
    case CodesUse::kMask:
      return {.reason = "MASK",
              .message =
                  "keys were read: codes do not tell their coordinates apart, and some of "
                  "the cues' are unknown"};
    case CodesUse::kCue:
      return {.reason = "CUE", .message = "keys were read: a cue cannot be coded"};
    case CodesUse::kSpread:
      return {.reason = "SPREAD",
              .message = "keys were read: most items weigh something in the recall"};
  }
  return {};
}

ExplainedChoice IndexChoice(const models::IndexUse& use) {
  using models::IndexFallback;
  constexpr char kCalibrate[] = "Wait, or run CalibrateIndex (mnemectl memory calibrate).";
  ExplainedChoice out{.reason = std::string(Name(use.fallback))};
  switch (use.fallback) {
    case IndexFallback::kNone:
      out.reason = "USED";
      out.message = absl::StrFormat(
          "the index named %d items for each cue; of lists of 10 it finds %.3f (%.3f to %.3f)",
          use.depth, use.recall.share, use.recall.low, use.recall.high);
      break;
    case IndexFallback::kAsked:
      out.message = "the index was not asked: the request says exact";
      out.next_step = "Leave `exact` out where an approximate list will do.";
      break;
    case IndexFallback::kRecall:
      out.message = "the index was not asked: a recall weighs all items";
      break;
    case IndexFallback::kFewRows:
      out.message = "there is no index yet: so few items are scanned in less time";
      break;
    case IndexFallback::kBuilding:
      out.message = "the index is being made";
      out.next_step = kCalibrate;
      break;
    case IndexFallback::kUncalibrated:
      out.message = "the index was not measured yet";
      out.next_step = kCalibrate;
      break;
    case IndexFallback::kGrown:
      out.message = "the memory has doubled since its index was measured";
      out.next_step = kCalibrate;
      break;
    case IndexFallback::kRecallTooLow:
      out.message = "the index was measured: no number of candidates reaches the target recall";
      out.next_step = "GetMemory (mnemectl memory describe) has the figures, depth by depth.";
      break;
    case IndexFallback::kExactIsFaster:
      out.message = "the index was measured: the exact scan takes less time";
      break;
    case IndexFallback::kFailed:
      out.message = "the index could not be made";
      out.next_step = "GetMemory (mnemectl memory describe) says why.";
      break;
    case IndexFallback::kDepth:
      out.message = "the list is so long that half of the items would be scored";
      out.next_step = "Ask for a shorter list.";
      break;
    case IndexFallback::kMask:
      out.message = "the index needs whole cues, and coordinates of these are unknown";
      break;
    case IndexFallback::kRows:
      out.message =
          "a filter or candidates: of the items that an index names hardly any would pass";
      break;
    case IndexFallback::kCue:
      out.message = "a cue has no length, or more than the index computes with";
      break;
  }
  return out;
}

ExplainedChoice CertificateChoice(models::CertificateState state) {
  using models::CertificateState;
  switch (state) {
    case CertificateState::kNone:
      break;
    case CertificateState::kSealed:
      return {.reason = "SEALED", .message = "items carry what the training proved of them"};
    case CertificateState::kUntrained:
      return {.reason = "UNTRAINED",
              .message = "no certificates: the memory was not trained yet",
              .next_step = "Train it."};
    case CertificateState::kDelta:
      return {.reason = "DELTA",
              .message = "no certificates: items were stored since the training",
              .next_step = "Train it again."};
    case CertificateState::kListTooShort:
      return {.reason = "SHORT",
              .message = "no certificates: the list is shorter than the certified one",
              .next_step = "Leave its size out."};
    case CertificateState::kPartitioned:
      return {.reason = "PARTITIONS",
              .message = "no certificates: the list merges partitions",
              .next_step = "Leave its size out."};
    case CertificateState::kCandidates:
      return {.reason = "CANDIDATES", .message = "no certificates: only candidates were ranked"};
  }
  return {};
}

ExplainedChoice PlaceChoice(const engine::QueryReply& reply) {
  using engine::QueryPlace;
  switch (reply.place) {
    case QueryPlace::kInline:
      return {.reason = "INLINE",
              .message = "answered on the thread that received it: handing over would take longer"};
    case QueryPlace::kDear:
      return {.reason = "DEAR",
              .message = "answered by the scan pool: it would have held up the network's thread"};
    case QueryPlace::kSteps:
      return {.reason = "STEPS", .message = "answered by the scan pool: it may take many steps"};
    case QueryPlace::kBusy:
      return {.reason = "BUSY",
              .message = "answered by the scan pool, beside other scans that are under way"};
    case QueryPlace::kRows:
      return {.reason = "ROWS",
              .message = "answered by the scan pool: a filter over many items begins dearly"};
  }
  return {};
}

int64_t NanosOf(const engine::Timeline& timeline, std::string_view name) {
  int64_t begin = timeline.begin_nanos(), nanos = 0;
  for (const engine::Lap& lap : timeline.laps()) {
    if (lap.name == name) nanos += lap.end_nanos - begin;
    begin = lap.end_nanos;
  }
  return nanos;
}

// "12.3 of 15.1 ms"
std::string ShareText(int64_t nanos, const engine::Timeline& timeline) {
  const int64_t all = timeline.end_nanos() - timeline.begin_nanos();
  return absl::StrFormat("%.1f of %.1f ms", static_cast<double>(nanos) / 1e6,
                         static_cast<double>(all) / 1e6);
}

bool IsMost(int64_t nanos, const engine::Timeline& timeline) {
  const int64_t all = timeline.end_nanos() - timeline.begin_nanos();
  return nanos >= kNoticedNanos && nanos > all / 2;
}

}  // namespace

std::string_view ModelName(const models::MemorySpec& spec) {
  constexpr std::string_view kNames[] = {"dense", "linear", "feature"};
  static_assert(std::size(kNames) == std::variant_size_v<decltype(spec.model)>);
  return kNames[spec.model.index()];
}

std::string KernelText(const models::MemorySpec& spec, const models::ModelStats& stats) {
  if (const auto* dense = std::get_if<models::DenseSpec>(&spec.model)) {
    return DenseKernel(*dense, stats);
  }
  if (const auto* linear = std::get_if<models::LinearSpec>(&spec.model)) {
    std::string out(Name(linear->rule));
    if (stats.partitions > 1) absl::StrAppend(&out, ", ", stats.partitions, " partitions");
    return out;
  }
  const auto& feature = std::get<models::FeatureSpec>(spec.model);
  std::string out(Name(feature.kind));
  if (feature.features > 0) absl::StrAppend(&out, ", ", feature.features, " features");
  if (feature.beta > 0) absl::StrAppendFormat(&out, ", beta %g", feature.beta);
  return out;
}

std::vector<ExplainedChoice> ChoicesOf(const engine::QueryReply& reply) {
  std::vector<ExplainedChoice> out;
  const auto add = [&out](std::string_view subject, ExplainedChoice choice) {
    if (choice.reason.empty()) return;
    choice.subject = subject;
    out.push_back(std::move(choice));
  };
  if (reply.answer.index.has_value()) add("index", IndexChoice(*reply.answer.index));
  add("codes", CodesChoice(reply.answer.plan.codes));
  add("certificates", CertificateChoice(reply.answer.certificates));
  add("place", PlaceChoice(reply));
  return out;
}

std::vector<engine::Warning> AdviceFor(const ExplainedQuery& query) {
  std::vector<engine::Warning> out;
  const engine::Timeline& timeline = query.timeline;
  const int64_t scan = NanosOf(timeline, "scan");
  if (const int64_t queue = NanosOf(timeline, "queue"); IsMost(queue, timeline)) {
    out.push_back(
        {.reason = "QUEUE",
         .message = absl::StrCat(ShareText(queue, timeline), " were a wait for scans of others"),
         .next_step = "More cores, or fewer cues a second."});
  }
  if (const int64_t read = NanosOf(timeline, "read"); IsMost(read, timeline)) {
    out.push_back(
        {.reason = "PAYLOADS",
         .message = absl::StrCat(ShareText(read, timeline),
                                 " went into payloads or keys, which are read from disk"),
         .next_step = "Leave include_payloads and check_radius out, or list fewer items."});
  }
  if (const int64_t prepare = NanosOf(timeline, "prepare");
      query.filtered && IsMost(prepare, timeline)) {
    out.push_back({.reason = "FILTER",
                   .message = absl::StrCat(ShareText(prepare, timeline),
                                           " went into finding the items that the filter passes"),
                   .next_step = "Use the same filter again: what it found is kept until the memory "
                                "changes."});
  }
  const bool scanned = query.reply.answer.plan.path == models::QueryPath::kFloatScan ||
                       query.reply.answer.plan.path == models::QueryPath::kCodeScan;
  if (scanned && query.list && !query.filtered && !query.has_index && scan >= kLongScanNanos &&
      IsMost(scan, timeline)) {
    out.push_back({.reason = "NO_INDEX",
                   .message = absl::StrCat("the scan took ", ShareText(scan, timeline)),
                   .next_step =
                       "A memory created with an index (docs/indexes.md) answers lists from "
                       "a few items, where that is measured to be faster."});
  }
  const auto pass = std::find_if(timeline.laps().begin(), timeline.laps().end(),
                                 [](const engine::Lap& lap) { return lap.name == "scan"; });
  if (query.cues == 1 && pass != timeline.laps().end() && pass->bytes >= kLargePassBytes &&
      scan >= kNoticedNanos) {
    out.push_back({.reason = "ONE_CUE",
                   .message = absl::StrFormat("a pass read %.1f MiB for a single cue",
                                              static_cast<double>(pass->bytes) / (1u << 20)),
                   .next_step = "Send several cues in one request where there are more: they share "
                                "the pass."});
  }
  return out;
}

}  // namespace mneme::server
