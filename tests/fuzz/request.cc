// Calls of every method of the services as a client may send them: any bytes, over gRPC, to a
// server with a real engine and a real data directory behind it.
//
// An input is a few calls, one after another. What they leave behind (memories, aliases, jobs) is
// taken away after it, and request ids are made unlike those of other inputs.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/engine/engine.h"
#include "core/storage/storage.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "mneme/v1/memory_service.grpc.pb.h"
#include "server/config/reload.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/call.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/operations_service.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using google::protobuf::Message;

constexpr int kCallsMax = 8;
constexpr int kDeadlineSeconds = 60;  // libFuzzer gives up before

// An input names a method by its place here: new ones go to the end. (WaitOperation, which waits,
// and StoreStream, which is no single message, are not here.)
constexpr std::array<const char*, 29> kMethods = {
    "mneme.v1.MemoryService.CreateMemory",
    "mneme.v1.MemoryService.GetMemory",
    "mneme.v1.MemoryService.ListMemories",
    "mneme.v1.MemoryService.UpdateMemory",
    "mneme.v1.MemoryService.DeleteMemory",
    "mneme.v1.MemoryService.Store",
    "mneme.v1.MemoryService.GetItem",
    "mneme.v1.MemoryService.ListItems",
    "mneme.v1.MemoryService.DeleteItems",
    "mneme.v1.MemoryService.Retrieve",
    "mneme.v1.MemoryService.ListwiseQuery",
    "mneme.v1.MemoryService.Train",
    "mneme.v1.MemoryService.Forecast",
    "mneme.v1.MemoryService.GetServerInfo",
    "mneme.v1.AdminService.SetAlias",
    "mneme.v1.AdminService.DeleteAlias",
    "mneme.v1.AdminService.ListAliases",
    "mneme.v1.AdminService.GetMemoryUsage",
    "mneme.v1.AdminService.CloneMemory",
    "mneme.v1.AdminService.CreateBackup",
    "mneme.v1.AdminService.GetBackup",
    "mneme.v1.AdminService.ListBackups",
    "mneme.v1.AdminService.DeleteBackup",
    "mneme.v1.AdminService.RestoreBackup",
    "google.longrunning.Operations.ListOperations",
    "google.longrunning.Operations.GetOperation",
    "google.longrunning.Operations.DeleteOperation",
    "google.longrunning.Operations.CancelOperation",
    "mneme.v1.MemoryService.Explain",
};

// Bounds that keep an input quick.
constexpr engine::Limits kLimits = {.rows_per_store_max = 64,
                                    .cues_max = 16,
                                    .list_size_max = 64,
                                    .dimension_max = 64,
                                    .payload_bytes_max = 1024,
                                    .message_bytes_max = 1 << 16,
                                    .memories_max = 8,
                                    .partitions_max = 4,
                                    .fixed_bytes_max = 1 << 20};

class Service {
 public:
  Service()
      : directory_(MakeDirectory()),
        engine_(OpenEngine(directory_)),
        memory_service_(*engine_, Clock::Real(), {}, bounds_),
        admin_service_(*engine_, reloader_, bounds_),
        operations_service_(engine_->jobs(), bounds_) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&memory_service_);
    builder.RegisterService(&admin_service_);
    builder.RegisterService(&operations_service_);
    server_ = builder.BuildAndStart();
    MNEME_CHECK(server_ != nullptr);
    channel_ = server_->InProcessChannel({});
    stub_ = std::make_unique<grpc::GenericStub>(channel_);
  }
  ~Service() {
    server_->Shutdown();
    engine_.reset();
    std::filesystem::remove_all(directory_);
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  grpc::Status Call(const google::protobuf::MethodDescriptor& method, const std::string& request,
                    std::string* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(kDeadlineSeconds));
    const grpc::Slice slice(request);
    const grpc::ByteBuffer sent(&slice, 1);
    grpc::ByteBuffer received;
    std::promise<grpc::Status> done;
    const std::string path = "/" + method.service()->full_name() + "/" + method.name();
    stub_->UnaryCall(&context, path, {}, &sent, &received,
                     [&done](grpc::Status status) { done.set_value(std::move(status)); });
    const grpc::Status status = done.get_future().get();
    grpc::Slice whole;
    if (status.ok() && received.DumpToSingleSlice(&whole).ok()) {
      response->assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
    }
    return status;
  }

 private:
  static std::string MakeDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "mneme-fuzz-XXXXXX").string();
    MNEME_CHECK(mkdtemp(name.data()) != nullptr);
    return name;
  }
  static std::unique_ptr<engine::Engine> OpenEngine(const std::string& directory) {
    auto storage = storage::OpenRocksDbStorage({.directory = directory + "/data"});
    MNEME_CHECK(storage.ok());
    auto engine = engine::Engine::Open(*std::move(storage), Clock::Real(),
                                       {.limits = kLimits, .scan_nice = 0, .seed = 17});
    MNEME_CHECK(engine.ok());
    return *std::move(engine);
  }

  const std::string directory_;
  std::unique_ptr<engine::Engine> engine_;
  server::ByteBudget budget_{1 << 26};
  server::CallObserver observer_;
  server::Reloader reloader_{server::Config{}, [] { return server::Config{}; }};
  const server::Authenticator authenticator_{Clock::Real()};
  const server::Gate gate_{authenticator_, Clock::Real(), nullptr, false};
  server::Deliveries deliveries_;
  server::CallBounds bounds_{.message_bytes_max = kLimits.message_bytes_max,
                             .answer_seconds_max = 60,
                             .budget = budget_,
                             .observer = observer_,
                             .gate = gate_,
                             .deliveries = deliveries_};
  server::MemoryServiceImpl memory_service_;
  server::AdminServiceImpl admin_service_;
  server::OperationsServiceImpl operations_service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

