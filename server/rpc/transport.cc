#include "server/rpc/transport.h"

#include <algorithm>

#include "server/rpc/limits.h"

namespace mneme::server {
namespace {

// A quota that is used up makes gRPC 1.51 take back buffers of connections that are read at that
// moment, without a lock: it ends the process by an assertion (tcp->incoming_buffer->length != 0)
// if not worse. So this one is out of reach: server/net cuts off whoever holds too much long
// before.
constexpr uint64_t kQuotaFactor = 4;

}  // namespace

void BoundTransport(grpc::ServerBuilder& builder, uint64_t message_bytes_max,
                    uint64_t buffer_bytes_max) {
  // Up to twice the limit is received, so that the refusal can say what the limit is; beyond that
  // gRPC itself refuses.
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(std::min<uint64_t>(2 * message_bytes_max, 1ull << 30)));
  // gRPC inflates a compressed message before it looks at its size: a megabyte would take
  // gigabytes.
  for (const grpc_compression_algorithm each : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(each, false);
  }
  grpc::ResourceQuota quota("mnemed");
  quota.Resize(std::min<uint64_t>(kQuotaFactor * buffer_bytes_max, 1ull << 40));
  builder.SetResourceQuota(quota);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveAnswerMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  // A second daemon on the same port must fail, not share its calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace mneme::server
