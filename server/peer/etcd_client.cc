#include "server/peer/etcd_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr int kReconnectLeastMs = 100;
constexpr int kReconnectMostMs = 1'000;
// etcd ends connections that ask more often than every 5 s.
constexpr int kKeepaliveMs = 10'000;
constexpr int kKeepaliveAnswerMs = 5'000;

absl::Status BadEndpoints(const std::string& given) {
  return InvalidArgument(
      absl::StrFormat("federation.etcd: '%s' names no endpoints", given),
      {.reason = "CONFIG_VALUE",
       .given = given,
       .expected = absl::StrCat("host:port, or up to ", kEtcdEndpointsMax, " with commas between"),
       .next_step = "Name the client addresses of the etcd cluster."});
}

std::shared_ptr<const EtcdClient::Endpoint> Connect(const std::string& address,
                                                    const EtcdAccess& access) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kEtcdMessageBytesMax);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectLeastMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMostMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMostMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveAnswerMs);
  const bool secure = access.credentials != nullptr;
  if (secure && !access.server_name.empty()) arguments.SetSslTargetNameOverride(access.server_name);
  const auto channel = grpc::CreateCustomChannel(
      address, secure ? access.credentials : grpc::InsecureChannelCredentials(), arguments);
  auto endpoint = std::make_shared<EtcdClient::Endpoint>();
  *endpoint = {.address = address,
               .channel = channel,
               .kv = etcdserverpb::KV::NewStub(channel),
               .lease = etcdserverpb::Lease::NewStub(channel),
               .watch = etcdserverpb::Watch::NewStub(channel),
               .auth = etcdserverpb::Auth::NewStub(channel)};
  return endpoint;
}

// etcd tells these apart by their text alone.
bool Says(const grpc::Status& status, std::string_view words) {
  return status.error_message().find(words) != std::string::npos;
}
bool AsksForUser(const grpc::Status& status) { return Says(status, "user name is empty"); }
bool IsBadPassword(const grpc::Status& status) { return Says(status, "authentication failed"); }
// The token is not one any more, or users have changed since it was given.
bool AsksForToken(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAUTHENTICATED || AsksForUser(status) ||
         Says(status, "revision of auth store is old");
}

// A member that is there, but alone.
bool HasNoLeader(std::string_view said) { return said.find("no leader") != std::string_view::npos; }

absl::Status NoAnswer(const std::vector<std::string>& said) {
  const bool minority = std::ranges::any_of(said, HasNoLeader);
  return Unavailable(
      minority ? "etcd has no leader: most of its members are out of reach"
               : "etcd does not answer",
      {.reason = "COORDINATOR",
       .given = absl::StrJoin(said, "; "),
       .expected = minority ? "more than half of its members" : "an etcd that answers",
       .next_step = "Look after etcd (federation.etcd names it); what federations do goes on "
                    "without it, changes to them wait.",
       .retry_after_ms = kReconnectMostMs});
}

// What etcd itself says no to: our bug, or a cluster that is full or closed to us.
absl::Status Refused(const grpc::Status& status) {
  const bool of_the_user = status.error_code() == grpc::StatusCode::PERMISSION_DENIED ||
                           status.error_code() == grpc::StatusCode::UNAUTHENTICATED ||
                           AsksForUser(status) || IsBadPassword(status);
  return FailedPrecondition(
      absl::StrCat("etcd refuses: ", status.error_message()),
      {.reason = "COORDINATOR_REFUSES",
       .given = absl::StrCat("code ", static_cast<int>(status.error_code())),
       .expected = "a request that it takes",
       .next_step = of_the_user
                        ? "Set federation.etcd_user and federation.etcd_password_file to a user "
                          "who may read and write the prefix /mneme/."
                        : "See etcd's log; its data may be full."});
}

bool MayAnswerElsewhere(grpc::StatusCode code, bool safe_twice) {
  return code == grpc::StatusCode::UNAVAILABLE ||
         (safe_twice && code == grpc::StatusCode::DEADLINE_EXCEEDED);
}

bool IsSilence(grpc::StatusCode code) {
  return code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::DEADLINE_EXCEEDED ||
         code == grpc::StatusCode::CANCELLED;
}

}  // namespace

std::string EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');  // all keys
  ++prefix.back();
  return prefix;
}

absl::StatusOr<std::unique_ptr<EtcdClient>> EtcdClient::Create(const std::string& endpoints,
                                                               EtcdAccess access) {
  std::vector<std::string> addresses = absl::StrSplit(endpoints, ',', absl::SkipWhitespace());
  if (addresses.empty() || addresses.size() > kEtcdEndpointsMax) return BadEndpoints(endpoints);
  for (std::string& address : addresses) {
    address = std::string(absl::StripAsciiWhitespace(address));
    const size_t colon = address.rfind(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == address.size() ||
        address.find("://") != std::string::npos || address.find(' ') != std::string::npos) {
      return BadEndpoints(endpoints);
    }
  }
  std::unique_ptr<EtcdClient> client(new EtcdClient(std::move(addresses)));
  client->Use(std::move(access));
  return client;
}

void EtcdClient::Use(EtcdAccess access) {
  std::vector<std::shared_ptr<const Endpoint>> endpoints;
  for (const std::string& address : addresses_) endpoints.push_back(Connect(address, access));
  MutexLock lock(&mutex_);
  endpoints_.swap(endpoints);
  user_ = std::move(access.user);
  password_ = std::move(access.password);
  token_.reset();
}

std::shared_ptr<const EtcdClient::Endpoint> EtcdClient::current() const {
  MutexLock lock(&mutex_);
  return endpoints_[current_];
}

