// Named bounds of the doorway, beside those of the engine (core/engine/limits.h).
#ifndef MNEME_SERVER_RPC_LIMITS_H_
#define MNEME_SERVER_RPC_LIMITS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/engine/limits.h"

namespace mneme::server {

struct CallBounds;  // server/rpc/call.h

// Attributes of an item, and bytes of the name of one.
inline constexpr int kAttributesMax = 64;
inline constexpr size_t kAttributeNameBytesMax = 128;
// Entries of one page: of items, and of anything else.
inline constexpr uint32_t kItemsPageMax = 10'000;
inline constexpr uint32_t kPageMax = 1'000;
// The longest that WaitOperation waits.
inline constexpr int64_t kWaitSecondsMax = 60;

// Streams of Stores that are open at once, in all and of one caller who is known: further ones are
// refused with BUSY.
inline constexpr uint32_t kStreamsMax = 1'024;
inline constexpr uint32_t kStreamsPerCallerMax = kStreamsMax / 4;
// For the first message of a stream to come; then it is ended.
inline constexpr int kStreamOpeningMs = 10'000;
// Chunks of one stream that are held, from their arrival until their ack is written; as many may
// come in one message. Each stream has the least, and more out of what streams share: together no
// more than the committer queues, so that streams that keep to their windows are never BUSY.
inline constexpr uint32_t kStreamWindow = 1'024;
inline constexpr uint32_t kStreamWindowMin = 8;
inline constexpr uint32_t kStreamWindowsShared = 8'192;
// Of that, what one caller who is known may have: enough for a first stream to have the most.
inline constexpr uint32_t kStreamWindowsPerCaller = kStreamWindowsShared / 4;
static_assert(kStreamWindowsPerCaller >= 2 * (kStreamWindow - kStreamWindowMin));
static_assert(kStreamsMax * kStreamWindowMin + kStreamWindowsShared <= engine::kPendingWritesMax);
// Bytes of chunks held; no message is read while there are more.
inline constexpr uint64_t kStreamBytesMax = 64ull << 20;
// With a slash and a number it is a request id.
inline constexpr size_t kSessionIdBytesMax = 40;

// Calls that one connection has under way; further ones wait at the client. A caller's streams
// leave room for others.
inline constexpr int kCallsPerConnectionMax = 384;
static_assert(kCallsPerConnectionMax > kStreamsPerCallerMax);
// A connection that has been quiet for so long is asked for a sign of life, and closed without one.
inline constexpr int kKeepaliveMs = 60'000;
inline constexpr int kKeepaliveAnswerMs = 20'000;
// For TLS, the client's preface and its settings, together.
inline constexpr int kHandshakeMs = 10'000;

// All of the above, and those that the configuration gives the calls.
std::vector<engine::NamedLimit> ServerLimits(const CallBounds& bounds);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_LIMITS_H_
