// Wire <-> engine. Decoders borrow from the message wherever they can: it must outlive what they
// give.
#ifndef MNEME_SERVER_RPC_CONVERT_H_
#define MNEME_SERVER_RPC_CONVERT_H_

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/engine/forecast.h"
#include "core/engine/types.h"
#include "mneme/v1/memory_service.pb.h"
#include "server/rpc/budget.h"
#include "server/rpc/limits.h"

namespace mneme::server {

// What a decoder could not borrow.
class DecodeArena {
 public:
  DecodeArena() = default;
  // Numbers are charged to `budget`, which outlives the arena, until it goes.
  explicit DecodeArena(ByteBudget& budget) : budget_(&budget) {}
  DecodeArena(const DecodeArena&) = delete;
  DecodeArena& operator=(const DecodeArena&) = delete;
  ~DecodeArena();

  // Room for so many numbers, not set to anything. RESOURCE_EXHAUSTED when the budget has none.
  absl::StatusOr<float*> NewNumbers(uint64_t count);

  std::list<std::string> strings;  // encoded attributes
  std::vector<uint8_t> mask;       // one row spread over all cues

 private:
  ByteBudget* budget_ = nullptr;
  uint64_t charged_bytes_ = 0;
  std::vector<std::unique_ptr<float[]>> numbers_;
};

// float32 numbers, where they arrived; those of other types, and float32 that is not aligned, are
// converted into the arena, once. `what` names the field in errors. An absent matrix (no rows, no
// data) is an empty view. Whether the numbers are finite is the engine's to say.
absl::StatusOr<MatrixView> DecodeMatrix(const v1::Matrix& matrix, std::string_view what,
                                        DecodeArena& arena);
// As packed bytes. `dtype`: one that DecodeAnswerDtype gave; numbers are finite.
void EncodeMatrix(MatrixView from, v1::Dtype dtype, v1::Matrix* to);
// As repeated floats.
void EncodeValues(MatrixView from, v1::Matrix* to);
// The type of an answer's numbers: `asked`, or float32. `values`: they go as repeated floats, and
// only float32 will do.
absl::StatusOr<v1::Dtype> DecodeAnswerDtype(v1::Dtype asked, bool values, std::string_view what);

absl::StatusOr<ItemId> DecodeItemId(const v1::ItemId& id);
absl::StatusOr<std::vector<ItemId>> DecodeItemIds(
    const google::protobuf::RepeatedPtrField<v1::ItemId>& ids, std::string_view what);
void EncodeItemId(const ItemId& id, v1::ItemId* to);

// "memories/faces" -> "faces".
absl::StatusOr<std::string> DecodeMemoryName(std::string_view resource, std::string_view field);
// "faces" -> "memories/faces".
std::string FormatMemoryName(std::string_view name);

// "backups/12" -> 12.
absl::StatusOr<uint32_t> DecodeBackupName(std::string_view resource);
std::string FormatBackupName(uint32_t id);

v1::NoSupportPolicy EncodeAnsweredBy(models::NoSupportPolicy policy);
// InvalidArgument, with the reason given, for an inverse temperature that is positive and beyond
// float32.
absl::Status CheckBeta(std::string_view what, double beta, std::string_view reason);
absl::StatusOr<models::MemorySpec> DecodeSpec(const v1::Memory& memory);
absl::StatusOr<models::FeatureSpec> DecodeFeature(const v1::FeatureSpec& from);
void EncodeFeature(const models::FeatureSpec& from, v1::FeatureSpec* to);
models::IndexSpec DecodeIndex(const v1::IndexSpec& from);
void EncodeIndex(const models::IndexSpec& from, v1::IndexSpec* to);
void EncodeIndexUse(const models::IndexUse& from, v1::IndexReport* to);
void EncodeIndexStats(const models::IndexStats& from, v1::IndexStatus* to);
// `meter`: where the load stands; absent in lists of memories, for which it would cost too much.
void EncodeMemory(const engine::MemoryInfo& info, const std::optional<engine::LoadMeter>& meter,
                  v1::Memory* to);
absl::StatusOr<engine::ItemPolicy> DecodeItemPolicy(const v1::ItemPolicy& from);
void EncodeItemPolicy(const engine::ItemPolicy& from, v1::ItemPolicy* to);
// InvalidArgument (UPDATE_MASK) for a path that cannot be updated, naming those that can.
absl::StatusOr<engine::UpdateCommand> DecodeUpdate(const v1::UpdateMemoryRequest& request);
v1::LoadPhase EncodePhase(theory::Phase phase);
void EncodeBytes(const std::vector<models::ByteAccount>& from,
                 google::protobuf::RepeatedPtrField<v1::ByteAccount>* to);
void EncodeWarnings(const std::vector<engine::Warning>& from,
                    google::protobuf::RepeatedPtrField<v1::Warning>* to);
// A trained memory's epoch: the rows it was trained on, and the job.
void EncodeTrainedEpoch(engine::MemoryUid uid, const models::TrainedStats& trained, v1::Epoch* to);

// Entries of a page of memories, aliases or backups: 50 unless asked otherwise.
inline uint32_t PageSize(uint32_t asked) { return asked == 0 ? 50 : std::min(asked, kPageMax); }

// InvalidArgument (ENUM): the field has a value that this version does not know.
absl::Status UnknownEnum(std::string_view what, int value);

absl::StatusOr<engine::Sync> DecodeDurability(v1::Durability durability);
v1::Durability EncodeDurability(engine::Sync sync);

// One row a cue, whatever the message has. Empty: all known.
absl::StatusOr<std::span<const uint8_t>> DecodeMask(const v1::Mask& mask, size_t rows, size_t cols,
                                                    DecodeArena& arena);

// At most 64 attributes with short names, each with a value; numbers finite, times in range.
absl::Status CheckAttributes(const v1::Attributes& attributes, int row);

v1::AnswerStatus EncodeAnswerStatus(models::AnswerStatus status);
void EncodeTimestamp(int64_t unix_nanos, google::protobuf::Timestamp* to);
// Nanoseconds since 1970. InvalidArgument (TIMESTAMP) outside of 1678 to 2261, or with bad nanos.
absl::StatusOr<int64_t> DecodeTimestamp(const google::protobuf::Timestamp& from,
                                        std::string_view what);
void EncodeDuration(int64_t nanos, google::protobuf::Duration* to);
// Nanoseconds, not negative, at most 200 years. InvalidArgument (DURATION).
absl::StatusOr<int64_t> DecodeDuration(const google::protobuf::Duration& from,
                                       std::string_view what);

// 64-bit hash of a request's content, the same after a restart. Only what makes it another request
// counts.
class BodyHash {
 public:
  BodyHash& Add(std::string_view bytes);
  BodyHash& Add(uint64_t number);
  BodyHash& Add(MatrixView matrix);
  BodyHash& Add(const ItemId& id) { return Add(std::string_view(id.Encode())); }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0x6d6e656d65;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CONVERT_H_
