#include "server/peer/peer_stream.h"

#include <deque>
#include <memory>
#include <tuple>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "server/peer/convert_frame.h"
#include "server/rpc/status.h"

namespace mneme::server {
namespace {

using ClientReactor = grpc::ClientBidiReactor<v1::PeerFrame, v1::PeerFrame>;
using ServerReactor = grpc::ServerBidiReactor<v1::PeerFrame, v1::PeerFrame>;

// What both ends do alike. `Side` is the reactor; it starts reads and writes, and knows how a
// stream ends.
template <typename Reactor>
class StreamReactor : public Reactor, public PeerStream {
 public:
  StreamReactor(FrameLimits limits, PeerCallbacks callbacks)
      : limits_(limits), callbacks_(std::move(callbacks)), joiner_(limits.frame_bytes_max) {}

  void Send(federation::Frame frame) override {
    v1::PeerFrame message;
    EncodeFrame(std::move(frame), &message);
    auto next = std::make_unique<FrameSplitter>(std::move(message), limits_.piece_bytes);
    {
      MutexLock lock(&mutex_);
      if (over_ || TakesPlace(next)) return;
      const bool fits = outbox_.empty() || outbox_bytes_ + next->bytes() <= kOutboxBytesMax;
      if (!fits || outbox_.size() >= kOutboxFramesMax) return;
      outbox_bytes_ += next->bytes();
      outbox_.push_back(std::move(next));
      if (writing_) return;
      writing_ = true;
    }
    WriteNext();
  }

  // Reads and writes are begun under the lock, where the stream is not over: behind Finish gRPC
  // takes none, and may be gone.
  void Next() override {
    MutexLock lock(&mutex_);
    if (over_ || reading_) return;
    reading_ = true;
    incoming_.Clear();
    this->StartRead(&incoming_);
  }

  void Close(const std::string& reason) override { GoDown(reason); }

  uint64_t bytes_sent() const override {
    MutexLock lock(&mutex_);
    return bytes_sent_;
  }

  void OnReadDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      reading_ = false;
      if (over_) return;
    }
    if (!ok) return Broke("the peer closed the stream");
    if (callbacks_.delivered) callbacks_.delivered(incoming_.ByteSizeLong());
    absl::StatusOr<bool> whole = joiner_.Take(std::move(incoming_));
    if (!whole.ok()) return callbacks_.frame(whole.status());
    if (!*whole) return Next();
    callbacks_.frame(DecodeFrame(std::move(joiner_.frame())));
  }

  void OnWriteDone(bool ok) override {
    if (ok) WriteNext();  // else there is no other: the call is over, and its end is told
  }

 protected:
  // Ends the call, once.
  virtual void End(const std::string& reason) = 0;
  // Nothing more can be read.
  virtual void Broke(const std::string& reason) = 0;

  void ComeUp() {
    {
      MutexLock lock(&mutex_);
      if (over_) return;
    }
    if (callbacks_.up) callbacks_.up();
  }
  void GoDown(const std::string& reason) {
    bool ends = false;
    {
      MutexLock lock(&mutex_);
      if (std::exchange(told_, true)) return;
      ends = !std::exchange(over_, true);
    }
    callbacks_.down(reason);
    if (ends) End(reason);
  }
  // No read and no write is begun any more, and `down` is still to come. False: so it was before.
  bool StopWork() {
    MutexLock lock(&mutex_);
    return !std::exchange(over_, true);
  }

 private:
  // Whether it is the same frame as one that waits, sent again: the newer one goes in its place.
  bool TakesPlace(std::unique_ptr<FrameSplitter>& next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto name = [](const FrameSplitter& frame) {
      const v1::PeerFrame& head = frame.head();
      return std::tuple(head.edge_seq(), head.epoch(), head.incarnation(), head.to_incarnation());
    };
    if (next->head().edge_seq() == 0) return false;
    for (std::unique_ptr<FrameSplitter>& waiting : outbox_) {
      if (waiting->begun() || name(*waiting) != name(*next)) continue;
      outbox_bytes_ += next->bytes();
      outbox_bytes_ -= waiting->bytes();
      waiting = std::move(next);
      return true;
    }
    return false;
  }

