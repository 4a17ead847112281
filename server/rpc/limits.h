// Named bounds of the doorway, beside those of the engine (core/engine/limits.h).
#ifndef MNEME_SERVER_RPC_LIMITS_H_
#define MNEME_SERVER_RPC_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace mneme::server {

// Streams of Stores that are open at once: further ones are refused with BUSY.
inline constexpr uint32_t kStreamsMax = 1'024;
// Chunks of one stream that are held, from their arrival until their ack is written.
inline constexpr uint32_t kStreamWindow = 8;
// With a slash and a number it is a request id.
inline constexpr size_t kSessionIdBytesMax = 40;

// Calls that one connection has under way; further ones wait at the client.
inline constexpr int kCallsPerConnectionMax = 1'024;
// A connection that has been quiet for so long is asked for a sign of life, and closed without one.
inline constexpr int kKeepaliveMs = 60'000;
inline constexpr int kKeepaliveAnswerMs = 20'000;

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_LIMITS_H_
