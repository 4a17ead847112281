// A stream of frames between this node and one neighbour, whichever of the two opened it.
//
// Frames that are sent queue up to kOutboxFramesMax and kOutboxBytesMax; beyond, and once the
// stream is down, they are let go: the node sends again what counts. What it sends again while the
// first copy still waits takes that one's place. A frame that came is handed over, and the next one
// is read only after Next: so a node that is busy holds up its neighbour, not its own memory. Long
// frames go in pieces (frame_pieces.h).
//
// Thread-safe. Callbacks come on gRPC's threads, must not block, and may call Send and Next.
//
// Invariants
//   1. At most one read and one write are under way.
//   2. `down` is called once, and no frame after it; `up` at most once, before any frame. Where
//   Close
//      meets the peer's answer, `up` may come behind `down`.
#ifndef MNEME_SERVER_PEER_PEER_STREAM_H_
#define MNEME_SERVER_PEER_PEER_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/federation/frame.h"
#include "mneme/v1/peer_service.grpc.pb.h"
#include "server/peer/frame_pieces.h"

namespace mneme::server {

inline constexpr size_t kOutboxFramesMax = 64;
// One frame may be longer, where no other waits.
inline constexpr size_t kOutboxBytesMax = size_t{128} << 20;
// What a client says of itself when it opens a stream.
inline constexpr char kFederationMetadata[] = "mneme-federation";
inline constexpr char kNodeMetadata[] = "mneme-node";

struct PeerCallbacks {
  // May be empty: a message of so many bytes came, a frame or a piece of one.
  std::function<void(uint64_t bytes)> delivered;
  // InvalidArgument (FRAME): bytes that are no frame.
  std::function<void(absl::StatusOr<federation::Frame>)> frame;
  // May be empty: the other end has answered. A stream that was only opened may lead nowhere. Where
  // the answer was a refusal the next read fails.
  std::function<void()> up;
  // The stream is over: why. A peer's own words, or gRPC's, may be part of it.
  std::function<void(const std::string& reason)> down;
};

class PeerStream {
 public:
  virtual ~PeerStream() = default;
  virtual void Send(federation::Frame frame) = 0;
  // Reads the next frame. Once at the start, when it is up or before; then once after each.
  virtual void Next() = 0;
  virtual void Close(const std::string& reason) = 0;
  // Of whole frames sent so far, as protobuf has them.
  virtual uint64_t bytes_sent() const = 0;
};

// Opens a stream to the peer; `down` is called where that fails.
std::shared_ptr<PeerStream> OpenPeerStream(v1::PeerService::Stub& stub, std::string_view federation,
                                           std::string_view node, FrameLimits limits,
                                           PeerCallbacks callbacks);

// A stream that a peer opened. Whoever answers the call gets both: the reactor for gRPC, the stream
// for the node, with callbacks that are set before anything is read.
struct AcceptedStream {
  grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>* reactor = nullptr;
  std::shared_ptr<PeerStream> stream;
};
AcceptedStream AcceptPeerStream(FrameLimits limits, PeerCallbacks callbacks);
// The call is refused.
grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>* RefusePeerStream(const absl::Status& why);

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_PEER_STREAM_H_
