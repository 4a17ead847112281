// Analyze and WatchAnalysis.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/convert_admin.h"
#include "server/rpc/convert_analysis.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/status.h"
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
  const Passage passage = bounds_.gate.Admit(*context, *request, request->ByteSizeLong());
  bounds_.gate.Note(*context, passage, *request, passage.status, nullptr);
  const auto find = [&]() -> absl::StatusOr<std::shared_ptr<analysis::SampleRing>> {
    MNEME_RETURN_IF_ERROR(passage.status);
    MNEME_ASSIGN_OR_RETURN(const std::string id, DecodeOperationName(request->operation()));
    MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, engine_.jobs().Get(id));
    if (job.samples != nullptr) return job.samples;
    return FailedPrecondition(
        absl::StrFormat("operation '%s' is no analysis: it gives no samples", request->operation()),
        {.reason = "NOT_AN_ANALYSIS",
         .given = request->operation(),
         .expected = "an operation that Analyze began",
         .next_step = "Wait for it with WaitOperation."});
  };
  const absl::StatusOr<std::shared_ptr<analysis::SampleRing>> samples = find();
  return new WatchReactor(samples.ok() ? *samples : nullptr, ToGrpc(samples.status()), bounds_,
                          passage.caller);
}

}  // namespace mneme::server