void EtcdClient::Leave(const Endpoint& endpoint) {
  MutexLock lock(&mutex_);
  if (endpoints_[current_].get() == &endpoint) current_ = (current_ + 1) % endpoints_.size();
}

void EtcdClient::Prepare(grpc::ClientContext* context) const {
  // A member without a leader says so at once.
  context->AddMetadata("hasleader", "true");
  MutexLock lock(&mutex_);
  if (token_.has_value() && !token_->empty()) context->AddMetadata("token", *token_);
}

grpc::Status EtcdClient::Authenticate(const Endpoint& endpoint) {
  etcdserverpb::AuthenticateRequest request;
  {
    MutexLock lock(&mutex_);
    if (user_.empty() || token_.has_value()) return grpc::Status::OK;
    request.set_name(user_);
    request.set_password(password_);
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kEtcdAnswer);
  context.AddMetadata("hasleader", "true");
  etcdserverpb::AuthenticateResponse response;
  const grpc::Status status = endpoint.auth->Authenticate(&context, request, &response);
  // An etcd that does not ask for users takes everybody.
  if (!status.ok() && !Says(status, "authentication is not enabled")) return status;
  MutexLock lock(&mutex_);
  token_ = response.token();
  return grpc::Status::OK;
}

template <typename Call>
grpc::Status EtcdClient::CallOne(const Endpoint& endpoint, Call call) {
  endpoint.channel->WaitForConnected(std::chrono::system_clock::now() + kEtcdConnect);
  grpc::Status status = Authenticate(endpoint);
  for (const bool last : {false, true}) {
    if (!status.ok()) return status;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kEtcdAnswer);
    Prepare(&context);
    status = call(endpoint, &context);
    if (last || !AsksForToken(status)) return status;
    {
      MutexLock lock(&mutex_);
      if (user_.empty()) return status;
      token_.reset();
    }
    status = Authenticate(endpoint);
  }
  return status;
}

template <typename Call>
absl::Status EtcdClient::Try(bool safe_twice, Call call) {
  std::vector<std::string> said;
  for (size_t tries = 0; tries < addresses_.size(); ++tries) {
    const std::shared_ptr<const Endpoint> endpoint = current();
    const grpc::Status status = CallOne(*endpoint, call);
    if (status.ok()) return absl::OkStatus();
    if (!IsSilence(status.error_code())) return Refused(status);
    said.push_back(absl::StrCat(endpoint->address, ": ", status.error_message()));
    Leave(*endpoint);
    if (!MayAnswerElsewhere(status.error_code(), safe_twice)) break;
  }
  return NoAnswer(said);
}

absl::StatusOr<etcdserverpb::RangeResponse> EtcdClient::Range(
    const etcdserverpb::RangeRequest& request) {
  etcdserverpb::RangeResponse response;
  MNEME_RETURN_IF_ERROR(Try(true, [&](const Endpoint& endpoint, grpc::ClientContext* context) {
    return endpoint.kv->Range(context, request, &response);
  }));
  return response;
}

absl::StatusOr<etcdserverpb::PutResponse> EtcdClient::Put(const etcdserverpb::PutRequest& request) {
  etcdserverpb::PutResponse response;
  MNEME_RETURN_IF_ERROR(Try(true, [&](const Endpoint& endpoint, grpc::ClientContext* context) {
    return endpoint.kv->Put(context, request, &response);
  }));
  return response;
}

absl::StatusOr<etcdserverpb::DeleteRangeResponse> EtcdClient::Delete(
    const etcdserverpb::DeleteRangeRequest& request) {
  etcdserverpb::DeleteRangeResponse response;
  MNEME_RETURN_IF_ERROR(Try(true, [&](const Endpoint& endpoint, grpc::ClientContext* context) {
    return endpoint.kv->DeleteRange(context, request, &response);
  }));
  return response;
}

absl::StatusOr<etcdserverpb::TxnResponse> EtcdClient::Txn(const etcdserverpb::TxnRequest& request) {
  etcdserverpb::TxnResponse response;
  MNEME_RETURN_IF_ERROR(Try(false, [&](const Endpoint& endpoint, grpc::ClientContext* context) {
    return endpoint.kv->Txn(context, request, &response);
  }));
  return response;
}

absl::StatusOr<etcdserverpb::CompactionResponse> EtcdClient::Compact(
    const etcdserverpb::CompactionRequest& request) {
  etcdserverpb::CompactionResponse response;
  MNEME_RETURN_IF_ERROR(Try(true, [&](const Endpoint& endpoint, grpc::ClientContext* context) {
    return endpoint.kv->Compact(context, request, &response);
  }));
  return response;
}

absl::StatusOr<int64_t> EtcdClient::GrantLease(int64_t seconds) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(seconds);
  etcdserverpb::LeaseGrantResponse response;
  // A lease that nobody knows runs out by itself.
  MNEME_RETURN_IF_ERROR(Try(true, [&](const Endpoint& endpoint, grpc::ClientContext* context) {
    return endpoint.lease->LeaseGrant(context, request, &response);
  }));
  return response.id();
}

absl::StatusOr<int64_t> EtcdClient::KeepLease(int64_t lease) {
  etcdserverpb::LeaseKeepAliveRequest request;
  request.set_id(lease);
  etcdserverpb::LeaseKeepAliveResponse response;
  MNEME_RETURN_IF_ERROR(Try(true, [&](const Endpoint& endpoint, grpc::ClientContext* context) {
    const auto stream = endpoint.lease->LeaseKeepAlive(context);
    if (stream->Write(request) && stream->Read(&response)) {
      context->TryCancel();
      stream->Finish();
      return grpc::Status::OK;
    }
    const grpc::Status status = stream->Finish();
    return status.ok() ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "no answer") : status;
  }));
  return response.ttl();
}

}  // namespace mneme::server
