#include "server/rpc/convert_admin.h"

#include <algorithm>

#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/convert_analysis.h"
#include "server/rpc/status.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

void EncodeTimes(const engine::JobInfo& job, google::protobuf::Timestamp* start,
                 const auto& mutable_expected_end) {
  EncodeTimestamp(job.start_unix_nanos, start);
  if (job.expected_end_unix_nanos > 0) {
    EncodeTimestamp(job.expected_end_unix_nanos, mutable_expected_end());
  }
}

v1::TrainMetadata MakeTrainMetadata(const engine::JobInfo& job) {
  v1::TrainMetadata out;
  out.set_memory(FormatMemoryName(job.memory));
  out.set_phase(job.progress.phase);
  out.set_progress(job.progress.share);
  out.set_steps(static_cast<uint32_t>(std::max(0, job.progress.steps)));
  out.set_loss(job.progress.loss);
  EncodeTimes(job, out.mutable_start_time(), [&] { return out.mutable_expected_end_time(); });
  return out;
}

v1::AdminMetadata MakeAdminMetadata(const engine::JobInfo& job, std::string_view kind) {
  v1::AdminMetadata out;
  out.set_kind(std::string(kind));
  const bool of_memory = job.kind == engine::JobKind::kClone ||
                         job.kind == engine::JobKind::kIndex ||
                         job.kind == engine::JobKind::kAnalyze;
  out.set_subject(of_memory ? FormatMemoryName(job.memory) : job.memory);
  out.set_phase(job.progress.phase);
  out.set_progress(job.progress.share);
  EncodeTimes(job, out.mutable_start_time(), [&] { return out.mutable_expected_end_time(); });
  return out;
}

void PackMetadata(const engine::JobInfo& job, google::protobuf::Any* to) {
  switch (job.kind) {
    case engine::JobKind::kTrain:
      to->PackFrom(MakeTrainMetadata(job));
      return;
    case engine::JobKind::kClone:
      to->PackFrom(MakeAdminMetadata(job, "clone"));
      return;
    case engine::JobKind::kBackup:
      to->PackFrom(MakeAdminMetadata(job, "backup"));
      return;
    case engine::JobKind::kRestore:
      to->PackFrom(MakeAdminMetadata(job, "restore"));
      return;
    case engine::JobKind::kIndex:
      to->PackFrom(MakeAdminMetadata(job, "index"));
      return;
    case engine::JobKind::kAnalyze:
      to->PackFrom(MakeAdminMetadata(job, "analyze"));
      return;
  }
}

// What a job made, as the response of the call that began it.
struct ResponsePacker {
  engine::JobKind kind;
  google::protobuf::Any* to;

  void operator()(const std::monostate&) const {}
  void operator()(const engine::MemoryInfo& info) const {
    if (kind == engine::JobKind::kClone) return Pack<v1::CloneMemoryResponse>(info);
    if (kind == engine::JobKind::kIndex) return Pack<v1::CalibrateIndexResponse>(info);
    Pack<v1::TrainResponse>(info);
  }
  void operator()(const engine::BackupInfo& backup) const {
    v1::CreateBackupResponse response;
    EncodeBackup(backup, response.mutable_backup());
    to->PackFrom(response);
  }
  void operator()(const engine::RestoreReply& reply) const {
    v1::RestoreBackupResponse response;
    for (const engine::MemoryInfo& info : reply.memories) {
      EncodeMemory(info, std::nullopt, response.add_memories());
    }
    response.set_samples_compared(reply.samples_compared);
    to->PackFrom(response);
  }
  void operator()(const std::shared_ptr<const analysis::Report>& report) const {
    v1::AnalyzeResponse response;
    EncodeReport(*report, response.mutable_report());
    to->PackFrom(response);
  }

 private:
  template <typename Response>
  void Pack(const engine::MemoryInfo& info) const {
    Response response;
    EncodeMemory(info, std::nullopt, response.mutable_memory());
    to->PackFrom(response);
  }
};

}  // namespace

void EncodeJob(const engine::JobInfo& job, google::longrunning::Operation* to) {
  to->set_name(absl::StrCat("operations/", job.id));
  PackMetadata(job, to->mutable_metadata());
  to->set_done(job.done);
  if (!job.done) return;
  if (job.status.ok()) {
    std::visit(ResponsePacker{job.kind, to->mutable_response()}, job.result);
  } else {
    ToProto(job.status, to->mutable_error());
  }
}

void EncodeAlias(const engine::AliasInfo& alias, v1::Alias* to) {
  to->set_name(FormatMemoryName(alias.alias));
  to->set_memory(FormatMemoryName(alias.memory));
  EncodeTimestamp(alias.update_unix_nanos, to->mutable_update_time());
}

void EncodeUsage(const engine::MemoryUsage& usage, v1::MemoryUsage* to) {
  to->set_name(FormatMemoryName(usage.name));
  to->set_items(usage.items);
  EncodeBytes(usage.memory, to->mutable_memory());
  EncodeBytes(usage.disk, to->mutable_disk());
  uint64_t memory_bytes = 0;
  for (const models::ByteAccount& account : usage.memory) memory_bytes += account.bytes;
  uint64_t disk_bytes = 0;
  for (const models::ByteAccount& account : usage.disk) disk_bytes += account.bytes;
  to->set_memory_bytes(memory_bytes);
  to->set_disk_bytes(disk_bytes);
  to->set_memory_bytes_twice(usage.memory_bytes_twice);
  to->set_disk_bytes_twice(usage.disk_bytes_twice);
  if (usage.top1.has_value()) to->set_top1(*usage.top1);
  if (usage.top1_twice.has_value()) to->set_top1_twice(*usage.top1_twice);
  to->set_log_records(usage.log_records);
}

void EncodeBackup(const engine::BackupInfo& backup, v1::Backup* to) {
  to->set_name(FormatBackupName(backup.id));
  EncodeTimestamp(backup.create_unix_nanos, to->mutable_create_time());
  to->set_bytes(backup.bytes);
  to->set_new_bytes(backup.new_bytes);
  to->set_description(backup.description);
  for (const engine::BackupMemory& memory : backup.memories) {
    v1::BackupMemory& out = *to->add_memories();
    out.set_name(FormatMemoryName(memory.name));
    out.set_uid(FormatUid(memory.uid));
    out.set_position(memory.position);
    out.set_items(memory.items);
    out.set_samples(memory.samples);
    out.set_degraded_reason(memory.degraded_reason);
  }
}

}  // namespace mneme::server
