#include "server/peer/etcd_client.h"

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

EtcdClient::Endpoint Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kEtcdMessageBytesMax);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectLeastMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMostMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMostMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveAnswerMs);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  return {.address = address,
          .channel = channel,
          .kv = etcdserverpb::KV::NewStub(channel),
          .lease = etcdserverpb::Lease::NewStub(channel),
          .watch = etcdserverpb::Watch::NewStub(channel)};
}

absl::Status NoAnswer(const std::vector<std::string>& said) {
  return Unavailable(
      "etcd does not answer",
      {.reason = "COORDINATOR",
       .given = absl::StrJoin(said, "; "),
       .expected = "an etcd that answers",
       .next_step = "Look after etcd (federation.etcd names it); what federations do goes on "
                    "without it, changes to them wait.",
       .retry_after_ms = kReconnectMostMs});
}

// What etcd itself says no to: our bug, or a cluster that is full or closed to us.
absl::Status Refused(const grpc::Status& status) {
  return FailedPrecondition(
      absl::StrCat("etcd refuses: ", status.error_message()),
      {.reason = "COORDINATOR_REFUSES",
       .given = absl::StrCat("code ", static_cast<int>(status.error_code())),
       .expected = "a request that it takes",
       .next_step = "See etcd's log; its data may be full, or ask for a user."});
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

absl::StatusOr<std::unique_ptr<EtcdClient>> EtcdClient::Create(const std::string& endpoints) {
  const std::vector<std::string> addresses = absl::StrSplit(endpoints, ',', absl::SkipWhitespace());
  if (addresses.empty() || addresses.size() > kEtcdEndpointsMax) return BadEndpoints(endpoints);
  std::vector<Endpoint> out;
  for (const std::string& given : addresses) {
    const std::string address(absl::StripAsciiWhitespace(given));
    const size_t colon = address.rfind(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == address.size() ||
        address.find("://") != std::string::npos || address.find(' ') != std::string::npos) {
      return BadEndpoints(endpoints);
    }
    out.push_back(Connect(address));
  }
  return std::unique_ptr<EtcdClient>(new EtcdClient(std::move(out)));
}

void EtcdClient::Leave(const Endpoint& endpoint) {
  const size_t left = static_cast<size_t>(&endpoint - endpoints_.data());
  size_t expected = current_.load();
  if (expected % endpoints_.size() == left) current_.compare_exchange_strong(expected, left + 1);
}

template <typename Call>
absl::Status EtcdClient::Try(bool safe_twice, Call call) {
  std::vector<std::string> said;
  for (size_t tries = 0; tries < endpoints_.size(); ++tries) {
    const Endpoint& endpoint = current();
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kEtcdAnswer);
    const grpc::Status status = call(endpoint, &context);
    if (status.ok()) return absl::OkStatus();
    if (!IsSilence(status.error_code())) return Refused(status);
    said.push_back(absl::StrCat(endpoint.address, ": ", status.error_message()));
    Leave(endpoint);
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