// One for the process: opening a data directory takes longer than a hundred inputs.
Service& TheService() {
  static Service service;
  return service;
}

// A call of ours, which must succeed.
template <typename Stub, typename Method, typename Request, typename Response>
void Succeed(Stub& stub, Method method, const Request& request, Response* response) {
  grpc::ClientContext context;
  const grpc::Status status = (stub.*method)(&context, request, response);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.error_message().c_str());
  MNEME_CHECK(status.ok());
}

using Memories = v1::MemoryService::Stub;
using Admin = v1::AdminService::Stub;
using Operations = google::longrunning::Operations::Stub;

// memories/d (dense), memories/l (ridge) or memories/t (TAM), with a few items 1, 2, ...
void MakeMemory(Memories& memories, const std::string& name) {
  constexpr uint32_t kRows = 4;
  v1::CreateMemoryRequest create;
  create.set_memory_id(name);
  v1::Memory& memory = *create.mutable_memory();
  memory.set_key_dim(2);
  if (name == "d") {
    memory.mutable_dense();
  } else {
    memory.set_response_dim(2);
    memory.mutable_linear()->set_rule(name == "l" ? v1::LINEAR_RULE_RIDGE : v1::LINEAR_RULE_TAM);
  }
  v1::Memory made;
  Succeed(memories, &Memories::CreateMemory, create, &made);
  v1::StoreRequest store;
  store.set_memory("memories/" + name);
  for (v1::Matrix* matrix : {store.mutable_keys(), store.mutable_responses()}) {
    if (matrix == store.mutable_responses() && name == "d") continue;
    matrix->set_rows(kRows);
    matrix->set_cols(2);
    for (uint32_t i = 0; i < 2 * kRows; ++i) matrix->add_values(static_cast<float>(i * i % 7) - 2);
  }
  if (name == "d") store.clear_responses();
  for (uint32_t i = 0; i < kRows; ++i) store.add_ids()->set_number(i + 1);
  v1::StoreResponse stored;
  Succeed(memories, &Memories::Store, store, &stored);
}

// As it was before the input.
void CleanUp(const std::shared_ptr<grpc::Channel>& channel) {
  Operations operations(channel);
  google::longrunning::ListOperationsResponse jobs;
  Succeed(operations, &Operations::ListOperations, google::longrunning::ListOperationsRequest(),
          &jobs);
  for (const auto& job : jobs.operations()) {
    google::longrunning::CancelOperationRequest cancel;
    google::longrunning::WaitOperationRequest wait;
    google::longrunning::DeleteOperationRequest forget;
    google::longrunning::Operation ended;
    google::protobuf::Empty empty;
    for (std::string* name : {cancel.mutable_name(), wait.mutable_name(), forget.mutable_name()}) {
      *name = job.name();
    }
    Succeed(operations, &Operations::CancelOperation, cancel, &empty);
    Succeed(operations, &Operations::WaitOperation, wait, &ended);
    MNEME_CHECK(ended.done());
    Succeed(operations, &Operations::DeleteOperation, forget, &empty);
  }
  Admin admin(channel);
  v1::ListAliasesResponse aliases;
  Succeed(admin, &Admin::ListAliases, v1::ListAliasesRequest(), &aliases);
  for (const v1::Alias& alias : aliases.aliases()) {
    v1::DeleteAliasRequest request;
    request.set_name(alias.name());
    google::protobuf::Empty empty;
    Succeed(admin, &Admin::DeleteAlias, request, &empty);
  }
  Memories memories(channel);
  v1::ListMemoriesResponse left;
  Succeed(memories, &Memories::ListMemories, v1::ListMemoriesRequest(), &left);
  for (const v1::Memory& memory : left.memories()) {
    v1::DeleteMemoryRequest request;
    request.set_name(memory.name());
    google::protobuf::Empty empty;
    Succeed(memories, &Memories::DeleteMemory, request, &empty);
  }
}

