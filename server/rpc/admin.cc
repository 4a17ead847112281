// GetMemoryUsage, CloneMemory and CalibrateIndex.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/convert_admin.h"

namespace mneme::server {

AdminServiceImpl::AdminServiceImpl(engine::Engine& engine, Reloader& reloader, CallBounds& bounds)
    : engine_(engine), reloader_(reloader), bounds_(bounds) {
  Guard(bounds, this, &AdminServiceImpl::SetAlias, &AdminServiceImpl::DeleteAlias,
        &AdminServiceImpl::ListAliases, &AdminServiceImpl::GetMemoryUsage,
        &AdminServiceImpl::CloneMemory, &AdminServiceImpl::CalibrateIndex,
        &AdminServiceImpl::Analyze, &AdminServiceImpl::WatchAnalysis,
        &AdminServiceImpl::ExportSketch, &AdminServiceImpl::MergeSketch,
        &AdminServiceImpl::CreateBackup, &AdminServiceImpl::GetBackup,
        &AdminServiceImpl::ListBackups, &AdminServiceImpl::DeleteBackup,
        &AdminServiceImpl::RestoreBackup, &AdminServiceImpl::ReloadConfig);
}

AdminServiceImpl::Reactor* AdminServiceImpl::GetMemoryUsage(
    Context* context, const v1::GetMemoryUsageRequest* request, v1::MemoryUsage* response) {
  return Serve<Verb::kRead>(
      bounds_, context, request, response,
      [](const v1::GetMemoryUsageRequest& from, DecodeArena&) {
        return DecodeMemoryName(from.name(), "name");
      },
      [this](std::string name, engine::Done<engine::MemoryUsage> done) {
        RunOnDisk<engine::MemoryUsage>(
            std::move(done), [this, name = std::move(name)] { return engine_.UsageOf(name); });
      },
      EncodeUsage);
}

AdminServiceImpl::Reactor* AdminServiceImpl::CloneMemory(Context* context,
                                                         const v1::CloneMemoryRequest* request,
                                                         google::longrunning::Operation* response) {
  return ServeNow<Verb::kWrite>(
      bounds_, context, request, response,
      [this](const v1::CloneMemoryRequest& from,
             google::longrunning::Operation* to) -> absl::Status {
        engine::CloneCommand command{.name = from.memory_id()};
        MNEME_ASSIGN_OR_RETURN(command.source, DecodeMemoryName(from.source(), "source"));
        MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, engine_.CloneMemory(std::move(command)));
        EncodeJob(job, to);
        return absl::OkStatus();
      });
}

AdminServiceImpl::Reactor* AdminServiceImpl::CalibrateIndex(
    Context* context, const v1::CalibrateIndexRequest* request,
    google::longrunning::Operation* response) {
  return ServeNow<Verb::kWrite>(
      bounds_, context, request, response,
      [this](const v1::CalibrateIndexRequest& from,
             google::longrunning::Operation* to) -> absl::Status {
        engine::CalibrateCommand command;
        MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(from.memory(), "memory"));
        MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job,
                               engine_.CalibrateIndex(std::move(command)));
        EncodeJob(job, to);
        return absl::OkStatus();
      });
}

}  // namespace mneme::server
