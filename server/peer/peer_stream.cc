#include "server/peer/peer_stream.h"

#include <deque>
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
  explicit StreamReactor(PeerCallbacks callbacks) : callbacks_(std::move(callbacks)) {}

  void Send(federation::Frame frame) override {
    v1::PeerFrame message;
    EncodeFrame(std::move(frame), &message);
    {
      MutexLock lock(&mutex_);
      if (over_ || outbox_.size() >= kOutboxFramesMax) return;
      bytes_sent_ += message.ByteSizeLong();
      outbox_.push_back(std::move(message));
      if (writing_) return;
      writing_ = true;
    }
    WriteFirst();
  }

  void Next() override {
    {
      MutexLock lock(&mutex_);
      if (over_ || reading_) return;
      reading_ = true;
    }
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
    if (!ok) return GoDown("the peer closed the stream");
    callbacks_.frame(DecodeFrame(std::move(incoming_)));
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return GoDown("a frame could not be sent");
    {
      MutexLock lock(&mutex_);
      outbox_.pop_front();
      writing_ = !outbox_.empty() && !over_;
      if (!writing_) return;
    }
    WriteFirst();
  }

 protected:
  // Ends the call, once.
  virtual void End(const std::string& reason) = 0;

  void GoDown(const std::string& reason) {
    {
      MutexLock lock(&mutex_);
      if (std::exchange(over_, true)) return;
    }
    callbacks_.down(reason);
    End(reason);
  }

 private:
  void WriteFirst() {
    const v1::PeerFrame* first = nullptr;
    {
      MutexLock lock(&mutex_);
      first = &outbox_.front();  // a deque: it stays where it is
    }
    this->StartWrite(first);
  }

  const PeerCallbacks callbacks_;
  v1::PeerFrame incoming_;  // of the read under way
  mutable Mutex mutex_;     // a leaf
  std::deque<v1::PeerFrame> outbox_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_sent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
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
    if (!ok) GoDown("the peer is out of reach");
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

  grpc::ClientContext context_;
  std::shared_ptr<OpenedStream> self_;  // until OnDone
};

class TakenStream final : public StreamReactor<ServerReactor> {
 public:
  using StreamReactor::StreamReactor;
  void Own(std::shared_ptr<TakenStream> self) { self_ = std::move(self); }
  void OnCancel() override { GoDown("the peer is gone"); }
  void OnDone() override { self_.reset(); }

 private:
  void End(const std::string& reason) override {
    Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, reason));
  }

  std::shared_ptr<TakenStream> self_;  // until OnDone
};

class RefusedStream final : public ServerReactor {
 public:
  explicit RefusedStream(const absl::Status& why) { Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

}  // namespace

std::shared_ptr<PeerStream> OpenPeerStream(v1::PeerService::Stub& stub, std::string_view federation,
                                           std::string_view node, PeerCallbacks callbacks) {
  auto stream = std::make_shared<OpenedStream>(std::move(callbacks));
  stream->Open(stub, federation, node, stream);
  return stream;
}

AcceptedStream AcceptPeerStream(PeerCallbacks callbacks) {
  auto stream = std::make_shared<TakenStream>(std::move(callbacks));
  stream->Own(stream);
  return {.reactor = stream.get(), .stream = stream};
}

ServerReactor* RefusePeerStream(const absl::Status& why) { return new RefusedStream(why); }

}  // namespace mneme::server
