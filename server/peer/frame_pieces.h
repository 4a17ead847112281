// Frames that are longer than a message may be, in pieces: a head without the long parts, then
// these, in order, with nothing between. They come together in the strings that the frame is
// decoded from: the whole is never copied.
//
// A frame whose stream breaks is lost as a whole, and sent again as a whole by its node.
//
// Threads  not thread-safe.
#ifndef MNEME_SERVER_PEER_FRAME_PIECES_H_
#define MNEME_SERVER_PEER_FRAME_PIECES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mneme/v1/peer_service.pb.h"

namespace mneme::server {

// Of the long parts in one message; longer frames go in pieces of this.
inline constexpr size_t kPieceBytes = size_t{4} << 20;
// A message: a piece, or a head with its bookkeeping.
inline constexpr size_t kPeerMessageBytesMax = kPieceBytes + (size_t{1} << 20);

struct FrameLimits {
  size_t frame_bytes_max = 0;  // of the long parts of a frame that comes, all together
  size_t piece_bytes = kPieceBytes;
};

// The messages of one frame.
class FrameSplitter {
 public:
  FrameSplitter(v1::PeerFrame frame, size_t piece_bytes);
  // The next message; null behind the last. Valid until the next call.
  const v1::PeerFrame* Next();
  bool begun() const { return begun_; }
  // Of the frame that was given, without what pieces add.
  size_t bytes() const { return bytes_; }
  // The head, to tell frames apart.
  const v1::PeerFrame& head() const { return message_; }

 private:
  const size_t piece_bytes_;
  const size_t bytes_;
  v1::PeerFrame message_;
  std::vector<std::string> bulk_;  // what is still to go; empty: the frame is one message
  size_t part_ = 0;
  size_t offset_ = 0;
  bool begun_ = false;
};

// Frames of the messages of a stream.
class FrameJoiner {
 public:
  explicit FrameJoiner(size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  // Whether frame() is whole now.
  //
  // Errors  InvalidArgument (FRAME): a piece of nothing, too long a one, a frame between pieces, or
  //         long parts that are together beyond the limit: nothing is allocated for them.
  absl::StatusOr<bool> Take(v1::PeerFrame&& message);
  v1::PeerFrame& frame() { return frame_; }

 private:
  absl::StatusOr<bool> Begin(v1::PeerFrame&& head);
  absl::Status TooLong(uint64_t bytes) const;

  const size_t frame_bytes_max_;
  v1::PeerFrame frame_;
  std::vector<std::string*> parts_;  // in frame_; all before `part_` are whole
  size_t part_ = 0;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_FRAME_PIECES_H_
