// mneme.v1.AdminService: aliases, copies, indexes, analyses, sketches, backups, usage. As in
// MemoryServiceImpl no handler blocks: what reads the disk at once runs on a thread of the
// service's own.
#ifndef MNEME_SERVER_RPC_ADMIN_SERVICE_H_
#define MNEME_SERVER_RPC_ADMIN_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "core/engine/engine.h"
#include "core/engine/read_pool.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "server/config/reload.h"
#include "server/rpc/call.h"
#include "server/rpc/guarded_service.h"

namespace mneme::server {

class AdminServiceImpl final : public GuardedService<v1::AdminService::CallbackService> {
 public:
  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;

  // All must outlive the service.
  AdminServiceImpl(engine::Engine& engine, Reloader& reloader, CallBounds& bounds);

  // aliases.cc
  Reactor* SetAlias(Context*, const v1::SetAliasRequest*, v1::Alias*) override;
  Reactor* DeleteAlias(Context*, const v1::DeleteAliasRequest*, google::protobuf::Empty*) override;
  Reactor* ListAliases(Context*, const v1::ListAliasesRequest*, v1::ListAliasesResponse*) override;
  // admin.cc
  Reactor* GetMemoryUsage(Context*, const v1::GetMemoryUsageRequest*, v1::MemoryUsage*) override;
  Reactor* CloneMemory(Context*, const v1::CloneMemoryRequest*,
                       google::longrunning::Operation*) override;
  Reactor* CalibrateIndex(Context*, const v1::CalibrateIndexRequest*,
                          google::longrunning::Operation*) override;
  // analyze.cc
  Reactor* Analyze(Context*, const v1::AnalyzeRequest*, google::longrunning::Operation*) override;
  grpc::ServerWriteReactor<v1::AnalysisSample>* WatchAnalysis(
      Context*, const v1::WatchAnalysisRequest*) override;
  // sketch.cc
  Reactor* ExportSketch(Context*, const v1::ExportSketchRequest*,
                        v1::ExportSketchResponse*) override;
  Reactor* MergeSketch(Context*, const v1::MergeSketchRequest*, v1::MergeSketchResponse*) override;
  // backups.cc
  Reactor* CreateBackup(Context*, const v1::CreateBackupRequest*,
                        google::longrunning::Operation*) override;
  Reactor* GetBackup(Context*, const v1::GetBackupRequest*, v1::Backup*) override;
  Reactor* ListBackups(Context*, const v1::ListBackupsRequest*, v1::ListBackupsResponse*) override;
  Reactor* DeleteBackup(Context*, const v1::DeleteBackupRequest*,
                        google::protobuf::Empty*) override;
  Reactor* RestoreBackup(Context*, const v1::RestoreBackupRequest*,
                         google::longrunning::Operation*) override;
  // reload.cc
  Reactor* ReloadConfig(Context*, const v1::ReloadConfigRequest*,
                        v1::ReloadConfigResponse*) override;

 private:
  // work: () -> StatusOr<Reply>, on the service's thread; `done` gets what it gives.
  template <typename Reply, typename Work>
  void RunOnDisk(engine::Done<Reply> done, Work work) {
    const absl::Status queued = disk_.Submit([done, work = std::move(work)] { done(work()); });
    if (!queued.ok()) done(queued);
  }

  engine::Engine& engine_;
  Reloader& reloader_;
  CallBounds& bounds_;
  engine::ReadPool disk_{1};
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_ADMIN_SERVICE_H_
