// Train, and google.longrunning.Operations.
#include <grpcpp/alarm.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/status.h"

namespace mneme::server {
namespace {

constexpr std::string_view kOperationPrefix = "operations/";
constexpr int kPageDefault = 100;
constexpr int kPageMax = 1'000;
constexpr int64_t kWaitSecondsMax = 60;
constexpr int kFistaStepsDefault = 150;
constexpr int kStepsDefault = 1'000;

absl::StatusOr<models::TrainSpec::Loss> DecodeLoss(v1::TrainLoss loss) {
  switch (loss) {
    case v1::TRAIN_LOSS_UNSPECIFIED:
    case v1::TRAIN_LOSS_TAM:
      return models::TrainSpec::Loss::kTam;
    case v1::TRAIN_LOSS_CROSS_ENTROPY:
      return models::TrainSpec::Loss::kCrossEntropy;
    case v1::TRAIN_LOSS_LEAST_SQUARES:
      return models::TrainSpec::Loss::kLeastSquares;
    default:
      return UnknownEnum("loss", loss);
  }
}

absl::StatusOr<models::TrainSpec::Optimizer> DecodeOptimizer(v1::TrainOptimizer optimizer) {
  switch (optimizer) {
    case v1::TRAIN_OPTIMIZER_UNSPECIFIED:
    case v1::TRAIN_OPTIMIZER_FISTA:
      return models::TrainSpec::Optimizer::kFista;
    case v1::TRAIN_OPTIMIZER_OGD:
      return models::TrainSpec::Optimizer::kOgd;
    case v1::TRAIN_OPTIMIZER_ADAM:
      return models::TrainSpec::Optimizer::kAdam;
    case v1::TRAIN_OPTIMIZER_MUON:
      return models::TrainSpec::Optimizer::kMuon;
    default:
      return UnknownEnum("optimizer", optimizer);
  }
}

absl::StatusOr<engine::TrainCommand> DecodeTrain(const v1::TrainRequest& request) {
  engine::TrainCommand command;
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  models::TrainSpec& spec = command.spec;
  MNEME_ASSIGN_OR_RETURN(spec.loss, DecodeLoss(request.loss()));
  MNEME_ASSIGN_OR_RETURN(spec.optimizer, DecodeOptimizer(request.optimizer()));
  if (request.has_list_size()) {
    if (request.list_size() == 0) {
      return InvalidArgument("list_size is 0, expected at least 1",
                             {.reason = "TRAIN",
                              .given = "list_size=0",
                              .expected = "at least 1",
                              .next_step = "Leave it out for the memory's own."});
    }
    spec.list_size = request.list_size();
  }
  if (request.has_tail_fraction()) spec.tail_fraction = request.tail_fraction();
  if (request.has_lambda()) spec.lambda = request.lambda();
  const bool fista = spec.optimizer == models::TrainSpec::Optimizer::kFista;
  spec.steps_max = fista ? kFistaStepsDefault : kStepsDefault;
  if (request.steps_max() > 0) {
    spec.steps_max = static_cast<int>(std::min<uint32_t>(request.steps_max(), 1u << 30));
  }
  spec.learning_rate = request.learning_rate();
  if (request.batch() > 0) spec.batch = request.batch();
  if (request.seed() > 0) spec.seed = request.seed();
  return command;
}

void EncodeJob(const engine::JobInfo& job, google::longrunning::Operation* to) {
  to->set_name(absl::StrCat(AbslView(kOperationPrefix), job.id));
  v1::TrainMetadata metadata;
  metadata.set_memory(FormatMemoryName(job.memory));
  metadata.set_phase(job.progress.phase);
  metadata.set_progress(job.progress.share);
  metadata.set_steps(static_cast<uint32_t>(std::max(0, job.progress.steps)));
  metadata.set_loss(job.progress.loss);
  EncodeTimestamp(job.start_unix_nanos, metadata.mutable_start_time());
  if (job.expected_end_unix_nanos > 0) {
    EncodeTimestamp(job.expected_end_unix_nanos, metadata.mutable_expected_end_time());
  }
  to->mutable_metadata()->PackFrom(metadata);
  to->set_done(job.done);
  if (!job.done) return;
  if (const auto* memory = std::get_if<engine::MemoryInfo>(&job.result); memory != nullptr) {
    v1::TrainResponse response;
    EncodeMemory(*memory, std::nullopt, response.mutable_memory());
    to->mutable_response()->PackFrom(response);
  } else {
    ToProto(job.status, to->mutable_error());
  }
}

absl::StatusOr<std::string> DecodeOperationName(std::string_view name) {
  if (name.starts_with(kOperationPrefix) && name.size() > kOperationPrefix.size()) {
    return std::string(name.substr(kOperationPrefix.size()));
  }
  return InvalidArgument(absl::StrFormat("name is '%s'", AbslView(name)),
                         {.reason = "NAME",
                          .given = std::string(name),
                          .expected = "operations/{id}",
                          .next_step = "Send the name that Train answered with."});
}

// A wait that ends when the job does, when the time is over, or when the caller has gone: whichever
// comes first answers.
class WaitReactor final : public grpc::ServerUnaryReactor {
 public:
  WaitReactor(engine::JobRunner& jobs, std::string id, int64_t timeout_nanos,
              google::longrunning::Operation* response)
      : jobs_(jobs), id_(std::move(id)), response_(response) {
    shared_->reactor = this;
    const absl::Status waiting = jobs_.Wait(id_, [shared = shared_](engine::JobInfo job) {
      if (shared->answered.exchange(true)) return;
      EncodeJob(job, shared->reactor->response_);
      shared->reactor->Finish(grpc::Status::OK);
    });
    if (!waiting.ok()) {
      shared_->answered = true;
      parties_ = 1;  // there is no alarm
      Finish(ToGrpc(waiting));
      return;
    }
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::nanoseconds(timeout_nanos),
               [this](bool) { AnswerAsItIs(); });
  }

