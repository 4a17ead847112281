// Analyze and WatchAnalysis.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/convert_admin.h"
#include "server/rpc/convert_analysis.h"
#include "server/rpc/watch_analysis.h"

namespace mneme::server {

AdminServiceImpl::Reactor* AdminServiceImpl::Analyze(Context* context,
                                                     const v1::AnalyzeRequest* request,
                                                     google::longrunning::Operation* response) {
  return ServeNow<Verb::kWrite>(
      bounds_, context, request, response,
      [this](const v1::AnalyzeRequest& from, google::longrunning::Operation* to) -> absl::Status {
        DecodeArena arena(bounds_.budget);
        engine::AnalyzeCommand command;
        MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(from.memory(), "memory"));
        MNEME_ASSIGN_OR_RETURN(command.spec, DecodeAnalysis(from, arena));
        MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, engine_.Analyze(std::move(command)));
        EncodeJob(job, to);
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<v1::AnalysisSample>* AdminServiceImpl::WatchAnalysis(
    Context* context, const v1::WatchAnalysisRequest* request) {
  return new WatchReactor(engine_.jobs(), bounds_, context, *request);
}

}  // namespace mneme::server
