// Bulk loads over StoreStream: some chunks on their way at a time, resumed after a broken
// connection.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/columns.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/digest.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/status.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
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

// Chunks that come up while others are on their way wait for one another, but for no ack once they
// are so many, or of so many bytes: with single rows a message costs more than a Store.
constexpr int kGatheredChunksMax = 256;
constexpr size_t kGatheredBytesMax = 256 << 10;

// One connection of a load: the caller's thread gathers chunks and sends them, a thread of its own
// reads the acks. What was gathered goes out when an ack comes in, so nothing waits for the source.
class Connection {
 public:
  explicit Connection(Stream& stream) : stream_(stream) {}
  ~Connection() {
    if (reader_.joinable()) reader_.join();
  }

  // After `opened`: acks are those of chunks `first`, `first` + 1, ...
  void Begin(uint64_t first, uint32_t window) {
    next_ack_ = first;
    window_ = window;
    reader_ = std::thread([this] { ReadAcks(); });
  }

  // Waits until the window lets another chunk through; false once the stream is broken.
  bool AwaitRoom() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return over_ || on_way_ < window_; });
    return !over_;
  }
  // false once the stream is broken.
  bool Send(v1::StoreStreamChunk chunk) {
    std::unique_lock lock(mutex_);
    gathered_bytes_ += chunk.ByteSizeLong();
    *gathered_.mutable_chunks()->add_chunks() = std::move(chunk);
    const bool alone = on_way_++ == 0;
    if (alone || gathered_.chunks().chunks_size() >= kGatheredChunksMax ||
        gathered_bytes_ >= kGatheredBytesMax) {
      Flush();
    }
    return !over_;
  }
  void End() {
    std::unique_lock lock(mutex_);
    Flush();
    stream_.WritesDone();
    ended_ = true;
  }
  // Acks that have come in since; waits for one if `wait`, unless none can come any more.
  std::vector<v1::StoreResponse> TakeAcks(bool wait) {
    std::unique_lock lock(mutex_);
    if (wait) changed_.wait(lock, [this] { return over_ || on_way_ == 0 || !acks_.empty(); });
    return std::exchange(acks_, {});
  }
  // Ends reading; what is wrong with the acks, if anything is.
  absl::Status Close() {
    if (reader_.joinable()) reader_.join();
    return status_;
  }

 private:
  // Sends what was gathered; a chunk alone goes by itself. Under the lock: a Write blocks while the
  // server does not read, and then there is nothing else to send either.
  void Flush() {
    if (gathered_.chunks().chunks_size() == 0) return;
    v1::StoreStreamRequest request;
    if (gathered_.chunks().chunks_size() == 1) {
      request.mutable_chunk()->Swap(gathered_.mutable_chunks()->mutable_chunks(0));
    } else {
      request.Swap(&gathered_);
    }
    gathered_.Clear();
    gathered_bytes_ = 0;
    over_ = over_ || !stream_.Write(request);
  }

  void ReadAcks() {
    v1::StoreStreamResponse response;
    while (stream_.Read(&response)) {
      std::unique_lock lock(mutex_);
      if (response.has_ack()) {
        Take(*response.mutable_ack());
      } else {
        for (v1::StoreStreamAck& ack : *response.mutable_acks()->mutable_acks()) Take(ack);
      }
      if (!status_.ok()) break;
      if (!ended_) Flush();
      changed_.notify_all();
    }
    std::unique_lock lock(mutex_);
    over_ = true;
    changed_.notify_all();
  }
  void Take(v1::StoreStreamAck& ack) {
    if (on_way_ == 0 || ack.sequence() != next_ack_) {
      status_ = Malformed("an ack out of order");
      return;
    }
    ++next_ack_;
    --on_way_;
    acks_.push_back(std::move(*ack.mutable_response()));
  }

  Stream& stream_;
  std::mutex mutex_;
  std::condition_variable changed_;
  v1::StoreStreamRequest gathered_;
  size_t gathered_bytes_ = 0;
  uint32_t window_ = 0;
  uint32_t on_way_ = 0;  // chunks sent or gathered, without an ack
  uint64_t next_ack_ = 0;
  std::vector<v1::StoreResponse> acks_;  // not taken yet
  bool ended_ = false;
  bool over_ = false;  // nothing more can be sent
  absl::Status status_;
  std::thread reader_;
};

