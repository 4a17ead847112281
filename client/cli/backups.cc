#include "client/cli/backups.h"

#include "absl/strings/str_cat.h"
#include "client/cli/describe.h"
#include "client/cli/text.h"

namespace mneme::cli {

void PrintBackup(const client::Backup& backup, std::ostream& out) {
  out << backup.name << "\n";
  Fields fields(out);
  fields.Add("description", backup.description);
  fields.Add("made", FormatSeconds(backup.create_time));
  // Files of the backup itself are written too, so that this may be more than it holds.
  fields.Add("bytes", FormatBytes(backup.bytes));
  const bool shares = backup.new_bytes < backup.bytes;
  fields.Add("written", absl::StrCat(FormatBytes(backup.new_bytes),
                                     shares ? "; the rest is of earlier backups" : ""));
  Table table({{"MEMORY"},
               {"ITEMS", Table::Align::kRight},
               {"POSITION", Table::Align::kRight},
               {"SAMPLES", Table::Align::kRight},
               {"UID"},
               {"DAMAGE"}});
  for (const client::BackupMemory& memory : backup.memories) {
    table.Add({memory.name, FormatCount(memory.items), FormatCount(memory.position),
               FormatCount(memory.samples), memory.uid, memory.degraded_reason});
  }
  table.Print(out);
}

void PrintRestored(const client::Restored& restored, std::ostream& out) {
  Table table({{"MEMORY"}, {"ITEMS", Table::Align::kRight}, {"POSITION", Table::Align::kRight}});
  for (const client::Memory& memory : restored.memories) {
    table.Add({memory.spec.name, FormatCount(memory.state.item_count),
               FormatCount(memory.state.position)});
  }
  table.Print(out);
  out << "counts and checksums agree, and " << FormatCount(restored.samples_compared)
      << " answers are the same as when the backup was made\n";
}

}  // namespace mneme::cli