  // The next message of the first frame, or the first of the next.
  void WriteNext() {
    MutexLock lock(&mutex_);
    const v1::PeerFrame* message = nullptr;
    while (message == nullptr && !outbox_.empty() && !over_) {
      message = outbox_.front()->Next();
      if (message != nullptr) break;
      outbox_bytes_ -= outbox_.front()->bytes();
      outbox_.pop_front();
    }
    writing_ = message != nullptr;
    if (!writing_) return;
    bytes_sent_ += message->ByteSizeLong();
    this->StartWrite(message);  // it stays where it is until it is written
  }

  const FrameLimits limits_;
  const PeerCallbacks callbacks_;
  v1::PeerFrame incoming_;  // of the read under way
  FrameJoiner joiner_;      // of the thread that reads
  mutable Mutex mutex_;     // a leaf
  std::deque<std::unique_ptr<FrameSplitter>> outbox_ ABSL_GUARDED_BY(mutex_);
  size_t outbox_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_sent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;  // that it is down
};

class OpenedStream final : public StreamReactor<ClientReactor> {
 public:
  using StreamReactor::StreamReactor;

  void Open(v1::PeerService::Stub& stub, std::string_view federation, std::string_view node,
            std::shared_ptr<OpenedStream> self) {
    self_ = std::move(self);
    context_.AddMetadata(kFederationMetadata, std::string(federation));
    context_.AddMetadata(kNodeMetadata, std::string(node));
    stub.async()->Exchange(&context_, this);
    AddHold();  // reads and writes begin on other threads; until End
    StartCall();
  }

  void OnReadInitialMetadataDone(bool ok) override {
    if (!ok) return Broke("the peer is out of reach");
    ComeUp();
  }
  void OnDone(const grpc::Status& status) override {
    GoDown(status.ok() ? "the peer closed the stream" : status.error_message());
    self_.reset();
  }

 private:
  void End(const std::string&) override {
    context_.TryCancel();
    RemoveHold();
  }
  // The call is over at the other end: OnDone has its word on why.
  void Broke(const std::string&) override {
    if (StopWork()) RemoveHold();
  }

  grpc::ClientContext context_;
  std::shared_ptr<OpenedStream> self_;  // until OnDone
};

class TakenStream final : public StreamReactor<ServerReactor> {
 public:
  using StreamReactor::StreamReactor;
  void Own(std::shared_ptr<TakenStream> self) {
    self_ = std::move(self);
    StartSendInitialMetadata();  // the peer waits for an answer before it says anything
  }
  void OnSendInitialMetadataDone(bool ok) override {
    if (ok) ComeUp();
  }
  void OnCancel() override { GoDown("the peer is gone"); }
  void OnDone() override { self_.reset(); }

 private:
  void End(const std::string& reason) override {
    Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, reason));
  }
  void Broke(const std::string& reason) override { GoDown(reason); }

  std::shared_ptr<TakenStream> self_;  // until OnDone
};

class RefusedStream final : public ServerReactor {
 public:
  explicit RefusedStream(const absl::Status& why) { Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

}  // namespace

std::shared_ptr<PeerStream> OpenPeerStream(v1::PeerService::Stub& stub, std::string_view federation,
                                           std::string_view node, FrameLimits limits,
                                           PeerCallbacks callbacks) {
  auto stream = std::make_shared<OpenedStream>(limits, std::move(callbacks));
  stream->Open(stub, federation, node, stream);
  return stream;
}

AcceptedStream AcceptPeerStream(FrameLimits limits, PeerCallbacks callbacks) {
  auto stream = std::make_shared<TakenStream>(limits, std::move(callbacks));
  stream->Own(stream);
  return {.reactor = stream.get(), .stream = stream};
}

ServerReactor* RefusePeerStream(const absl::Status& why) { return new RefusedStream(why); }

}  // namespace mneme::server