// A chunk on its way.
struct Sent {
  uint64_t rows = 0;
  uint64_t digest = 0;  // of all chunks up to this one
};

// A load, over as many connections as it takes.
class Loader {
 public:
  Loader(std::string memory, const ChunkSource& source, const LoadOptions& options,
         std::string target)
      : memory_(std::move(memory)), source_(source), options_(options), target_(std::move(target)) {
    result_.session_id = options.session_id.empty() ? MakeRequestId() : options.session_id;
  }

  // One connection. OK: all is acknowledged. `local_` tells an error of this side.
  // `prepare` sets what each call carries.
  absl::Status Run(v1::MemoryService::Stub& stub,
                   const std::function<void(grpc::ClientContext&)>& prepare) {
    grpc::ClientContext context;
    prepare(context);
    const std::stop_callback cancel(options_.stop, [&context] { context.TryCancel(); });
    const std::unique_ptr<Stream> stream = stub.StoreStream(&context);
    {
      Connection connection(*stream);
      local_ = Talk(*stream, connection);
      if (!local_.ok()) context.TryCancel();  // ends the reading
      const absl::Status acks = connection.Close();
      Add(connection.TakeAcks(false));
      if (local_.ok()) local_ = acks;
      if (!local_.ok()) context.TryCancel();
    }
    const absl::Status remote = FromGrpc(stream->Finish(), target_, options_.stop);
    if (!local_.ok()) return local_;
    if (again_ && GetError(remote).reason == "REQUEST_ID_REUSED") {
      local_ = OtherSession(absl::StrCat("other rows in chunks 1 to ", acknowledged_));
      return local_;
    }
    // The first chunk without an ack is the one to blame.
    if (const auto counted = CountRowsFrom(rows_, GetError(remote)); counted && !again_) {
      return MakeError(*counted);
    }
    if (!remote.ok()) return remote;
    return ended_ ? absl::OkStatus() : Malformed("too few acks");
  }

  bool failed_here() const { return !local_.ok(); }
  uint64_t acknowledged() const { return acknowledged_; }
  LoadResult& result() { return result_; }

  // How far the load came when it ended with `status`, and what may have gone further.
  std::string Progress(const absl::Status& status) const {
    std::string text =
        absl::StrCat("after chunk ", acknowledged_, " of session ", result_.session_id);
    if (on_way_.empty() || !MayBeStored(status.code())) return text;
    const uint64_t rows =
        std::accumulate(on_way_.begin(), on_way_.end(), uint64_t{0},
                        [](uint64_t sum, const Sent& sent) { return sum + sent.rows; });
    absl::StrAppend(&text, ", with ", on_way_.size(), " more of ", rows,
                    " rows on their way that may be stored too");
    return text;
  }

