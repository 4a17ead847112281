// How gRPC itself is bounded: sizes of messages, buffers of all connections together, calls of one
// connection, clients that are gone without a word.
#ifndef MNEME_SERVER_RPC_TRANSPORT_H_
#define MNEME_SERVER_RPC_TRANSPORT_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>

namespace mneme::server {

// `buffer_bytes_max`: what all connections together are to hold; server/net sees to it, and gRPC
// itself to a multiple.
void BoundTransport(grpc::ServerBuilder& builder, uint64_t message_bytes_max,
                    uint64_t buffer_bytes_max);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_TRANSPORT_H_