  void OnCancel() override { alarm_.Cancel(); }
  void OnDone() override {
    alarm_.Cancel();
    Leave();
  }

 private:
  struct Shared {
    std::atomic<bool> answered{false};
    WaitReactor* reactor = nullptr;
  };

  void AnswerAsItIs() {
    if (!shared_->answered.exchange(true)) {
      const absl::StatusOr<engine::JobInfo> job = jobs_.Get(id_);
      if (job.ok()) EncodeJob(*job, response_);
      Finish(ToGrpc(job.status()));
    }
    Leave();
  }

  // Call and alarm each leave once, and look at nothing afterwards.
  void Leave() {
    if (parties_.fetch_sub(1) == 1) delete this;
  }

  engine::JobRunner& jobs_;
  const std::string id_;
  google::longrunning::Operation* const response_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  grpc::Alarm alarm_;
  std::atomic<int> parties_{2};
};

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::Train(Context* context,
                                                     const v1::TrainRequest* request,
                                                     google::longrunning::Operation* response) {
  Reactor* reactor = context->DefaultReactor();
  const auto train = [&]() -> absl::Status {
    MNEME_ASSIGN_OR_RETURN(engine::TrainCommand command, DecodeTrain(*request));
    MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, engine_.Train(std::move(command)));
    EncodeJob(job, response);
    return absl::OkStatus();
  };
  reactor->Finish(ToGrpc(train()));
  return reactor;
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::ListOperations(
    Context* context, const google::longrunning::ListOperationsRequest* request,
    google::longrunning::ListOperationsResponse* response) {
  const size_t size = static_cast<size_t>(
      request->page_size() <= 0 ? kPageDefault : std::min(request->page_size(), kPageMax));
  const std::vector<engine::JobInfo> jobs = jobs_.List(request->page_token(), size + 1);
  for (size_t i = 0; i < std::min(size, jobs.size()); ++i) {
    EncodeJob(jobs[i], response->add_operations());
  }
  if (jobs.size() > size) response->set_next_page_token(jobs[size - 1].id);
  Reactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::GetOperation(
    Context* context, const google::longrunning::GetOperationRequest* request,
    google::longrunning::Operation* response) {
  Reactor* reactor = context->DefaultReactor();
  const auto get = [&]() -> absl::Status {
    MNEME_ASSIGN_OR_RETURN(const std::string id, DecodeOperationName(request->name()));
    MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, jobs_.Get(id));
    EncodeJob(job, response);
    return absl::OkStatus();
  };
  reactor->Finish(ToGrpc(get()));
  return reactor;
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::DeleteOperation(
    Context* context, const google::longrunning::DeleteOperationRequest* request,
    google::protobuf::Empty*) {
  Reactor* reactor = context->DefaultReactor();
  const auto forget = [&]() -> absl::Status {
    MNEME_ASSIGN_OR_RETURN(const std::string id, DecodeOperationName(request->name()));
    return jobs_.Forget(id);
  };
  reactor->Finish(ToGrpc(forget()));
  return reactor;
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::CancelOperation(
    Context* context, const google::longrunning::CancelOperationRequest* request,
    google::protobuf::Empty*) {
  Reactor* reactor = context->DefaultReactor();
  const auto cancel = [&]() -> absl::Status {
    MNEME_ASSIGN_OR_RETURN(const std::string id, DecodeOperationName(request->name()));
    return jobs_.Cancel(id);
  };
  reactor->Finish(ToGrpc(cancel()));
  return reactor;
}

OperationsServiceImpl::Reactor* OperationsServiceImpl::WaitOperation(
    Context* context, const google::longrunning::WaitOperationRequest* request,
    google::longrunning::Operation* response) {
  const absl::StatusOr<std::string> id = DecodeOperationName(request->name());
  if (!id.ok()) {
    Reactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpc(id.status()));
    return reactor;
  }
  int64_t nanos = kWaitSecondsMax * 1'000'000'000;
  if (request->has_timeout()) {
    const int64_t seconds = std::clamp<int64_t>(request->timeout().seconds(), 0, kWaitSecondsMax);
    nanos = std::min(
        nanos, seconds * 1'000'000'000 + std::clamp(request->timeout().nanos(), 0, 999'999'999));
  }
  return new WaitReactor(jobs_, *id, nanos, response);
}

}  // namespace mneme::server