 private:
  // Sends until all is acknowledged or the stream breaks, which Finish explains.
  absl::Status Talk(Stream& stream, Connection& connection) {
    v1::StoreStreamResponse response;
    if (!stream.Write(Open()) || !stream.Read(&response)) return absl::OkStatus();
    if (!response.has_opened() || response.opened().window() == 0) return Malformed("no window");
    if (!opened_) {
      // What was carried out behind our back since is asked for again: its answer counts.
      acknowledged_ = result_.chunks_skipped = response.opened().last_sequence();
      again_ = acknowledged_ > 0;
      opened_ = true;
    }
    if (again_) {
      if (absl::Status status = ReadSkipped(); !status.ok()) return status;
      if (options_.stop.stop_requested()) return absl::OkStatus();
    }
    next_ = again_ ? acknowledged_ : acknowledged_ + 1;
    ended_ = false;
    connection.Begin(next_, response.opened().window());
    while (!ended_) {
      if (!connection.AwaitRoom()) return absl::OkStatus();
      absl::StatusOr<std::optional<StoreBatch>> batch = source_(next_);
      absl::Status status = batch.status();
      if (status.ok() && batch->has_value()) status = Check(**batch);
      if (again_ && status.ok() && !batch->has_value()) status = Fewer();
      if (!status.ok() || !batch->has_value()) {
        // What was sent before the error is stored: it is waited for, so that all of it is told.
        connection.End();
        ended_ = AwaitAcks(connection);
        return status;
      }
      v1::StoreStreamChunk chunk = ToChunk(**batch);
      Note(**batch, chunk.digest());
      if (!connection.Send(std::move(chunk))) return absl::OkStatus();
      ++next_;
      const bool compared = again_;  // nothing goes on before its answer is there
      Add(connection.TakeAcks(compared));
      if (compared && again_) return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  // false when the stream broke before all acks were there.
  bool AwaitAcks(Connection& connection) {
    while (acknowledged_ + 1 < next_) {
      const std::vector<v1::StoreResponse> acks = connection.TakeAcks(true);
      if (acks.empty()) return false;
      Add(acks);
    }
    return true;
  }

  // Whether chunks without an ack may have been stored when the stream ended so.
  static bool MayBeStored(absl::StatusCode code) {
    return code == absl::StatusCode::kCancelled || code == absl::StatusCode::kUnavailable ||
           code == absl::StatusCode::kDeadlineExceeded || code == absl::StatusCode::kUnknown ||
           code == absl::StatusCode::kInternal;
  }

  // Chunks that an earlier Load stored, all but its last, are read for their digest; once.
  absl::Status ReadSkipped() {
    while (skipped_.chunks + 1 < acknowledged_ && !options_.stop.stop_requested()) {
      absl::StatusOr<std::optional<StoreBatch>> batch = source_(skipped_.chunks + 1);
      absl::Status status = batch.status();
      if (status.ok()) status = batch->has_value() ? Check(**batch) : Fewer();
      if (!status.ok()) return status;
      v1::StoreRequest store;
      SetAll(**batch, store);
      skipped_.digest = DigestBehind(skipped_.digest, store);
      skipped_.rows += (*batch)->keys.rows;
      ++skipped_.chunks;
    }
    return absl::OkStatus();
  }

  // A chunk that was sent again after a broken connection is noted already.
  void Note(const StoreBatch& batch, uint64_t digest) {
    if (again_) {
      digest_ = digest;
      rows_ = skipped_.rows + batch.keys.rows;
    } else if (next_ > acknowledged_ + on_way_.size()) {
      on_way_.push_back({.rows = batch.keys.rows, .digest = digest});
    }
  }

  // Of all chunks before `next_`.
  uint64_t DigestBefore() const {
    if (again_) return skipped_.digest;
    return next_ == acknowledged_ + 1 ? digest_ : on_way_[next_ - acknowledged_ - 2].digest;
  }

  // Maps in order, so that the same rows are the same bytes.
  static uint64_t DigestBehind(uint64_t before, const v1::StoreRequest& store) {
    std::string bytes;
    {
      google::protobuf::io::StringOutputStream stream(&bytes);
      google::protobuf::io::CodedOutputStream coded(&stream);
      coded.SetSerializationDeterministic(true);
      store.SerializeToCodedStream(&coded);
    }
    return Digest(before, bytes);
  }

  absl::Status Fewer() const { return OtherSession("fewer chunks"); }

  // The session is that of a load of other rows.
  absl::Status OtherSession(std::string_view given) const {
    return MakeError(
        {.code = absl::StatusCode::kInvalidArgument,
         .reason = "SESSION_REUSED",
         .message = absl::StrCat("session ", result_.session_id, " stored ", acknowledged_,
                                 " chunks before, which are not all those of this load"),
         .given = std::string(given),
         .expected = "the same rows, in the same chunks, with the same dtype and upsert",
         .next_step = "Make a new session for other rows. Nothing was stored."});
  }

  v1::StoreStreamRequest Open() const {
    v1::StoreStreamRequest request;
    request.mutable_open()->set_memory(memory_);
    request.mutable_open()->set_session_id(result_.session_id);
    request.mutable_open()->set_upsert(options_.upsert);
    request.mutable_open()->set_durability(static_cast<v1::Durability>(options_.durability));
    return request;
  }

  v1::StoreStreamChunk ToChunk(const StoreBatch& batch) const {
    v1::StoreStreamChunk chunk;
    chunk.set_sequence(next_);
    SetAll(batch, *chunk.mutable_store());
    chunk.set_digest(DigestBehind(DigestBefore(), chunk.store()));
    return chunk;
  }

  void SetAll(const StoreBatch& batch, v1::StoreRequest& store) const {
    SetColumns(batch, {.begin = 0, .end = batch.keys.rows, .index = 0}, options_.dtype, store);
  }

  void Add(const std::vector<v1::StoreResponse>& acks) {
    for (const v1::StoreResponse& response : acks) {
      result_.position = response.position();
      result_.read_token = response.read_token();
      if (std::exchange(again_, false)) continue;
      ++acknowledged_;
      if (!on_way_.empty()) {
        digest_ = on_way_.front().digest;
        rows_ += on_way_.front().rows;
        on_way_.pop_front();
      }
      const auto durability = static_cast<Durability>(response.durability());
      result_.durability =
          result_.chunks == 0 ? durability : std::min(result_.durability, durability);
      ++result_.chunks;
      result_.stored += response.stored();
      result_.replaced += response.replaced();
      result_.evicted += response.evicted();
      result_.replayed += response.replayed() ? 1 : 0;
      result_.item_count = response.item_count();
      if (options_.progress) options_.progress(result_.chunks, result_.stored);
    }
  }

  const std::string memory_;
  const ChunkSource& source_;
  const LoadOptions& options_;
  const std::string target_;
  LoadResult result_;
  absl::Status local_;
  bool opened_ = false;  // once, in whichever connection
  // The last chunk of an earlier Load is sent once more, before all others, with the digest of all
  // up to it: the server refuses it when one of them is not what it stored.
  bool again_ = false;
  struct {
    uint64_t chunks = 0;
    uint64_t rows = 0;
    uint64_t digest = 0;
  } skipped_;                // read, and not sent again
  bool ended_ = false;       // the source has no more, and all is acknowledged
  std::deque<Sent> on_way_;  // the chunks sent behind `acknowledged_`
  uint64_t acknowledged_ = 0;
  uint64_t rows_ = 0;    // of the chunks up to there
  uint64_t digest_ = 0;  // of these
  uint64_t next_ = 1;
};

}  // namespace

std::string MakeSessionId() { return MakeRequestId(); }

absl::StatusOr<LoadResult> Client::Load(std::string_view memory, const ChunkSource& source,
                                        const LoadOptions& options) {
  absl::Status valid = Impl::CheckTraceparent(options.traceparent);
  if (!valid.ok()) return valid;
  Loader loader(ResourceName(memory), source, options, impl_->options().target);
  for (int tries = 1;; ++tries) {
    const uint64_t before = loader.acknowledged();
    const absl::Status status =
        loader.Run(impl_->memories(), [this, &options](grpc::ClientContext& context) {
          impl_->Prepare(context, options.traceparent);
        });
    if (status.ok()) return std::move(loader.result());
    if (loader.acknowledged() > before) tries = 1;  // it went on meanwhile
    if (loader.failed_here() ||
        !impl_->WaitForNextTry(tries, status, Repeatable::kYes, options.stop)) {
      return WithRowsDone(GetError(status).reason == "SESSION_REUSED"
                              ? status
                              : Annotate(status, loader.Progress(status)),
                          loader.result().stored);
    }
    ++loader.result().reconnects;
  }
}

}  // namespace mneme::client
