// Studies of memories.
#include "client/cpp/src/convert.h"
#include "client/cpp/src/convert_analysis.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/status.h"
#include "mneme/client.h"

namespace mneme::client {

absl::StatusOr<Operation> Client::Analyze(std::string_view memory, const AnalysisSpec& spec,
                                          const CallOptions& call) {
  v1::AnalyzeRequest request;
  request.set_memory(ResourceName(memory));
  SetAnalysis(spec, &request);
  google::longrunning::Operation response;
  absl::Status status =
      impl_->Call(call, Repeatable::kNo, &Impl::Admin::Analyze, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::Status Client::WatchAnalysis(std::string_view operation,
                                   const std::function<bool(const AnalysisSample&)>& observe,
                                   std::stop_token stop) {
  v1::WatchAnalysisRequest request;
  request.set_operation(ResourceName(operation, "operations/"));
  // No deadline: an analysis takes as long as it takes.
  grpc::ClientContext context;
  impl_->Prepare(context);
  const std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
  const auto reader = impl_->admin().WatchAnalysis(&context, request);
  bool left = false;
  v1::AnalysisSample sample;
  while (!left && reader->Read(&sample)) {
    left = !observe(FromWire(sample));
    if (left) context.TryCancel();
  }
  const grpc::Status end = reader->Finish();
  return left ? absl::OkStatus() : FromGrpc(end, impl_->options().target, stop);
}

}  // namespace mneme::client
