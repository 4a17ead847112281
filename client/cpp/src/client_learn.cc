// Trainings, the operations that watch them, and forecasts.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/status.h"
#include "mneme/client.h"

namespace mneme::client {
namespace {

namespace longrunning = google::longrunning;

constexpr std::chrono::milliseconds kAnswerTime(10'000);  // for a reply, beside the wait itself

v1::TrainRequest MakeTrain(std::string_view memory, const TrainOptions& options) {
  v1::TrainRequest request;
  request.set_memory(ResourceName(memory));
  request.set_loss(static_cast<v1::TrainLoss>(options.loss));
  request.set_optimizer(static_cast<v1::TrainOptimizer>(options.optimizer));
  SetTail(options.tail, &request);
  if (options.lambda) request.set_lambda(*options.lambda);
  request.set_steps_max(options.steps_max);
  request.set_learning_rate(options.learning_rate);
  request.set_batch(options.batch);
  request.set_seed(options.seed);
  request.set_objective(static_cast<v1::EncoderObjective>(options.objective));
  request.set_cue_noise(options.cue_noise);
  return request;
}

// `request` names its subject; the rest comes from `options`.
template <typename Impl>
absl::StatusOr<ForecastResult> SendForecast(Impl& impl, const ForecastOptions& options,
                                            v1::ForecastRequest& request) {
  request.mutable_list_sizes()->Assign(options.list_sizes.begin(), options.list_sizes.end());
  request.set_cue_cosine(options.cue_cosine);
  request.set_error_target(options.error_target);
  request.set_probe(static_cast<v1::ProbeMode>(options.probe));
  request.set_probe_items(options.probe_items);
  request.set_seed(options.seed);
  request.set_curve_points(options.curve_points);
  v1::ForecastResponse response;
  absl::Status status =
      impl.Call(options.call, Repeatable::kYes, &Impl::Memories::Forecast, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

template <typename Request>
Request Named(std::string_view operation) {
  Request request;
  request.set_name(ResourceName(operation, "operations/"));
  return request;
}

void SetTimeout(std::chrono::milliseconds timeout, longrunning::WaitOperationRequest& request) {
  request.mutable_timeout()->set_seconds(timeout.count() / 1000);
  request.mutable_timeout()->set_nanos(static_cast<int32_t>(timeout.count() % 1000 * 1'000'000));
}

absl::Status StillUnderWay(const Operation& operation) {
  return MakeError({.code = absl::StatusCode::kDeadlineExceeded,
                    .reason = "DEADLINE",
                    .message = absl::StrCat(operation.name, " is still under way"),
                    .next_step = "Wait again, or cancel it."});
}

}  // namespace

absl::StatusOr<Operation> Client::Train(std::string_view memory, const TrainOptions& options) {
  longrunning::Operation response;
  absl::Status status = impl_->Call(options.call, Repeatable::kNo, &Impl::Memories::Train,
                                    MakeTrain(memory, options), response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::StatusOr<Operation> Client::GetOperation(std::string_view operation,
                                               const CallOptions& call) {
  longrunning::Operation response;
  absl::Status status = impl_->Call(call, Repeatable::kYes, &Impl::Operations::GetOperation,
                                    Named<longrunning::GetOperationRequest>(operation), response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::StatusOr<std::vector<Operation>> Client::ListOperations(const CallOptions& call) {
  std::vector<Operation> operations;
  longrunning::ListOperationsRequest request;
  do {
    longrunning::ListOperationsResponse response;
    absl::Status status =
        impl_->Call(call, Repeatable::kYes, &Impl::Operations::ListOperations, request, response);
    if (!status.ok()) return status;
    for (const auto& operation : response.operations()) operations.push_back(FromWire(operation));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return operations;
}

absl::StatusOr<Operation> Client::WaitOperation(std::string_view operation,
                                                const WaitOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  absl::StatusOr<Operation> now = GetOperation(operation, {.stop = options.stop});
  while (now.ok()) {
    if (options.observe) options.observe(*now);
    if (now->done) return now;
    std::chrono::milliseconds slice = options.pace;
    if (options.timeout) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          *options.timeout - (std::chrono::steady_clock::now() - begin));
      if (left.count() <= 0) return StillUnderWay(*now);
      slice = std::min(slice, left);
    }
    auto request = Named<longrunning::WaitOperationRequest>(operation);
    SetTimeout(slice, request);
    longrunning::Operation response;
    absl::Status status =
        impl_->Call({.timeout = slice + kAnswerTime, .stop = options.stop}, Repeatable::kYes,
                    &Impl::Operations::WaitOperation, request, response);
    if (!status.ok()) return status;
    now = FromWire(response);
  }
  return now;
}

absl::Status Client::CancelOperation(std::string_view operation, const CallOptions& call) {
  google::protobuf::Empty response;
  return impl_->Call(call, Repeatable::kYes, &Impl::Operations::CancelOperation,
                     Named<longrunning::CancelOperationRequest>(operation), response);
}

absl::Status Client::DeleteOperation(std::string_view operation, const CallOptions& call) {
  google::protobuf::Empty response;
  return impl_->Call(call, Repeatable::kNo, &Impl::Operations::DeleteOperation,
                     Named<longrunning::DeleteOperationRequest>(operation), response);
}

absl::StatusOr<ForecastResult> Client::Forecast(std::string_view memory,
                                                const ForecastOptions& options) {
  v1::ForecastRequest request;
  request.set_memory(ResourceName(memory));
  return SendForecast(*impl_, options, request);
}

absl::StatusOr<ForecastResult> Client::Forecast(const PlannedMemory& planned,
                                                const ForecastOptions& options) {
  v1::ForecastRequest request;
  SetSpec(planned.spec, request.mutable_planned()->mutable_memory());
  request.mutable_planned()->set_items(planned.items);
  request.mutable_planned()->set_key_dim_effective(planned.key_dim_effective);
  request.mutable_planned()->set_response_dim_effective(planned.response_dim_effective);
  return SendForecast(*impl_, options, request);
}

}  // namespace mneme::client
