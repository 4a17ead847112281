// What the engine notes of a backup, so that a restore can tell whether it got the same: layout in
// docs/formats/backup.md.
#ifndef MNEME_CORE_ENGINE_MANIFEST_H_
#define MNEME_CORE_ENGINE_MANIFEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/engine/digest.h"
#include "core/engine/samples.h"
#include "core/engine/types.h"
#include "core/storage/backup.h"

namespace mneme::engine {

struct ManifestMemory {
  MemoryInfo info;  // what its catalogue entry says
  uint64_t items = 0;
  uint64_t memory_bytes = 0;  // of main memory, about
  bool loaded = false;        // false: there was no room to read it as a model; it has no samples
  std::string degraded_reason;
  MemoryDigest digest;
  uint64_t seed = 0;
  std::vector<Sample> samples;
};

struct Manifest {
  std::string server_version;
  int64_t create_unix_nanos = 0;
  std::string description;
  std::vector<ManifestMemory> memories;  // in the order of their names
  std::vector<AliasInfo> aliases;
};

std::string EncodeManifest(const Manifest& manifest);
// DataLoss (CORRUPT) for bytes that are not a manifest; FailedPrecondition (FORMAT_VERSION) for a
// newer one.
absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes);

// A backup as users see it.
absl::StatusOr<BackupInfo> DescribeBackup(const storage::BackupEntry& entry);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_MANIFEST_H_
