// Frames of a federation on the wire. The packed numbers move, they are not copied.
//
// Threads     pure functions.
#ifndef MNEME_SERVER_PEER_CONVERT_FRAME_H_
#define MNEME_SERVER_PEER_CONVERT_FRAME_H_

#include "absl/status/statusor.h"
#include "core/federation/frame.h"
#include "mneme/v1/peer_service.pb.h"

namespace mneme::server {

void EncodeFrame(federation::Frame&& from, v1::PeerFrame* to);
// InvalidArgument (FRAME): no body, an unknown enum, an id of another size. What the numbers say is
// for federation::Check.
absl::StatusOr<federation::Frame> DecodeFrame(v1::PeerFrame&& from);

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_CONVERT_FRAME_H_
