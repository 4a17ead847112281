#include "server/rpc/convert.h"

#include <charconv>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/base/status.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

constexpr std::string_view kMemoryPrefix = "memories/";
constexpr std::string_view kBackupPrefix = "backups/";

}  // namespace

absl::Status UnknownEnum(std::string_view what, int value) {
  return InvalidArgument(absl::StrFormat("%s has the unknown value %d", AbslView(what), value),
                         {.reason = "ENUM",
                          .given = absl::StrCat(value),
                          .expected = "a value of mneme.v1",
                          .next_step = "See the comments in the .proto files."});
}

absl::StatusOr<ItemId> DecodeItemId(const v1::ItemId& id) {
  switch (id.kind_case()) {
    case v1::ItemId::kText:
      return ItemId::FromText(id.text());
    case v1::ItemId::kNumber:
      return ItemId(id.number());
    case v1::ItemId::KIND_NOT_SET:
      break;
  }
  return InvalidArgument(
      "an item id is empty",
      {.reason = "ITEM_ID",
       .given = "neither text nor number",
       .expected = "one of them",
       .next_step = "Set text or number, or leave all ids out to let the server make them."});
}

absl::StatusOr<std::vector<ItemId>> DecodeItemIds(
    const google::protobuf::RepeatedPtrField<v1::ItemId>& ids, std::string_view what) {
  std::vector<ItemId> out;
  out.reserve(static_cast<size_t>(ids.size()));
  for (int i = 0; i < ids.size(); ++i) {
    absl::StatusOr<ItemId> id = DecodeItemId(ids[i]);
    if (!id.ok()) return Annotate(id.status(), absl::StrFormat("%s[%d]", AbslView(what), i));
    out.push_back(*std::move(id));
  }
  return out;
}

void EncodeItemId(const ItemId& id, v1::ItemId* to) {
  if (id.is_text()) {
    to->set_text(id.text());
  } else {
    to->set_number(id.number());
  }
}

std::string FormatMemoryName(std::string_view name) {
  return absl::StrCat(AbslView(kMemoryPrefix), AbslView(name));
}

absl::StatusOr<std::string> DecodeMemoryName(std::string_view resource, std::string_view field) {
  if (resource.substr(0, kMemoryPrefix.size()) == kMemoryPrefix) {
    const std::string_view name = resource.substr(kMemoryPrefix.size());
    if (!name.empty() && name.find('/') == std::string_view::npos) return std::string(name);
  }
  return InvalidArgument(
      absl::StrFormat("%s: '%s' is not a memory's resource name", AbslView(field),
                      AbslView(resource.substr(0, 100))),
      {.reason = "MEMORY_NAME",
       .given = std::string(resource.substr(0, 100)),
       .expected = "memories/{memory}",
       .next_step = "Send memories/ and the memory's name, e.g. memories/faces."});
}

std::string FormatBackupName(uint32_t id) { return absl::StrCat(AbslView(kBackupPrefix), id); }

absl::StatusOr<uint32_t> DecodeBackupName(std::string_view resource) {
  uint32_t id = 0;
  if (resource.substr(0, kBackupPrefix.size()) == kBackupPrefix) {
    const std::string_view digits = resource.substr(kBackupPrefix.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), id);
  }
  if (FormatBackupName(id) == resource) return id;
  return InvalidArgument(
      absl::StrFormat("'%s' is not a backup's resource name", AbslView(resource.substr(0, 100))),
      {.reason = "BACKUP_NAME",
       .given = std::string(resource.substr(0, 100)),
       .expected = "backups/{number}",
       .next_step = "Send a name that ListBackups gave."});
}

absl::StatusOr<engine::Sync> DecodeDurability(v1::Durability durability) {
  switch (durability) {
    case v1::DURABILITY_UNSPECIFIED:
    case v1::DURABILITY_DISK:
      return engine::Sync::kDisk;
    case v1::DURABILITY_OS:
      return engine::Sync::kOs;
    case v1::DURABILITY_MEMORY:
      return engine::Sync::kMemory;
    default:
      return UnknownEnum("durability", durability);
  }
}

v1::Durability EncodeDurability(engine::Sync sync) {
  switch (sync) {
    case engine::Sync::kMemory:
      return v1::DURABILITY_MEMORY;
    case engine::Sync::kOs:
      return v1::DURABILITY_OS;
    case engine::Sync::kDisk:
      return v1::DURABILITY_DISK;
  }
  return v1::DURABILITY_UNSPECIFIED;
}

absl::StatusOr<std::span<const uint8_t>> DecodeMask(const v1::Mask& mask, size_t rows, size_t cols,
                                                    DecodeArena& arena) {
  const size_t row_bytes = (cols + 7) / 8;
  const std::string& bits = mask.bits();
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(bits.data()), bits.size());
  if (bytes.size() == rows * row_bytes) return bytes;
  if (bytes.size() == row_bytes) {
    arena.mask.reserve(rows * row_bytes);
    for (size_t i = 0; i < rows; ++i)
      arena.mask.insert(arena.mask.end(), bytes.begin(), bytes.end());
    return std::span<const uint8_t>(arena.mask);
  }
  return InvalidArgument(
      absl::StrFormat("the mask has %d bytes for %d cues of %d columns", bytes.size(), rows, cols),
      {.reason = "SHAPE",
       .given = absl::StrCat(bytes.size(), " bytes"),
       .expected = absl::StrFormat("%d, or %d", row_bytes, rows * row_bytes),
       .next_step = "Send one row of ceil(columns / 8) bytes for all cues, or one a cue."});
}

v1::AnswerStatus EncodeAnswerStatus(models::AnswerStatus status) {
  switch (status) {
    case models::AnswerStatus::kUnset:
      return v1::ANSWER_STATUS_UNSPECIFIED;
    case models::AnswerStatus::kConverged:
      return v1::ANSWER_STATUS_CONVERGED;
    case models::AnswerStatus::kMaxIterations:
      return v1::ANSWER_STATUS_MAX_ITERATIONS;
    case models::AnswerStatus::kNoSupport:
      return v1::ANSWER_STATUS_NO_SUPPORT;
    case models::AnswerStatus::kMixture:
      return v1::ANSWER_STATUS_MIXTURE;
    case models::AnswerStatus::kEmptyStore:
      return v1::ANSWER_STATUS_EMPTY_STORE;
  }
  return v1::ANSWER_STATUS_UNSPECIFIED;
}

BodyHash& BodyHash::Add(std::string_view bytes) {
  value_ = XXH3_64bits_withSeed(bytes.data(), bytes.size(), value_ ^ bytes.size());
  return *this;
}
BodyHash& BodyHash::Add(uint64_t number) {
  return Add(std::string_view(reinterpret_cast<const char*>(&number), sizeof(number)));
}
BodyHash& BodyHash::Add(MatrixView m) {
  Add(m.rows).Add(m.cols);
  return Add(
      std::string_view(reinterpret_cast<const char*>(m.data), m.rows * m.cols * sizeof(float)));
}

}  // namespace mneme::server