// A refusal says why, in UTF-8, to programs and to people.
void CheckRefusal(const grpc::Status& status) {
  using Code = grpc::StatusCode;
  constexpr std::array kCodes = {
      Code::INVALID_ARGUMENT,    Code::NOT_FOUND,    Code::ALREADY_EXISTS,
      Code::FAILED_PRECONDITION, Code::ABORTED,      Code::OUT_OF_RANGE,
      Code::RESOURCE_EXHAUSTED,  Code::UNIMPLEMENTED};
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  const bool told = details.ParseFromString(status.error_details()) && details.details_size() > 0 &&
                    details.details(0).UnpackTo(&info) && !info.reason().empty() &&
                    info.domain() == "mneme";
  const bool expected =
      std::find(kCodes.begin(), kCodes.end(), status.error_code()) != kCodes.end();
  if (!expected || !told) {
    std::fprintf(stderr, "status %d: %s\n", status.error_code(), status.error_message().c_str());
  }
  MNEME_CHECK(expected && told);
  MNEME_CHECK(IsUtf8(status.error_message()) && !status.error_message().empty());
}

// The same id in another input is another request.
void MakeRequestIdOwn(Message& message, uint64_t input) {
  const auto* field = message.GetDescriptor()->FindFieldByName("request_id");
  if (field == nullptr) return;
  std::string id = message.GetReflection()->GetString(message, field);
  if (id.empty()) return;
  id.append("-").append(std::to_string(input));
  message.GetReflection()->SetString(&message, field, std::move(id));
}

std::unique_ptr<Message> New(const google::protobuf::Descriptor* type) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

void CallOnce(Service& service, const char* name, std::string_view bytes, uint64_t input) {
  const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
  MNEME_CHECK(method != nullptr);
  const std::unique_ptr<Message> request = New(method->input_type());
  if (!request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  MakeRequestIdOwn(*request, input);
  std::string answer;
  const grpc::Status status = service.Call(*method, request->SerializeAsString(), &answer);
  if (!status.ok()) return CheckRefusal(status);
  const std::unique_ptr<Message> response = New(method->output_type());
  MNEME_CHECK(response->ParseFromString(answer));
  if (const auto* recalls = dynamic_cast<const v1::RetrieveResponse*>(response.get())) {
    const auto& asked = dynamic_cast<const v1::RetrieveRequest&>(*request);
    MNEME_CHECK(recalls->recalls().rows() == asked.cues().rows());
    MNEME_CHECK(static_cast<uint32_t>(recalls->results_size()) == asked.cues().rows());
  }
}

constexpr uint8_t kDense = 1, kRidge = 2, kTam = 4;

}  // namespace

// Which memories are there, then calls: the method, and its request.
void TestOne(std::string_view bytes) {
  static uint64_t inputs = 0;
  ++inputs;
  Service& service = TheService();
  Input in(bytes);
  const uint8_t there = in.Byte();
  Memories memories(service.channel());
  if (there & kDense) MakeMemory(memories, "d");
  if (there & kRidge) MakeMemory(memories, "l");
  if (there & kTam) MakeMemory(memories, "t");
  for (int call = 0; call < kCallsMax && !in.empty(); ++call) {
    const char* method = kMethods[in.Byte() % kMethods.size()];
    const std::string_view request = in.Chunk();
    CallOnce(service, method, request, inputs);
  }
  CleanUp(service.channel());
}

