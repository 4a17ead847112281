#include "server/rpc/limits.h"

#include "server/net/client_port.h"
#include "server/rpc/call.h"

namespace mneme::server {

static_assert(kUnansweredCallsMax >= 2 * kCallsPerConnectionMax);

std::vector<engine::NamedLimit> ServerLimits(const CallBounds& bounds) {
  return {
      {"server.answer_seconds", static_cast<uint64_t>(bounds.answer_seconds_max.load()), "s",
       "For a client to take a large answer; then the call is dropped.", /*configurable=*/true},
      {"call_bytes_max", bounds.budget.bytes_max(), "bytes",
       "Requests and answers of all calls under way; further ones are refused with BUSY."},
      {"attributes_max", kAttributesMax, "attributes", "Attributes of an item."},
      {"attribute_name_bytes_max", kAttributeNameBytesMax, "bytes", "Name of an attribute."},
      {"items_page_max", kItemsPageMax, "items", "Items in one page."},
      {"page_max", kPageMax, "entries", "Memories, aliases, backups or operations in one page."},
      {"wait_seconds_max", kWaitSecondsMax, "s", "The longest that WaitOperation waits."},
      {"streams_max", kStreamsMax, "streams",
       "Streams of Stores open at once; further ones are refused with BUSY."},
      {"streams_per_caller_max", kStreamsPerCallerMax, "streams",
       "The same of one caller, where callers are known; fewer when few are left for others."},
      {"stream_opening_ms", kStreamOpeningMs, "ms",
       "For the first message of a stream to come; then the stream is ended."},
      {"stream_window", kStreamWindow, "chunks",
       "Chunks of a stream without an ack, the most that one is given; as many may come in one "
       "message."},
      {"stream_bytes_max", kStreamBytesMax, "bytes",
       "Chunks of a stream without an ack; no message is read while there are more."},
      {"session_id_bytes_max", kSessionIdBytesMax, "bytes", "Id of a session of StoreStream."},
      {"calls_per_connection_max", kCallsPerConnectionMax, "calls",
       "Calls under way on one connection; further ones wait at the client."},
      {"keepalive_ms", kKeepaliveMs, "ms",
       "Quiet time of a connection before it is asked for a sign of life."},
      {"keepalive_answer_ms", kKeepaliveAnswerMs, "ms", "Time for that sign of life."},
      {"handshake_ms", kHandshakeMs, "ms", "Time for a new connection to get to its first call."},
      {"unanswered_calls_max", kUnansweredCallsMax, "calls",
       "Calls that one connection may have opened and not let be answered, beyond as many as were; "
       "then it is cut off."},
      {"penalty_seconds", static_cast<uint64_t>(kPenaltySeconds), "s",
       "How long an address gets no new connection after one of its was cut off."},
  };
}

}  // namespace mneme::server
