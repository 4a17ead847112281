// A memory's entry in the catalogue as bytes: docs/formats/engine.md.
#ifndef MNEME_CORE_ENGINE_CATALOGUE_ENTRY_H_
#define MNEME_CORE_ENGINE_CATALOGUE_ENTRY_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/engine/types.h"

namespace mneme::engine {

// The fields that are fixed or updated by commands; state (position, stats, health) is not part of
// it.
std::string EncodeCatalogueEntry(const MemoryInfo& info);
// DataLoss (CORRUPT) for bytes that are not an entry; FailedPrecondition (FORMAT_VERSION) for a
// newer one.
absl::StatusOr<MemoryInfo> DecodeCatalogueEntry(std::string_view bytes);

// Newest version of an entry, which this mneme writes. What an earlier version lacks is read as its
// default. Version 2: all fields of a linear spec. Version 3: the items' policy, and frozen.
// Version 4: the index of a dense spec. Version 5: its separation, states, policy and radius;
// feature specs. Version 6: its encoder.
inline constexpr uint8_t kCatalogueEntryVersion = 6;
// Of an entry's bytes, which need not be readable otherwise; 0 for none.
uint8_t CatalogueEntryVersion(std::string_view bytes);

// What a retried write is answered with.
std::string EncodeWriteReply(const WriteReply& reply);
absl::StatusOr<WriteReply> DecodeWriteReply(std::string_view bytes);

// A checkpoint: the model's blob and the row number from which rows are not in it.
std::string EncodeCheckpoint(uint64_t next_row, std::string_view model_blob);
struct Checkpoint {
  uint64_t next_row = 0;
  std::string_view model_blob;  // points into the bytes given
};
absl::StatusOr<Checkpoint> DecodeCheckpoint(std::string_view bytes);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_CATALOGUE_ENTRY_H_
