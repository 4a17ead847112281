#include "core/engine/manifest.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "core/engine/catalogue.h"
#include "core/engine/catalogue_entry.h"
#include "core/engine/validate.h"
#include "core/filter/utf8.h"

namespace mneme::engine {
namespace {

constexpr uint8_t kManifestVersion = 1;
// Of a text that is refused.
constexpr size_t kShownBytesMax = 128;
enum SampleFlags : uint8_t { kFailed = 1, kHasTop = 2, kTie = 4 };

absl::Status Corrupt() {
  return DataLoss("the manifest of the backup is damaged",
                  {.reason = "CORRUPT", .next_step = "Use another backup."});
}

absl::Status Unfit(absl::string_view what, std::string_view text) {
  return DataLoss(absl::StrCat("the manifest of the backup has ", what),
                  {.reason = "CORRUPT",
                   .given = absl::CHexEscape(AbslView(text.substr(0, kShownBytesMax))),
                   .expected = "what a server can have written there",
                   .next_step = "Use another backup."});
}

bool IsText(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = filter::Utf8CharacterBytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

// Checksums show damage, not who made the file: what is served under these names and told to
// callers keeps the rules that they themselves are held to.
absl::Status CheckTexts(const Manifest& manifest) {
  if (!ValidateLabels({.description = manifest.description}).ok() ||
      !IsText(manifest.description) || !IsText(manifest.server_version)) {
    return Unfit("no fit description", manifest.description);
  }
  std::string_view before;
  for (const ManifestMemory& memory : manifest.memories) {
    const MemoryInfo& info = memory.info;
    if (!ValidateMemoryName(info.name).ok()) return Unfit("no fit name of a memory", info.name);
    if (info.name <= before) return Unfit("memories out of order, or one twice", info.name);
    before = info.name;
    bool good = ValidateLabels(info.labels).ok() && IsText(info.labels.description);
    for (const auto& [key, value] : info.labels.labels) good = good && IsText(key) && IsText(value);
    if (!good) return Unfit("unfit labels of a memory", info.name);
  }
  for (const AliasInfo& alias : manifest.aliases) {
    if (!ValidateMemoryName(alias.alias).ok()) return Unfit("no fit alias", alias.alias);
    if (!ValidateMemoryName(alias.memory).ok()) return Unfit("no fit alias", alias.memory);
  }
  return absl::OkStatus();
}

template <typename Visit>
void VisitDigest(auto& digest, const Visit& visit) {
  for (auto* value : {&digest.next_row, &digest.position, &digest.rows, &digest.ids,
                      &digest.payloads, &digest.log_records, &digest.state_bytes, &digest.sum}) {
    visit(*value);
  }
}

void PutSample(ByteWriter& out, const Sample& sample) {
  out.Put(sample.number);
  out.Put(sample.status);
  out.Put(static_cast<uint8_t>((sample.failed ? kFailed : 0) | (sample.has_top ? kHasTop : 0) |
                               (sample.tie ? kTie : 0)));
  out.PutBytes(sample.top.Encode());
  out.Put(sample.score);
  for (const double projection : sample.projections) out.Put(projection);
}

absl::StatusOr<Sample> GetSample(ByteReader& in) {
  Sample sample{.number = in.Get<uint64_t>(), .status = in.Get<uint8_t>()};
  const uint8_t flags = in.Get<uint8_t>();
  sample.failed = (flags & kFailed) != 0;
  sample.has_top = (flags & kHasTop) != 0;
  sample.tie = (flags & kTie) != 0;
  MNEME_ASSIGN_OR_RETURN(sample.top, ItemId::Decode(in.GetBytes()));
  sample.score = in.Get<double>();
  for (double& projection : sample.projections) projection = in.Get<double>();
  return sample;
}

void PutMemory(ByteWriter& out, const ManifestMemory& memory) {
  out.PutBytes(EncodeCatalogueEntry(memory.info));
  out.Put(memory.items);
  out.Put(memory.memory_bytes);
  out.Put(static_cast<uint8_t>(memory.loaded));
  out.PutBytes(memory.degraded_reason);
  VisitDigest(memory.digest, [&](uint64_t value) { out.Put(value); });
  out.Put(memory.seed);
  out.Put(static_cast<uint32_t>(memory.samples.size()));
  for (const Sample& sample : memory.samples) PutSample(out, sample);
}

absl::StatusOr<ManifestMemory> GetMemory(ByteReader& in) {
  ManifestMemory memory;
  MNEME_ASSIGN_OR_RETURN(memory.info, DecodeCatalogueEntry(in.GetBytes()));
  memory.items = in.Get<uint64_t>();
  memory.memory_bytes = in.Get<uint64_t>();
  memory.loaded = in.Get<uint8_t>() != 0;
  memory.degraded_reason = in.GetBytes();
  VisitDigest(memory.digest, [&](uint64_t& value) { value = in.Get<uint64_t>(); });
  memory.seed = in.Get<uint64_t>();
  const uint32_t samples = in.Get<uint32_t>();
  for (uint32_t i = 0; i < samples && in.ok(); ++i) {
    MNEME_ASSIGN_OR_RETURN(Sample sample, GetSample(in));
    memory.samples.push_back(std::move(sample));
  }
  return memory;
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  ByteWriter body;
  body.PutBytes(manifest.server_version);
  body.Put(manifest.create_unix_nanos);
  body.PutBytes(manifest.description);
  body.Put(static_cast<uint32_t>(manifest.memories.size()));
  for (const ManifestMemory& memory : manifest.memories) PutMemory(body, memory);
  body.Put(static_cast<uint32_t>(manifest.aliases.size()));
  for (const AliasInfo& alias : manifest.aliases) {
    body.PutBytes(alias.alias);
    body.PutBytes(alias.memory);
    body.Put(alias.update_unix_nanos);
  }
  const std::string bytes = body.Take();
  ByteWriter out;
  out.Put(kManifestVersion);
  out.Put(Crc32c(bytes));
  out.PutRaw(bytes);
  return out.Take();
}

absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t version = in.Get<uint8_t>();
  if (version > kManifestVersion) {
    return FailedPrecondition(
        absl::StrFormat("the manifest of the backup has version %d", version),
        {.reason = "FORMAT_VERSION",
         .given = absl::StrCat(version),
         .expected = absl::StrCat("at most ", kManifestVersion),
         .next_step = "Restore it with the version of mneme that made it, or a newer one."});
  }
  const uint32_t crc = in.Get<uint32_t>();
  if (!in.ok() || version != kManifestVersion || Crc32c(in.rest()) != crc) return Corrupt();
  Manifest manifest;
  manifest.server_version = in.GetBytes();
  manifest.create_unix_nanos = in.Get<int64_t>();
  manifest.description = in.GetBytes();
  const uint32_t memories = in.Get<uint32_t>();
  for (uint32_t i = 0; i < memories && in.ok(); ++i) {
    MNEME_ASSIGN_OR_RETURN(ManifestMemory memory, GetMemory(in));
    manifest.memories.push_back(std::move(memory));
  }
  const uint32_t aliases = in.Get<uint32_t>();
  for (uint32_t i = 0; i < aliases && in.ok(); ++i) {
    AliasInfo alias;
    alias.alias = in.GetBytes();
    alias.memory = in.GetBytes();
    alias.update_unix_nanos = in.Get<int64_t>();
    manifest.aliases.push_back(std::move(alias));
  }
  if (!in.done()) return Corrupt();
  MNEME_RETURN_IF_ERROR(CheckTexts(manifest));
  return manifest;
}

absl::StatusOr<BackupInfo> DescribeBackup(const storage::BackupEntry& entry) {
  MNEME_ASSIGN_OR_RETURN(const Manifest manifest, DecodeManifest(entry.manifest));
  BackupInfo info{.id = entry.id,
                  .create_unix_nanos = entry.create_unix_nanos,
                  .bytes = entry.bytes,
                  .new_bytes = entry.new_bytes,
                  .description = manifest.description};
  for (const ManifestMemory& memory : manifest.memories) {
    info.memories.push_back({.name = memory.info.name,
                             .uid = memory.info.uid,
                             .position = memory.digest.position,
                             .items = memory.items,
                             .samples = static_cast<uint32_t>(memory.samples.size()),
                             .degraded_reason = memory.degraded_reason});
  }
  return info;
}

}  // namespace mneme::engine
