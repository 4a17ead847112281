#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/engine/catalogue_entry.h"
#include "server/offline/offline.h"

namespace mneme::server {
namespace {

using nlohmann::json;

std::string_view NameOf(storage::RecordKind kind) {
  switch (kind) {
    case storage::RecordKind::kStore:
      return "store";
    case storage::RecordKind::kDelete:
      return "delete";
    case storage::RecordKind::kExpire:
      return "expire";
  }
  return "unknown";
}

json IdOf(const ItemId& id) { return id.is_text() ? json(id.text()) : json(id.number()); }

std::string HexOf(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) absl::StrAppendFormat(&out, "%02x", static_cast<uint8_t>(c));
  return out;
}

// Prints lines until there are enough of them.
class Lines {
 public:
  Lines(std::ostream& out, uint64_t limit) : out_(out), limit_(limit) {}
  // Cancelled once there are enough.
  absl::Status Print(const json& line) {
    // Bytes that are not text are shown as such, not refused.
    out_ << line.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
    ++printed_;
    return limit_ > 0 && printed_ >= limit_ ? absl::CancelledError("enough") : absl::OkStatus();
  }

 private:
  std::ostream& out_;
  const uint64_t limit_;
  uint64_t printed_ = 0;
};

json Describe(const storage::Storage& storage, const engine::MemoryInfo& info) {
  json line = {{"memory", info.name},
               {"uid", absl::StrFormat("%016x", info.uid)},
               {"model", info.spec.model.index() == 0 ? "dense" : "linear"},
               {"key_dim", info.spec.key_dim},
               {"response_dim", info.spec.response_dim},
               {"retain", std::string(models::Name(info.spec.retain))},
               {"revision", info.revision},
               {"create_unix_nanos", info.create_unix_nanos},
               {"update_unix_nanos", info.update_unix_nanos},
               {"description", info.labels.description},
               {"labels", info.labels.labels},
               {"frozen", info.frozen}};
  if (const auto next = storage.NextRow(info.uid); next.ok()) line["next_row"] = *next;
  if (const auto last = storage.LastPosition(info.uid); last.ok()) line["position"] = *last;
  return line;
}

absl::Status DumpLog(const storage::Storage& storage, const engine::MemoryInfo& info,
                     Lines& lines) {
  return storage.ReadLog(info.uid, 0, [&](const storage::LogRecord& record) {
    return lines.Print({{"memory", info.name},
                        {"position", record.position},
                        {"kind", std::string(NameOf(record.kind))},
                        {"first_row", record.first_row},
                        {"row_count", record.row_count},
                        {"removed_rows", record.removed_rows}});
  });
}

absl::Status DumpItems(const storage::Storage& storage, const engine::MemoryInfo& info,
                       bool vectors, Lines& lines) {
  const bool keeps_ids = info.spec.retain != models::Retain::kStatistics;
  return storage.ScanRows(
      info.uid, 0, ~uint64_t{0}, [&](const storage::RowView& row) -> absl::Status {
        json line = {{"memory", info.name},
                     {"row", row.row},
                     {"removed", (row.flags & storage::kRowRemoved) != 0},
                     {"weight", row.weight}};
        if (keeps_ids) line["id"] = IdOf(row.id);
        if (row.expire_unix_nanos != 0) line["expire_unix_nanos"] = row.expire_unix_nanos;
        MNEME_ASSIGN_OR_RETURN(const auto payloads, storage.ReadPayloads(info.uid, {&row.row, 1}));
        if (!payloads[0].payload.empty()) line["payload"] = payloads[0].payload;
        if (!payloads[0].attributes.empty()) line["attributes_hex"] = HexOf(payloads[0].attributes);
        if (vectors) {
          line["key"] = std::vector<float>(row.key.begin(), row.key.end());
          line["response"] = std::vector<float>(row.response.begin(), row.response.end());
        }
        return lines.Print(line);
      });
}

absl::Status DumpState(const storage::Storage& storage, const engine::MemoryInfo& info,
                       Lines& lines) {
  MNEME_ASSIGN_OR_RETURN(const std::optional<storage::StateBlob> state,
                         storage.ReadState(info.uid));
  json line = {{"memory", info.name}, {"checkpoint", state.has_value()}};
  if (state.has_value()) {
    MNEME_ASSIGN_OR_RETURN(const engine::Checkpoint checkpoint,
                           engine::DecodeCheckpoint(state->blob));
    line["position"] = state->position;
    line["next_row"] = checkpoint.next_row;
    line["model_bytes"] = checkpoint.model_blob.size();
  }
  return lines.Print(line);
}

absl::Status DumpMemory(const storage::Storage& storage, const engine::MemoryInfo& info,
                        const DumpOptions& options, std::ostream& out) {
  Lines lines(out, options.limit);
  absl::Status status;
  if (options.what == "catalogue") {
    status = lines.Print(Describe(storage, info));
  } else if (options.what == "log") {
    status = DumpLog(storage, info, lines);
  } else if (options.what == "items") {
    status = DumpItems(storage, info, options.vectors, lines);
  } else if (options.what == "state") {
    status = DumpState(storage, info, lines);
  } else {
    return InvalidArgument(absl::StrFormat("there is no '%s' to dump", options.what),
                           {.reason = "DUMP_WHAT",
                            .given = options.what,
                            .expected = "catalogue, log, items or state",
                            .next_step = "Choose one of these with --what."});
  }
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

}  // namespace

absl::Status RunDump(const storage::Storage& storage, const DumpOptions& options,
                     std::ostream& out) {
  MNEME_ASSIGN_OR_RETURN(const auto entries, storage.ReadCatalogue());
  bool found = options.memory.empty();
  for (const storage::Storage::CatalogueEntry& entry : entries) {
    MNEME_ASSIGN_OR_RETURN(const engine::MemoryInfo info,
                           engine::DecodeCatalogueEntry(entry.entry));
    if (!options.memory.empty() && info.name != options.memory) continue;
    found = true;
    if (absl::Status status = DumpMemory(storage, info, options, out); !status.ok())
      return Annotate(status, info.name);
  }
  if (!found) {
    return NotFound(
        absl::StrFormat("there is no memory '%s' in the data directory", options.memory),
        {.reason = "MEMORY_NOT_FOUND",
         .given = options.memory,
         .expected = "a memory of this data directory",
         .next_step = "mnemed dump --what=catalogue lists them."});
  }
  if (options.what != "catalogue" || !options.memory.empty()) return absl::OkStatus();
  MNEME_ASSIGN_OR_RETURN(const std::vector<storage::AliasEntry> aliases, storage.ReadAliases());
  for (const storage::AliasEntry& alias : aliases) {
    out << json({{"alias", alias.alias},
                 {"memory", alias.memory},
                 {"update_unix_nanos", alias.update_unix_nanos}})
        << "\n";
  }
  return absl::OkStatus();
}

}  // namespace mneme::server
