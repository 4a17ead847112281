// Bulk loads over StoreStream: a few chunks on their way at a time, resumed after a broken
// connection.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/columns.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/status.h"
#include "mneme/client.h"

namespace mneme::client {
namespace {

using Stream = grpc::ClientReaderWriter<v1::StoreStreamRequest, v1::StoreStreamResponse>;

absl::Status Malformed(std::string_view what) {
  return MakeError(
      {.code = absl::StatusCode::kInternal,
       .reason = "MALFORMED_REPLY",
       .message = absl::StrCat("the server answered a stream of Stores with ", AbslView(what)),
       .next_step = "Check that client and server are of versions that fit together."});
}

// A load, over as many connections as it takes.
class Loader {
 public:
  Loader(std::string memory, const ChunkSource& source, const LoadOptions& options,
         std::string target)
      : memory_(std::move(memory)), source_(source), options_(options), target_(std::move(target)) {
    result_.session_id = options.session_id.empty() ? MakeRequestId() : options.session_id;
  }

  // One connection. OK: all is acknowledged. `local_` tells an error of this side.
  absl::Status Run(v1::MemoryService::Stub& stub) {
    grpc::ClientContext context;
    const std::stop_callback cancel(options_.stop, [&context] { context.TryCancel(); });
    const std::unique_ptr<Stream> stream = stub.StoreStream(&context);
    local_ = Talk(*stream);
    if (!local_.ok()) context.TryCancel();
    const absl::Status remote = FromGrpc(stream->Finish(), target_);
    if (!local_.ok()) return local_;
    if (!remote.ok()) return remote;
    return ended_ && acknowledged_ + 1 == next_ ? absl::OkStatus() : Malformed("too few acks");
  }

  bool failed_here() const { return !local_.ok(); }
  uint64_t acknowledged() const { return acknowledged_; }
  LoadResult& result() { return result_; }

 private:
  // Sends and reads until all is acknowledged or the stream breaks, which Finish explains.
  absl::Status Talk(Stream& stream) {
    v1::StoreStreamResponse response;
    if (!stream.Write(Open()) || !stream.Read(&response)) return absl::OkStatus();
    if (!response.has_opened() || response.opened().window() == 0) return Malformed("no window");
    if (!opened_) {
      // What was carried out behind our back since is asked for again: its answer counts.
      acknowledged_ = result_.chunks_skipped = response.opened().last_sequence();
      opened_ = true;
    }
    const uint32_t window = response.opened().window();
    next_ = acknowledged_ + 1;
    ended_ = false;
    broken_ = false;
    while (true) {
      while (!ended_ && next_ - acknowledged_ <= window) {
        if (absl::Status status = SendNext(stream); !status.ok() || broken_) return status;
      }
      if (acknowledged_ + 1 == next_) return absl::OkStatus();
      v1::StoreStreamResponse ack;
      if (!stream.Read(&ack)) return absl::OkStatus();
      if (!ack.has_ack() || ack.ack().sequence() != acknowledged_ + 1) {
        return Malformed("an ack out of order");
      }
      Add(*ack.mutable_ack()->mutable_response());
    }
  }

  v1::StoreStreamRequest Open() const {
    v1::StoreStreamRequest request;
    request.mutable_open()->set_memory(memory_);
    request.mutable_open()->set_session_id(result_.session_id);
    request.mutable_open()->set_upsert(options_.upsert);
    request.mutable_open()->set_durability(static_cast<v1::Durability>(options_.durability));
    return request;
  }

  absl::Status SendNext(Stream& stream) {
    absl::StatusOr<std::optional<StoreBatch>> batch = source_(next_);
    if (!batch.ok()) return batch.status();
    if (!batch->has_value()) {
      ended_ = true;
      stream.WritesDone();
      return absl::OkStatus();
    }
    if (absl::Status status = Check(**batch); !status.ok()) return status;
    v1::StoreStreamRequest request;
    request.mutable_chunk()->set_sequence(next_);
    SetColumns(**batch, {.begin = 0, .end = (*batch)->keys.rows, .index = 0}, options_.dtype,
               *request.mutable_chunk()->mutable_store());
    broken_ = !stream.Write(request);
    if (!broken_) ++next_;
    return absl::OkStatus();
  }

  void Add(v1::StoreResponse& response) {
    ++acknowledged_;
    const auto durability = static_cast<Durability>(response.durability());
    result_.durability =
        result_.chunks == 0 ? durability : std::min(result_.durability, durability);
    ++result_.chunks;
    result_.stored += response.stored();
    result_.replaced += response.replaced();
    result_.evicted += response.evicted();
    result_.replayed += response.replayed() ? 1 : 0;
    result_.position = response.position();
    result_.item_count = response.item_count();
    result_.read_token = std::move(*response.mutable_read_token());
    if (options_.progress) options_.progress(result_.chunks, result_.stored);
  }

  const std::string memory_;
  const ChunkSource& source_;
  const LoadOptions& options_;
  const std::string target_;
  LoadResult result_;
  absl::Status local_;
  bool opened_ = false;  // once, in whichever connection
  bool ended_ = false;   // the source has no more
  bool broken_ = false;  // the last Write failed
  uint64_t acknowledged_ = 0;
  uint64_t next_ = 1;
};

}  // namespace

std::string MakeSessionId() { return MakeRequestId(); }

absl::StatusOr<LoadResult> Client::Load(std::string_view memory, const ChunkSource& source,
                                        const LoadOptions& options) {
  Loader loader(ResourceName(memory), source, options, impl_->options().target);
  for (int tries = 1;; ++tries) {
    const uint64_t before = loader.acknowledged();
    const absl::Status status = loader.Run(impl_->memories());
    if (status.ok()) return std::move(loader.result());
    if (loader.acknowledged() > before) tries = 1;  // it went on meanwhile
    if (loader.failed_here() ||
        !impl_->WaitForNextTry(tries, status, Repeatable::kYes, options.stop)) {
      return WithRowsDone(
          Annotate(status, absl::StrCat("after chunk ", loader.acknowledged(), " of session ",
                                        loader.result().session_id)),
          loader.result().stored);
    }
    ++loader.result().reconnects;
  }
}

}  // namespace mneme::client
