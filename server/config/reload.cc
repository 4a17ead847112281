#include "server/config/reload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

std::string ToText(const std::vector<KeyChange>& changes) {
  return absl::StrJoin(changes, ", ", [](std::string* out, const KeyChange& change) {
    absl::StrAppend(out, change.name, " from '", change.was, "' to '", change.now, "'");
  });
}

}  // namespace

Config Reloader::config() const {
  MutexLock lock(&mutex_);
  return config_;
}

absl::StatusOr<ReloadReport> Reloader::Reload() {
  MutexLock one_at_a_time(&reloading_);
  MNEME_ASSIGN_OR_RETURN(const Config read, load_());
  ReloadReport report;
  Config next = config();
  for (const ConfigKey& key : ConfigKeys()) {
    KeyChange change{.name = key.name, .was = key.get(next), .now = key.get(read)};
    if (change.was == change.now) continue;
    if (!key.live) {
      report.needs_restart.push_back(std::move(change));
      continue;
    }
    MNEME_RETURN_IF_ERROR(key.set(next, change.now));
    report.changed.push_back(std::move(change));
  }
  {
    MutexLock lock(&mutex_);
    config_ = next;
  }
  for (const Apply& apply : applies_) apply(next);
  std::vector<std::string> failures;
  for (const Part& part : parts_) {
    absl::StatusOr<std::string> said = part(next);
    if (said.ok()) {
      report.parts.push_back(*std::move(said));
    } else {
      failures.emplace_back(said.status().message());
    }
  }
  if (failures.empty()) return report;
  return FailedPrecondition(
      absl::StrCat("not all could be read again, and stays as it was: ",
                   absl::StrJoin(failures, "; ")),
      {.reason = "RELOAD",
       .given = ToLine(report),
       .expected = "files that can be read and are right",
       .next_step = "Mend what is named and reload again; all else is in force already."});
}

std::string ToLine(const ReloadReport& report) {
  std::vector<std::string> parts;
  if (!report.changed.empty()) parts.push_back(absl::StrCat("changed ", ToText(report.changed)));
  if (!report.needs_restart.empty()) {
    parts.push_back(absl::StrCat("waiting for a restart: ", ToText(report.needs_restart)));
  }
  parts.insert(parts.end(), report.parts.begin(), report.parts.end());
  return parts.empty() ? "nothing has changed" : absl::StrJoin(parts, "; ");
}

}  // namespace mneme::server
