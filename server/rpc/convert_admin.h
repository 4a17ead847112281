// Jobs, aliases, backups, usage: engine -> wire.
#ifndef MNEME_SERVER_RPC_CONVERT_ADMIN_H_
#define MNEME_SERVER_RPC_CONVERT_ADMIN_H_

#include "core/engine/jobs.h"
#include "core/engine/types.h"
#include "google/longrunning/operations.pb.h"
#include "mneme/v1/admin_service.pb.h"

namespace mneme::server {

// The metadata are TrainMetadata or AdminMetadata, the response that of the call which began the
// job.
void EncodeJob(const engine::JobInfo& job, google::longrunning::Operation* to);

void EncodeAlias(const engine::AliasInfo& alias, v1::Alias* to);
void EncodeUsage(const engine::MemoryUsage& usage, v1::MemoryUsage* to);
void EncodeBackup(const engine::BackupInfo& backup, v1::Backup* to);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CONVERT_ADMIN_H_
