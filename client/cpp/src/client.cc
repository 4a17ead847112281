// Construction, memories, and what is asked about the server itself.
#include "mneme/client.h"

#include <future>
#include <utility>

#include "client/cpp/src/convert.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/status.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace mneme::client {
namespace {

std::shared_ptr<grpc::Channel> MakeChannel(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // the server bounds its answers by its own limits
  arguments.SetUserAgentPrefix("mneme-cpp");
  // gRPC waits a second before it connects again, longer than all our tries together.
  const RetryOptions& retry = options.retry;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   static_cast<int>(retry.backoff_initial.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(retry.backoff_max.count()));
  return grpc::CreateCustomChannel(
      options.target,
      options.credentials ? options.credentials : grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

Client::Client(ClientOptions options) {
  std::shared_ptr<grpc::Channel> channel = MakeChannel(options);
  impl_ = std::make_unique<Impl>(std::move(channel), std::move(options));
}

Client::Client(std::shared_ptr<grpc::Channel> channel, ClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(channel), std::move(options))) {}

Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

absl::StatusOr<Memory> Client::CreateMemory(const MemorySpec& spec, const CallOptions& call) {
  v1::CreateMemoryRequest request;
  SetSpec(spec, request.mutable_memory());
  request.mutable_memory()->set_name(ResourceName(spec.name));
  request.set_request_id(MakeRequestId());
  v1::Memory response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Memories::CreateMemory, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::StatusOr<Memory> Client::GetMemory(std::string_view memory, const CallOptions& call) {
  v1::GetMemoryRequest request;
  request.set_name(ResourceName(memory));
  v1::Memory response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Memories::GetMemory, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::StatusOr<std::vector<Memory>> Client::ListMemories(const CallOptions& call) {
  std::vector<Memory> memories;
  v1::ListMemoriesRequest request;
  do {
    v1::ListMemoriesResponse response;
    absl::Status status =
        impl_->Call(call, Repeatable::kYes, &Impl::Memories::ListMemories, request, response);
    if (!status.ok()) return status;
    for (const v1::Memory& memory : response.memories()) memories.push_back(FromWire(memory));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return memories;
}

absl::StatusOr<Memory> Client::UpdateMemory(std::string_view memory, const MemoryUpdate& update,
                                            const CallOptions& call) {
  v1::UpdateMemoryRequest request;
  request.mutable_memory()->set_name(ResourceName(memory));
  request.mutable_memory()->set_etag(update.etag);
  if (update.description) {
    request.mutable_update_mask()->add_paths("description");
    request.mutable_memory()->set_description(*update.description);
  }
  if (update.labels) {
    request.mutable_update_mask()->add_paths("labels");
    request.mutable_memory()->mutable_labels()->insert(update.labels->begin(),
                                                       update.labels->end());
  }
  v1::ItemPolicy* policy = request.mutable_memory()->mutable_item_policy();
  const auto change = [&request](const char* path) {
    request.mutable_update_mask()->add_paths(path);
  };
  if (update.ttl) {
    change("item_policy.ttl");
    if (update.ttl->count() != 0) *policy->mutable_ttl() = MakeDuration(*update.ttl);
  }
  if (update.items_max) {
    change("item_policy.items_max");
    policy->set_items_max(*update.items_max);
  }
  if (update.bytes_max) {
    change("item_policy.bytes_max");
    policy->set_bytes_max(*update.bytes_max);
  }
  if (update.full_policy) {
    change("item_policy.full_policy");
    policy->set_full_policy(static_cast<v1::FullPolicy>(*update.full_policy));
  }
  if (update.frozen) {
    change("frozen");
    request.mutable_memory()->set_frozen(*update.frozen);
  }
  if (request.update_mask().paths().empty()) {  // on the wire it would mean: clear both
    return MakeError({.code = absl::StatusCode::kInvalidArgument,
                      .reason = "NOTHING_TO_DO",
                      .message = "the update changes nothing",
                      .expected = "a description, labels, an item policy or frozen",
                      .next_step = "Set at least one of them."});
  }
  const Repeatable repeatable = update.etag.empty() ? Repeatable::kYes : Repeatable::kNo;
  v1::Memory response;
  absl::Status status =
      impl_->Call(call, repeatable, &Impl::Memories::UpdateMemory, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::Status Client::DeleteMemory(std::string_view memory, const DeleteMemoryOptions& options) {
  v1::DeleteMemoryRequest request;
  request.set_name(ResourceName(memory));
  request.set_etag(options.etag);
  request.set_allow_missing(options.allow_missing);
  const Repeatable repeatable =
      options.allow_missing && options.etag.empty() ? Repeatable::kYes : Repeatable::kNo;
  google::protobuf::Empty response;
  return impl_->Call(options.call, repeatable, &Impl::Memories::DeleteMemory, request, response);
}

absl::StatusOr<ServerInfo> Client::GetServerInfo(const CallOptions& call) {
  v1::ServerInfo response;
  absl::Status status = impl_->Call(call, Repeatable::kYes, &Impl::Memories::GetServerInfo,
                                    v1::GetServerInfoRequest(), response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::StatusOr<ServingStatus> Client::CheckHealth(std::string_view service,
                                                  const CallOptions& call) {
  // The wrappers have the wire form of HealthCheckRequest {string service = 1} and
  // HealthCheckResponse {enum status = 1}; a copy of health.proto in this library would clash with
  // that of a program which brings its own.
  grpc::TemplatedGenericStub<google::protobuf::StringValue, google::protobuf::Int32Value> stub(
      impl_->channel());
  google::protobuf::StringValue request;
  request.set_value(std::string(service));
  google::protobuf::Int32Value response;
  absl::Status status = impl_->Call(call, Repeatable::kYes, [&](grpc::ClientContext& context) {
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                   [&done](grpc::Status s) { done.set_value(std::move(s)); });
    return done.get_future().get();
  });
  if (!status.ok()) return status;
  return static_cast<ServingStatus>(response.value());
}

}  // namespace mneme::client
