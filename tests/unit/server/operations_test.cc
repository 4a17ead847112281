// google.longrunning.Operations over a job runner, in process.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "core/base/clock.h"
#include "core/engine/jobs.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/auth/authenticator.h"
#include "server/rpc/limits.h"
#include "server/rpc/operations_service.h"

namespace mneme::server {
namespace {

using google::longrunning::Operation;
using google::longrunning::Operations;
using google::longrunning::WaitOperationRequest;

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  google::rpc::ErrorInfo info;
  return details.details_size() > 0 && details.details(0).UnpackTo(&info) ? info.reason() : "";
}

class OperationsTest : public ::testing::Test {
 protected:
  OperationsTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = Operations::NewStub(server_->InProcessChannel({}));
  }
  ~OperationsTest() override {
    EndJob();
    server_->Shutdown();
  }

  // A job that runs until EndJob.
  std::string BeginJob() {
    const auto job =
        jobs_.Submit(engine::JobKind::kTrain, "faces",
                     [this](const std::string&,
                            const engine::JobRunner::Report&) -> absl::StatusOr<engine::JobResult> {
                       go_.get_future().wait();
                       return engine::MemoryInfo{.name = "faces"};
                     });
    EXPECT_TRUE(job.ok()) << job.status();
    return "operations/" + job->id;
  }
  void EndJob() {
    if (!std::exchange(ended_, true)) go_.set_value();
  }
  grpc::Status Wait(const std::string& name, Operation* operation, int64_t seconds = 0) {
    WaitOperationRequest request;
    request.set_name(name);
    request.mutable_timeout()->set_seconds(seconds);
    grpc::ClientContext context;
    return stub_->WaitOperation(&context, request, operation);
  }
  uint64_t Ended(grpc::StatusCode code) const {
    return observer_.counters.Totals(RpcOf<WaitOperationRequest>()).ended[code];
  }

  std::promise<void> go_;
  bool ended_ = false;
  ManualClock clock_;
  engine::JobRunner jobs_{clock_, 0};
  ByteBudget budget_{1 << 20};
  CallObserver observer_;
  const Authenticator authenticator_{clock_};
  const Gate gate_{authenticator_, clock_, nullptr, false};
  Deliveries deliveries_;
  CallBounds bounds_{.message_bytes_max = 1 << 20,
                     .answer_seconds_max = 60,
                     .budget = budget_,
                     .observer = observer_,
                     .gate = gate_,
                     .deliveries = deliveries_};
  OperationsServiceImpl service_{jobs_, bounds_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Operations::Stub> stub_;
};

TEST_F(OperationsTest, AWaitWhoseTimeIsOverTellsHowItIs) {
  Operation operation;
  const std::string name = BeginJob();
  const grpc::Status status = Wait(name, &operation);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(operation.name(), name);
  EXPECT_FALSE(operation.done());
  EXPECT_EQ(Ended(grpc::StatusCode::OK), 1u);
}

TEST_F(OperationsTest, AWaitThatIsRefusedIsCounted) {
  Operation operation;
  EXPECT_EQ(ReasonOf(Wait("nonsense", &operation)), "NAME");
  EXPECT_EQ(Ended(grpc::StatusCode::INVALID_ARGUMENT), 1u);
  EXPECT_EQ(ReasonOf(Wait("operations/none", &operation)), "OPERATION_NOT_FOUND");
  EXPECT_EQ(Ended(grpc::StatusCode::NOT_FOUND), 1u);
}

TEST_F(OperationsTest, AWaitIsWithinTheBudgetOfAllCalls) {
  const std::string name = BeginJob();
  const uint64_t others = 2 * budget_.bytes_max();
  budget_.Take(others);
  Operation operation;
  EXPECT_EQ(ReasonOf(Wait(name, &operation)), "BUSY");
  budget_.Give(others);
  EXPECT_TRUE(Wait(name, &operation).ok());
}

TEST_F(OperationsTest, WhoIsGoneLeavesHisPlace) {
  const std::string name = BeginJob();
  constexpr size_t kMoreThanMayWait = engine::kJobWaitersMax + 6;
  WaitOperationRequest request;
  request.set_name(name);
  for (size_t i = 0; i < kMoreThanMayWait; ++i) {
    grpc::ClientContext context;
    std::promise<grpc::Status> end;
    Operation operation;
    stub_->async()->WaitOperation(&context, &request, &operation, [&end](grpc::Status status) {
      end.set_value(std::move(status));
    });
    context.TryCancel();
    ASSERT_EQ(end.get_future().get().error_code(), grpc::StatusCode::CANCELLED) << i;
  }
  // The server may hear of the last ones a little later.
  const auto wait = [&](int64_t seconds) {
    Operation operation;
    grpc::Status status;
    do {
      status = Wait(name, &operation, seconds);
    } while (ReasonOf(status) == "BUSY");
    EXPECT_TRUE(status.ok()) << status.error_message();
    return operation.done();
  };
  std::future<bool> patient = std::async(std::launch::async, wait, kWaitSecondsMax);
  EXPECT_FALSE(wait(0));
  EndJob();
  EXPECT_TRUE(patient.get());
}

}  // namespace
}  // namespace mneme::server