namespace {

// Calls one after another, beside the memories that are there.
class Calls {
 public:
  explicit Calls(uint8_t there) : bytes_(1, static_cast<char>(there)) {}
  Calls& Add(std::string_view method, const Message& request) {
    const auto place = std::find_if(kMethods.begin(), kMethods.end(), [&](const char* name) {
      return std::string_view(name).ends_with(method);
    });
    MNEME_CHECK(place != kMethods.end());
    bytes_ += static_cast<char>(place - kMethods.begin());
    bytes_ += MakeChunk(request.SerializeAsString());
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

template <typename Request>
Request Of(const std::string& memory) {
  Request request;
  request.set_memory("memories/" + memory);
  return request;
}

void PutRow(v1::Matrix* matrix, float x, float y) {
  matrix->set_rows(1);
  matrix->set_cols(2);
  matrix->add_values(x);
  matrix->add_values(y);
}

std::string Writes() {
  auto store = Of<v1::StoreRequest>("l");
  PutRow(store.mutable_keys(), 1, 2);
  PutRow(store.mutable_responses(), 3, 4);
  store.add_ids()->set_text("anna");
  store.add_payloads("payload");
  (*store.add_attributes()->mutable_values())["year"].set_int64_value(1999);
  store.set_request_id("a-request");
  auto get = Of<v1::GetItemRequest>("l");
  get.mutable_id()->set_text("anna");
  auto list = Of<v1::ListItemsRequest>("l");
  list.set_page_size(2);
  list.set_filter("year > 1990");
  auto erase = Of<v1::DeleteItemsRequest>("l");
  erase.add_ids()->set_number(2);
  return Calls(kRidge)
      .Add("Store", store)
      .Add("Store", store)
      .Add("GetItem", get)
      .Add("ListItems", list)
      .Add("DeleteItems", erase)
      .bytes();
}

// Each asked, then explained.
std::string Queries(const std::string& memory, uint8_t there) {
  auto retrieve = Of<v1::RetrieveRequest>(memory);
  PutRow(retrieve.mutable_cues(), 0.5f, -1);
  retrieve.mutable_mask()->set_bits("\x01");
  retrieve.set_top(2);
  auto query = Of<v1::ListwiseQueryRequest>(memory);
  PutRow(query.mutable_cues(), 0.5f, -1);
  query.set_k(3);
  query.add_candidates()->set_number(1);
  v1::ExplainRequest recall, list;
  *recall.mutable_retrieve() = retrieve;
  *list.mutable_listwise_query() = query;
  return Calls(there)
      .Add("Retrieve", retrieve)
      .Add("ListwiseQuery", query)
      .Add("Explain", recall)
      .Add("Explain", list)
      .bytes();
}

std::string Planning() {
  auto train = Of<v1::TrainRequest>("t");
  train.set_tail_fraction(0.9);
  train.set_steps_max(3);
  auto forecast = Of<v1::ForecastRequest>("t");
  forecast.add_list_sizes(1);
  forecast.set_curve_points(3);
  v1::ForecastRequest planned;
  planned.mutable_planned()->set_items(1000);
  v1::Memory& memory = *planned.mutable_planned()->mutable_memory();
  memory.set_key_dim(32);
  memory.set_response_dim(32);
  memory.mutable_linear()->set_rule(v1::LINEAR_RULE_CMM);
  return Calls(kTam).Add("Train", train).Add("Forecast", forecast).Add("Forecast", planned).bytes();
}

std::string Administration() {
  v1::SetAliasRequest alias;
  alias.mutable_alias()->set_name("memories/x");
  alias.mutable_alias()->set_memory("memories/d");
  v1::GetMemoryRequest get;
  get.set_name("memories/x");
  v1::GetMemoryUsageRequest usage;
  usage.set_name("memories/d");
  v1::UpdateMemoryRequest update;
  update.mutable_memory()->set_name("memories/d");
  update.mutable_memory()->set_description("changed");
  update.mutable_update_mask()->add_paths("description");
  v1::DeleteMemoryRequest drop;
  drop.set_name("memories/d");
  drop.set_etag("1-0000000000000001");
  return Calls(kDense)
      .Add("SetAlias", alias)
      .Add("GetMemory", get)
      .Add("GetMemoryUsage", usage)
      .Add("UpdateMemory", update)
      .Add("DeleteMemory", drop)
      .Add("GetServerInfo", v1::GetServerInfoRequest())
      .Add("ListOperations", google::longrunning::ListOperationsRequest())
      .bytes();
}

}  // namespace

std::vector<Seed> Seeds() {
  return {{"writes", Writes()},
          {"queries_dense", Queries("d", kDense)},
          {"queries_ridge", Queries("l", kRidge)},
          {"queries_tam", Queries("t", kTam)},
          {"planning", Planning()},
          {"administration", Administration()},
          {"nothing", ""}};
}

}  // namespace mneme::fuzz
