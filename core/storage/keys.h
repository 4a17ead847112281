// Keys of the database, byte by byte: docs/formats/storage.md. Big-endian, so that bytewise order
// is the order of numbers.
//
// Pure functions, thread-safe. Reading a key that has the wrong length gives DataLoss, reason
// CORRUPT.
#ifndef MNEME_CORE_STORAGE_KEYS_H_
#define MNEME_CORE_STORAGE_KEYS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/storage/storage.h"

namespace mneme::storage {

std::string MemoryPrefix(MemoryUid uid);                // what all keys of a memory begin with
std::string NumberKey(MemoryUid uid, uint64_t number);  // rows, payload: row; log: position
std::string IdKey(MemoryUid uid, const ItemId& id);     // ids
std::string StateChunkKey(MemoryUid uid, uint64_t position, uint32_t chunk);
std::string FormatKey();          // catalogue: the format version
std::string DescriptionPrefix();  // catalogue: all descriptions of memories
std::string DescriptionKey(MemoryUid uid);
std::string CountersPrefix();  // catalogue: the counters of all memories
std::string CountersKey(MemoryUid uid);
std::string UsedPrefix();  // catalogue: uids of memories that were dropped
std::string UsedKey(MemoryUid uid);
std::string AliasPrefix();  // catalogue: all aliases
std::string AliasKey(std::string_view alias);
std::string OutcomePrefix();  // requests: all outcomes
std::string OutcomeKey(const RequestKey& key);
// Outcomes in order of their time; the outcome key they stand for is the tail.
std::string OutcomeTimePrefix();
std::string OutcomeTimeKey(int64_t time_unix_nanos, std::string_view outcome_key);
// What is before this key is before that time.
std::string OutcomeTimeBound(int64_t time_unix_nanos);

// The first key after all that begin with `prefix`.
std::string PrefixEnd(std::string_view prefix);

absl::StatusOr<uint64_t> NumberFromKey(std::string_view key);  // of NumberKey
// Of DescriptionKey, CountersKey and UsedKey.
absl::StatusOr<MemoryUid> UidFromCatalogueKey(std::string_view key);
// Of any key that begins with a memory's uid.
absl::StatusOr<MemoryUid> UidFromMemoryKey(std::string_view key);
absl::StatusOr<RequestKey> RequestFromKey(std::string_view key);  // of OutcomeKey
struct OutcomeTime {
  int64_t time_unix_nanos = 0;
  std::string outcome_key;
};
absl::StatusOr<OutcomeTime> OutcomeTimeFromKey(std::string_view key);  // of OutcomeTimeKey

// "memory 00000000000000ab": how messages name a memory.
std::string MemoryName(MemoryUid uid);

// DataLoss, reason CORRUPT: `what` is damaged in the way of `how`.
absl::Status Corrupt(std::string_view what, std::string_view how);

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_KEYS_H_
