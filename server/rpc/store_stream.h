// One StoreStream: chunks come in, are submitted in order without waiting for one another, and are
// acknowledged in order.
//
// Chunk n of a session is a Store with the request id SESSION/n, so a chunk that is sent again is
// answered from its outcome, over connections and restarts. Nothing after a chunk that failed is
// carried out: what is queued behind it is called off before the committer prepares it.
//
// A message brings one chunk or several, and acks go out in messages as they came in: with single
// rows a message costs more than a Store.
//
// The gate is asked at the beginning, when nothing is known of the stream but its caller, and again
// with each message: a key that is taken back ends the streams that it opened. A stream whose first
// message does not come in time is ended: its place is for others.
//
// Invariants: (1) no message is read while as many chunks as its window or kStreamBytesMax are
// held, from their arrival until their ack is written, so that gRPC's flow control stops the
// client. (2) The next read starts after the chunks before it were submitted: they reach the
// committer in order. (3) Reads, writes and the end are started by one thread at a time (Advance),
// none after the end.
#ifndef MNEME_SERVER_RPC_STORE_STREAM_H_
#define MNEME_SERVER_RPC_STORE_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "mneme/v1/memory_service.pb.h"
#include "server/rpc/call.h"
#include "server/rpc/self_owned.h"
#include "server/rpc/stream_counts.h"

namespace mneme::server {

class StoreStreamReactor final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, v1::StoreStreamResponse>,
      private SelfOwned {
 public:
  // `context`: of the call; outlives the reactor.
  StoreStreamReactor(engine::Engine& engine, CallBounds& bounds, StreamCounts& streams,
                     const grpc::CallbackServerContext& context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  static constexpr uint64_t kNone = ~uint64_t{0};
  using Message = std::shared_ptr<v1::StoreStreamRequest>;
  // What came in, from its arrival until it has been answered.
  struct Chunk {
    Message message;                        // that it came in
    v1::StoreStreamChunk* chunk = nullptr;  // null: the message holds none
    v1::StoreStreamAck ack;
    std::optional<v1::StoreStreamOpened> opened;  // of what is answered by it
    std::optional<DecodeArena> arena;             // from decoding until it is settled
    uint64_t index = 0;                           // 0, 1, 2, ... as they came in
    uint64_t charged_bytes = 0;
    uint64_t position = 0;  // that its rows were stored at
    bool done = false;
    absl::Status status;  // of one that is done
  };

  ~StoreStreamReactor() override = default;

  // Asks the gate about a message, as part of a stream to the memory that was opened.
  // `stores` that it holds count as so many calls.
  absl::Status Admit(const v1::StoreStreamRequest& message, uint64_t stores);
  // Starts the first read, and gives it its time.
  void AwaitFirst();
  // Ends the call; nothing of this may be touched after it. `position`: of what was stored last; 0:
  // nothing was.
  void End(const absl::Status& status, uint64_t position);
  // The message that came in; an empty one where it cannot be parsed.
  absl::Status Parse(v1::StoreStreamRequest* message);
  // Its chunks; one without any for another message.
  std::vector<std::shared_ptr<Chunk>> ChunksOf(const Message& message);
  void Open(const std::shared_ptr<Chunk>& chunk);
  void Submit(const std::shared_ptr<Chunk>& chunk);
  // Decodes the chunk that came in, if it is the next one.
  absl::StatusOr<engine::StoreCommand> Decode(Chunk& chunk);
  absl::Status CheckSequence(uint64_t sequence);
  void Settle(Chunk& chunk, const absl::Status& status);
  // Starts what can be started now, or leaves it to the thread that is at it. Takes the lock over
  // from the caller, so that nothing can end between what he noted and this; afterwards the reactor
  // may be gone, unless he is in one of gRPC's reactions.
  void Advance() ABSL_UNLOCK_FUNCTION(mutex_);
  bool CanWrite() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes the next message of the server out of the oldest chunks.
  void FillOutgoing() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CanRead() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How the stream ends, if it can end now.
  std::optional<absl::Status> Ending() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Forgets the oldest chunk.
  void PopFront() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  engine::Engine& engine_;
  CallBounds& bounds_;
  CallMeter meter_;
  StreamCounts& streams_;
  const grpc::CallbackServerContext& context_;
  std::optional<StreamCounts::Place> place_;  // none: it was not let in
  grpc::Alarm opening_time_;                  // until the first message

  // Set by the reads, which come one after another, before the chunk that they brought is settled.
  v1::StoreStreamRequest opening_;  // `open` alone; what the gate is shown
  Passage passage_;                 // of the last message
  Caller caller_;                   // who opened it, and pays for the answers
  bool opened_ = false;
  std::string name_;    // as it was opened: of a memory or an alias
  std::string memory_;  // what it stands for
  std::string session_;
  bool upsert_ = false;
  v1::Durability durability_ = v1::DURABILITY_UNSPECIFIED;
  uint64_t next_sequence_ = 0;  // 0: any up to first_sequence_max_
  uint64_t arrived_ = 0;
  grpc::ByteBuffer incoming_;

  // Index of a chunk that was not carried out: none after it may be.
  std::atomic<uint64_t> failed_index_{kNone};

  Mutex mutex_;
  std::deque<std::shared_ptr<Chunk>> chunks_ ABSL_GUARDED_BY(mutex_);  // oldest first
  uint64_t charged_bytes_ ABSL_GUARDED_BY(mutex_) = 0;                 // of these
  uint64_t position_ ABSL_GUARDED_BY(mutex_) = 0;                      // of the last one stored
  size_t outgoing_chunks_ ABSL_GUARDED_BY(mutex_) = 0;                 // answered by outgoing_
  uint64_t first_sequence_max_ ABSL_GUARDED_BY(mutex_) = 0;            // 0: not open yet
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool reads_over_ ABSL_GUARDED_BY(mutex_) = false;  // the client has sent all
  bool came_ ABSL_GUARDED_BY(mutex_) = false;        // the first message, or that there is none
  bool overdue_ ABSL_GUARDED_BY(mutex_) = false;     // it had its time
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;      // the client is gone
  bool advancing_ ABSL_GUARDED_BY(mutex_) = false;
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  v1::StoreStreamResponse outgoing_;  // filled while nothing is written
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_STORE_STREAM_H_
