// A MemoryService in the test's own process that does what the test says: it records requests and
// answers each call with the next prepared error, or as a very small memory would.
//
// Threads: thread-safe; the hooks are set before the first call.
#ifndef MNEME_TESTS_UNIT_CLIENT_FAKE_SERVER_H_
#define MNEME_TESTS_UNIT_CLIENT_FAKE_SERVER_H_

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"
#include "mneme/v1/memory_service.grpc.pb.h"
#include "tests/unit/client/fake_admin.h"
#include "tests/unit/client/fake_operations.h"

namespace mneme::client::testing {

// A grpc::Status with the details that mneme's server sends.
inline grpc::Status MakeRichStatus(grpc::StatusCode code, const std::string& message,
                                   const std::string& reason,
                                   std::optional<std::chrono::milliseconds> retry_after = {}) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("mneme");
  (*info.mutable_metadata())["given"] = "127";
  (*info.mutable_metadata())["expected"] = "128";
  google::rpc::Help help;
  help.add_links()->set_description("Send keys of 128 columns.");
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  details.add_details()->PackFrom(help);
  if (retry_after) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_after->count() / 1000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(retry_after->count() % 1000 * 1'000'000));
    details.add_details()->PackFrom(retry);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

class FakeServer final : public v1::MemoryService::Service {
 public:
  // Port 0: a free one.
  explicit FakeServer(int port = 0) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(this);
    builder.RegisterService(&operations);
    builder.RegisterService(&admin);
    builder.SetMaxReceiveMessageSize(64 << 20);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() override { server_->Shutdown(); }

  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  grpc::Server& server() { return *server_; }

  // The next calls fail with these, one each; after them calls succeed.
  void FailWith(std::vector<grpc::Status> statuses) {
    const std::lock_guard lock(mutex_);
    failures_.assign(statuses.begin(), statuses.end());
  }
  // Decides whether a Store fails; asked after FailWith is used up.
  std::function<grpc::Status(const v1::StoreRequest&)> on_store;
  // Runs in each Retrieve before it answers.
  std::function<void(grpc::ServerContext&)> on_retrieve;

  void set_limits(v1::Limits limits) {
    const std::lock_guard lock(mutex_);
    limits_ = std::move(limits);
  }

