// Named bounds: of what a request may ask for, and of every queue and batch in the engine.
#ifndef MNEME_CORE_ENGINE_LIMITS_H_
#define MNEME_CORE_ENGINE_LIMITS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mneme::engine {

// What a request may ask for; configurable, shown by GetServerInfo. Over one of them:
// RESOURCE_EXHAUSTED, reason LIMIT.
struct Limits {
  uint32_t rows_per_store_max = 16'384;
  uint32_t cues_max = 1'024;
  uint32_t list_size_max = 1'024;
  uint32_t dimension_max = 16'384;
  uint32_t payload_bytes_max = 1u << 20;
  uint64_t message_bytes_max = 64ull << 20;
  uint32_t memories_max = 10'000;
  uint32_t partitions_max = 256;
  uint64_t fixed_bytes_max = 4ull << 30;  // matrices of one memory, whatever its items
};

// Writes waiting for the committer: further ones are refused with BUSY.
inline constexpr size_t kPendingWritesMax = 16'384;
inline constexpr size_t kPendingWriteBytesMax = 512ull << 20;
// ... but not more than this part of the limit of main memory, where there is one.
inline constexpr uint64_t kPendingWriteShare = 8;
// Free disk is asked for this often; while it is short, writes are told to come back after that.
inline constexpr int64_t kDiskCheckMs = 200;
inline constexpr int64_t kDiskRetryMs = 1'000;
// One commit group.
inline constexpr size_t kGroupWritesMax = 1'024;
inline constexpr size_t kGroupBytesMax = 32ull << 20;
// Before a group the committer lets scans under way end, for at most so long: their cores are
// needed for answers first, and what is stored meanwhile joins the group.
inline constexpr std::chrono::microseconds kGiveWayMax{2'000};
// Cues waiting for the scan pool: further ones are refused with BUSY.
inline constexpr size_t kPendingCuesMax = 65'536;
// Cues that one scan answers together (a single request may hold more).
inline constexpr size_t kCuesPerBatchMax = 64;
// Batches under way at once, each of another view; each holds the partial sums of its cues.
inline constexpr size_t kActiveBatchesMax = 64;
// A scan yields to the other memories after this much work.
inline constexpr double kSliceMicros = 200;
// A cue that costs less runs on the thread that received it; if others are being scanned, one that
// costs less than the second: it would be over before a thread of the pool had woken up.
inline constexpr double kInlineMicros = 50;
inline constexpr double kInlineBusyMicros = 10;
// Reads of items and payloads waiting for a thread.
inline constexpr size_t kPendingReadsMax = 4'096;
// Rows absorbed or forgotten since the last checkpoint of a state model; reaching it makes a new
// one.
inline constexpr uint64_t kRowsPerCheckpoint = 65'536;
// Rows handed to a model at a time during recovery.
inline constexpr size_t kRecoveryRows = 4'096;
// Items that are due leave within about this time, this many a commit.
inline constexpr int64_t kSweepMs = 100;
inline constexpr size_t kRowsPerSweep = 4'096;
// The longest lifetime that may be asked for: 100 years.
inline constexpr int64_t kTtlNanosMax = 100ll * 365 * 24 * 3600 * 1'000'000'000;
// Rows of a memory whose last use is known, for eviction of the least used; and how many of those
// used longest ago may have gone meanwhile before a search begins anew.
inline constexpr size_t kUsageEntriesMax = 262'144;
inline constexpr size_t kUsageSlack = 1'024;
// Rows that one Store evicts above those that it brings: a cap that was lowered is reached by and
// by.
inline constexpr uint64_t kEvictedMax = 16'384;
// Request outcomes are kept this long, and this many are dropped at a time.
inline constexpr int64_t kRequestRetentionNanos = 36ll * 3600 * 1'000'000'000;
inline constexpr uint64_t kRequestsExpiredMax = 10'000;
// What BUSY advises.
inline constexpr int64_t kBusyRetryMs = 50;

// Numbers that all partitions recall for the cues of one request, before one recall is chosen of
// them.
inline constexpr uint64_t kRecallBytesMax = 256ull << 20;
// Most steps a request may ask of the dynamics; a request that asks for more than a few does not
// run inline.
inline constexpr int kStepsMax = 1'000;
inline constexpr int kInlineStepsMax = 32;
// Keys and responses that one training holds in main memory, and the most steps it takes.
inline constexpr uint64_t kTrainBytesMax = 4ull << 30;
inline constexpr int kTrainStepsMax = 100'000;
// A forecast: lists, points of its curve, items of its probe, pairs for the effective dimension.
inline constexpr size_t kForecastListsMax = 16;
inline constexpr size_t kForecastCurveMax = 200;
inline constexpr size_t kProbeItemsMax = 10'000;
inline constexpr size_t kProbeItemsDefault = 500;
inline constexpr uint64_t kDimensionPairs = 20'000;
// Rows whose payloads are read at a time.
inline constexpr size_t kPayloadRowsAtOnce = 16;
// An item that is replaced while it is read is read again.
inline constexpr int kReadTries = 16;

inline constexpr size_t kDescriptionBytesMax = 1'024;
inline constexpr size_t kLabelsMax = 64;
inline constexpr size_t kLabelBytesMax = 128;
inline constexpr size_t kRequestIdBytesMax = 64;

// A bound, for those who ask which there are.
struct NamedLimit {
  std::string_view name;  // as in the configuration (limits.cues_max), or as here (steps_max)
  uint64_t value = 0;
  std::string_view unit;
  std::string_view description;
  bool configurable = false;
};
// All of the above, and those of filters.
std::vector<NamedLimit> AllLimits(const Limits& limits);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_LIMITS_H_
