// A google.longrunning.Operations in the test's own process: each look at an operation shows the
// next of the states that the test prepared, the last one for ever.
//
// Threads: thread-safe.
#ifndef MNEME_TESTS_UNIT_CLIENT_FAKE_OPERATIONS_H_
#define MNEME_TESTS_UNIT_CLIENT_FAKE_OPERATIONS_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "google/longrunning/operations.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "mneme/v1/memory_service.pb.h"

namespace mneme::client::testing {

class FakeOperations final : public google::longrunning::Operations::Service {
 public:
  using Operation = google::longrunning::Operation;

  // A training in `phase`, `progress` of it done.
  static Operation UnderWay(const std::string& phase, double progress) {
    v1::TrainMetadata metadata;
    metadata.set_memory("memories/words");
    metadata.set_phase(phase);
    metadata.set_progress(progress);
    metadata.set_steps(static_cast<uint32_t>(100 * progress));
    metadata.set_loss(0.7 - progress / 2);
    metadata.mutable_start_time()->set_seconds(1'700'000'000);
    if (progress > 0) metadata.mutable_expected_end_time()->set_seconds(1'700'000'060);
    Operation operation;
    operation.set_name("operations/7");
    operation.mutable_metadata()->PackFrom(metadata);
    return operation;
  }
  // The same, ended with `trained`.
  static Operation Ended(const v1::TrainedState& trained) {
    Operation operation = UnderWay("done", 1);
    operation.set_done(true);
    v1::TrainResponse response;
    response.mutable_memory()->set_name("memories/words");
    response.mutable_memory()->mutable_linear()->set_rule(v1::LINEAR_RULE_TAM);
    *response.mutable_memory()->mutable_state()->mutable_trained() = trained;
    operation.mutable_response()->PackFrom(response);
    return operation;
  }
  // The same, ended with an error.
  static Operation Failed(grpc::StatusCode code, const std::string& message) {
    Operation operation = UnderWay("training", 0.5);
    operation.set_done(true);
    operation.mutable_error()->set_code(code);
    operation.mutable_error()->set_message(message);
    return operation;
  }

  void Show(std::vector<Operation> states) {
    const std::lock_guard lock(mutex_);
    states_ = std::move(states);
    shown_ = 0;
  }
  // Once it is asked to cancel, the operation is at this state.
  void ShowOnCancel(Operation state) {
    const std::lock_guard lock(mutex_);
    on_cancel_ = {std::move(state)};
  }

  // Runs after each look; set before the first call.
  std::function<void()> on_look;

  int looks() const {
    const std::lock_guard lock(mutex_);
    return looks_;
  }
  std::vector<std::string> cancelled() const {
    const std::lock_guard lock(mutex_);
    return cancelled_;
  }
  std::vector<std::string> deleted() const {
    const std::lock_guard lock(mutex_);
    return deleted_;
  }

  grpc::Status GetOperation(grpc::ServerContext*,
                            const google::longrunning::GetOperationRequest* request,
                            Operation* response) override {
    return Look(request->name(), response);
  }
  grpc::Status WaitOperation(grpc::ServerContext*,
                             const google::longrunning::WaitOperationRequest* request,
                             Operation* response) override {
    return Look(request->name(), response);
  }
  // A page for each state.
  grpc::Status ListOperations(grpc::ServerContext*,
                              const google::longrunning::ListOperationsRequest* request,
                              google::longrunning::ListOperationsResponse* response) override {
    const std::lock_guard lock(mutex_);
    const size_t page = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    if (page < states_.size()) *response->add_operations() = states_[page];
    if (page + 1 < states_.size()) response->set_next_page_token(std::to_string(page + 1));
    return grpc::Status::OK;
  }
  grpc::Status CancelOperation(grpc::ServerContext*,
                               const google::longrunning::CancelOperationRequest* request,
                               google::protobuf::Empty*) override {
    const std::lock_guard lock(mutex_);
    cancelled_.push_back(request->name());
    if (!on_cancel_.empty()) states_ = on_cancel_, shown_ = 0;
    return grpc::Status::OK;
  }
  grpc::Status DeleteOperation(grpc::ServerContext*,
                               const google::longrunning::DeleteOperationRequest* request,
                               google::protobuf::Empty*) override {
    const std::lock_guard lock(mutex_);
    deleted_.push_back(request->name());
    return grpc::Status::OK;
  }

 private:
  grpc::Status Look(const std::string& name, Operation* response) {
    {
      const std::lock_guard lock(mutex_);
      ++looks_;
      if (states_.empty()) return grpc::Status(grpc::StatusCode::NOT_FOUND, "no " + name);
      *response = states_[std::min(shown_, states_.size() - 1)];
      ++shown_;
    }
    if (on_look) on_look();
    return grpc::Status::OK;
  }

  mutable std::mutex mutex_;  // guards what follows
  std::vector<Operation> states_;
  std::vector<Operation> on_cancel_;
  size_t shown_ = 0;
  int looks_ = 0;
  std::vector<std::string> cancelled_;
  std::vector<std::string> deleted_;
};

}  // namespace mneme::client::testing

#endif  // MNEME_TESTS_UNIT_CLIENT_FAKE_OPERATIONS_H_