  // What was received, in order of arrival.
  template <typename Request>
  std::vector<Request> Received() const {
    const std::lock_guard lock(mutex_);
    return std::get<std::vector<Request>>(received_);
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  grpc::Status CreateMemory(grpc::ServerContext*, const v1::CreateMemoryRequest* request,
                            v1::Memory* response) override {
    *response = request->memory();
    response->set_uid("00000000000000aa");
    return Next(*request);
  }

  grpc::Status GetMemory(grpc::ServerContext*, const v1::GetMemoryRequest* request,
                         v1::Memory* response) override {
    response->set_name(request->name());
    response->set_key_dim(4);
    response->mutable_dense()->set_similarity(v1::SIMILARITY_COSINE);
    response->mutable_dense()->set_beta(2.5);
    response->mutable_state()->set_item_count(7);
    response->mutable_state()->set_health(v1::HEALTH_SERVING);
    if (memory.has_value()) *response = *memory;
    return Next(*request);
  }

  grpc::Status ListMemories(grpc::ServerContext*, const v1::ListMemoriesRequest* request,
                            v1::ListMemoriesResponse* response) override {
    const int page = request->page_token().empty() ? 0 : std::stoi(request->page_token());
    response->add_memories()->set_name("memories/m" + std::to_string(page));
    if (page < 2) response->set_next_page_token(std::to_string(page + 1));
    return Next(*request);
  }

  grpc::Status UpdateMemory(grpc::ServerContext*, const v1::UpdateMemoryRequest* request,
                            v1::Memory* response) override {
    *response = request->memory();
    return Next(*request);
  }

  grpc::Status DeleteMemory(grpc::ServerContext*, const v1::DeleteMemoryRequest* request,
                            google::protobuf::Empty*) override {
    return Next(*request);
  }

  grpc::Status Store(grpc::ServerContext*, const v1::StoreRequest* request,
                     v1::StoreResponse* response) override {
    if (grpc::Status status = Next(*request); !status.ok()) return status;
    if (on_store) {
      if (grpc::Status status = on_store(*request); !status.ok()) return status;
    }
    const std::lock_guard lock(mutex_);
    item_count_ += request->keys().rows();
    ++position_;
    response->set_stored(request->keys().rows());
    response->set_position(position_);
    response->set_read_token("token " + std::to_string(position_));
    response->set_item_count(item_count_);
    if (makes_ids && request->ids_size() == 0) response->set_first_id(1000 * position_);
    response->set_durability(v1::DURABILITY_DISK);
    response->set_load(0.01 * static_cast<double>(item_count_));
    response->set_replayed(replayed);
    if (!warning.reason().empty()) *response->add_warnings() = warning;
    return grpc::Status::OK;
  }

  grpc::Status StoreStream(grpc::ServerContext*, FakeLoads::Stream* stream) override {
    return loads.Run(*stream);
  }

  grpc::Status GetItem(grpc::ServerContext*, const v1::GetItemRequest* request,
                       v1::Item* response) override {
    *response->mutable_id() = request->id();
    response->set_weight(0.5f);
    *response->mutable_attributes() = attributes;
    return Next(*request);
  }

  grpc::Status DeleteItems(grpc::ServerContext*, const v1::DeleteItemsRequest* request,
                           v1::DeleteItemsResponse* response) override {
    response->set_deleted(request->ids_size());
    response->set_suppressed(suppressed);
    {
      const std::lock_guard lock(mutex_);
      response->set_more(deletes_left > 0);
      if (deletes_left > 0) --deletes_left;
    }
    return Next(*request);
  }

  // Every recall is its cue, times two; the best item of a cue has the cue's first number as its
  // id.
  grpc::Status Retrieve(grpc::ServerContext* context, const v1::RetrieveRequest* request,
                        v1::RetrieveResponse* response) override {
    if (on_retrieve) on_retrieve(*context);
    const v1::Matrix& cues = request->cues();
    const float* data = reinterpret_cast<const float*>(cues.data().data());
    std::vector<float> recalls(data, data + cues.data().size() / sizeof(float));
    for (float& number : recalls) number *= 2;
    response->mutable_recalls()->set_dtype(v1::DTYPE_FLOAT32);
    response->mutable_recalls()->set_rows(cues.rows());
    response->mutable_recalls()->set_cols(cues.cols());
    response->mutable_recalls()->set_data(recalls.data(), recalls.size() * sizeof(float));
    for (uint32_t row = 0; row < cues.rows(); ++row) {
      v1::CueResult* result = response->add_results();
      *result = recall_result;
      if (result->status() == v1::ANSWER_STATUS_UNSPECIFIED) {
        result->set_status(v1::ANSWER_STATUS_CONVERGED);
      }
      if (request->top() > 0) {
        result->add_top()->mutable_id()->set_number(static_cast<uint64_t>(data[row * cues.cols()]));
      }
    }
    if (recalls_to_give) *response->mutable_recalls() = *recalls_to_give;
    response->set_exactness(v1::EXACTNESS_EXACT);
    if (break_replies) response->mutable_recalls()->set_data("odd");
    return Next(*request);
  }

  grpc::Status ListwiseQuery(grpc::ServerContext*, const v1::ListwiseQueryRequest* request,
                             v1::ListwiseQueryResponse* response) override {
    for (uint32_t row = 0; row < request->cues().rows(); ++row) {
      v1::ScoredItem* item = response->add_lists()->add_items();
      item->mutable_id()->set_text("best");
      item->set_found(true);
      item->set_rank(1);
      if (certificate.certified()) *item->mutable_certificate() = certificate;
    }
    response->set_exactness(exactness);
    if (index) *response->mutable_index() = *index;
    response->set_certificates(certificate_state);
    response->set_list_size(20);
    response->mutable_weights_epoch()->set_job("train-1");
    return Next(*request);
  }

  grpc::Status Explain(grpc::ServerContext*, const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override {
    *response = explanation;
    return Next(*request);
  }

  grpc::Status Train(grpc::ServerContext*, const v1::TrainRequest* request,
                     google::longrunning::Operation* response) override {
    *response = FakeOperations::UnderWay("queued", 0);
    return Next(*request);
  }

  grpc::Status Forecast(grpc::ServerContext*, const v1::ForecastRequest* request,
                        v1::ForecastResponse* response) override {
    *response = forecast;
    return Next(*request);
  }

  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest* request,
                             v1::ServerInfo* response) override {
    {
      const std::lock_guard lock(mutex_);
      *response->mutable_limits() = limits_;
    }
    response->set_version("0.1.0");
    return Next(*request);
  }

  FakeOperations operations;
  FakeAdmin admin;
  FakeLoads loads;

  // Answers; set before the first call.
  v1::Attributes attributes;                  // of every item
  bool break_replies = false;                 // recalls come with too few bytes
  std::optional<v1::Matrix> recalls_to_give;  // of every Retrieve, in place of twice the cues
  v1::CueResult recall_result;                // of every cue of a Retrieve
  std::optional<v1::Memory> memory;           // of GetMemory, in place of a small dense one
  v1::Warning warning;                        // of every Store, if it has a reason
  bool replayed = false;                      // of every Store
  bool makes_ids = true;                      // for a Store without
  uint64_t suppressed = 0;                    // of every DeleteItems
  int deletes_left = 0;                       // DeleteItems that say that more items match
  v1::Exactness exactness = v1::EXACTNESS_UNSPECIFIED;  // of lists
  std::optional<v1::IndexReport> index;                 // likewise
  v1::Certificate certificate;                          // of every item of a list, if certified
  v1::CertificateState certificate_state = v1::CERTIFICATE_STATE_UNSPECIFIED;
  v1::ForecastResponse forecast;
  v1::ExplainResponse explanation;

 private:
  template <typename Request>
  grpc::Status Next(const Request& request) {
    const std::lock_guard lock(mutex_);
    ++calls_;
    std::get<std::vector<Request>>(received_).push_back(request);
    if (failures_.empty()) return grpc::Status::OK;
    grpc::Status status = failures_.front();
    failures_.pop_front();
    return status;
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  mutable std::mutex mutex_;  // guards what follows
  std::deque<grpc::Status> failures_;
  v1::Limits limits_;
  int calls_ = 0;
  uint64_t item_count_ = 0;
  uint64_t position_ = 0;
  std::tuple<std::vector<v1::CreateMemoryRequest>, std::vector<v1::GetMemoryRequest>,
             std::vector<v1::ListMemoriesRequest>, std::vector<v1::UpdateMemoryRequest>,
             std::vector<v1::DeleteMemoryRequest>, std::vector<v1::StoreRequest>,
             std::vector<v1::GetItemRequest>, std::vector<v1::DeleteItemsRequest>,
             std::vector<v1::RetrieveRequest>, std::vector<v1::ListwiseQueryRequest>,
             std::vector<v1::GetServerInfoRequest>, std::vector<v1::TrainRequest>,
             std::vector<v1::ForecastRequest>, std::vector<v1::ExplainRequest>>
      received_;
};

}  // namespace mneme::client::testing

#endif  // MNEME_TESTS_UNIT_CLIENT_FAKE_SERVER_H_
