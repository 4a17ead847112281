#include "server/rpc/store_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/fail_point.h"
#include "core/base/status.h"
#include "core/engine/validate.h"
#include "server/rpc/convert_write.h"
#include "server/rpc/limits.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/status.h"

namespace mneme::server {
namespace {

absl::Status BadMessage(std::string_view given, std::string_view expected) {
  return InvalidArgument(
      absl::StrFormat("StoreStream: %s, expected %s", AbslView(given), AbslView(expected)),
      {.reason = "STREAM_MESSAGE",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Send `open` first, then chunks that hold rows alone."});
}

absl::Status NoFirstMessage() {
  return MakeError(absl::StatusCode::kDeadlineExceeded,
                   absl::StrFormat("no message came within %d s", kStreamOpeningMs / 1000),
                   {.reason = "STREAM_SILENT",
                    .given = "nothing",
                    .expected = "`open` at once",
                    .next_step = "Open a stream when there is something to store."});
}

absl::Status CheckSessionId(const std::string& id) {
  if (!id.empty() && id.size() <= kSessionIdBytesMax && engine::ValidateRequestId(id).ok()) {
    return absl::OkStatus();
  }
  return InvalidArgument("the session id is not usable",
                         {.reason = "SESSION_ID",
                          .given = absl::StrCat(id.size(), " bytes"),
                          .expected = absl::StrCat("1 to ", kSessionIdBytesMax,
                                                   " printable ASCII characters without blanks"),
                          .next_step = "Make a UUID for each load, and keep it to resume."});
}

}  // namespace

StoreStreamReactor::StoreStreamReactor(engine::Engine& engine, CallBounds& bounds,
                                       StreamCounts& streams,
                                       const grpc::CallbackServerContext& context)
    : engine_(engine),
      bounds_(bounds),
      meter_(bounds.observer, RpcOf<v1::StoreStreamRequest>(), &context),
      streams_(streams),
      context_(context) {
  absl::Status status = Admit(opening_, 1);
  caller_ = passage_.caller;
  if (status.ok()) {
    absl::StatusOr<StreamCounts::Place> place = streams.Enter(passage_.caller);
    if (place.ok()) {
      place_ = *std::move(place);
      AwaitFirst();
      return;
    }
    status = place.status();
  }
  {
    MutexLock lock(&mutex_);
    finished_ = true;
  }
  End(status, 0);
}

absl::Status StoreStreamReactor::Admit(const v1::StoreStreamRequest& message, uint64_t stores) {
  if (!opened_ && message.has_open()) *opening_.mutable_open() = message.open();
  passage_ = bounds_.gate.Admit(context_, opening_, message.ByteSizeLong(), stores);
  // An alias is followed from message to message, each time as the gate has seen it.
  memory_ = passage_.pins.empty() ? name_ : passage_.pins.front().own_name;
  return passage_.status;
}

void StoreStreamReactor::AwaitFirst() {
  StartRead(&incoming_);
  SetAlarm(opening_time_, std::chrono::milliseconds(kStreamOpeningMs), [this](bool over) {
    if (!over) return;
    mutex_.Lock();
    overdue_ = true;
    Advance();
  });
}

void StoreStreamReactor::End(const absl::Status& status, uint64_t position) {
  v1::StoreResponse last;  // tells the audit log how far it got
  last.set_position(position);
  meter_.End(static_cast<int>(status.code()), &opening_);
  bounds_.gate.Note(context_, passage_, opening_, status, position > 0 ? &last : nullptr);
  Finish(ToGrpc(bounds_.gate.Redact(passage_.caller, status)));
}

void StoreStreamReactor::OnDone() {
  if (place_.has_value()) {
    streams_.Leave(*place_);
    opening_time_.Cancel();
  }
  Leave();
}

void StoreStreamReactor::OnCancel() {
  mutex_.Lock();
  broken_ = true;
  Advance();
}

absl::Status StoreStreamReactor::Parse(v1::StoreStreamRequest* message) {
  const absl::StatusOr<uint64_t> taken =
      TakeParsed(bounds_.budget, *v1::StoreStreamRequest::descriptor(), incoming_);
  if (!taken.ok()) {
    incoming_.Clear();
    return taken.status();
  }
  const grpc::Status parsed =
      grpc::SerializationTraits<v1::StoreStreamRequest>::Deserialize(&incoming_, message);
  bounds_.budget.Give(*taken);  // its chunks are charged one by one
  if (parsed.ok()) return absl::OkStatus();
  message->Clear();
  return Unreadable(*v1::StoreStreamRequest::descriptor());
}

std::vector<std::shared_ptr<StoreStreamReactor::Chunk>> StoreStreamReactor::ChunksOf(
    const Message& message) {
  std::vector<std::shared_ptr<Chunk>> out;
  const auto add = [&](v1::StoreStreamChunk* chunk) {
    out.push_back(std::make_shared<Chunk>());
    out.back()->message = message;
    out.back()->chunk = chunk;
    out.back()->index = arrived_++;
  };
  const int several = message->chunks().chunks_size();
  if (several == 0 || several > static_cast<int>(place_->window)) {
    add(message->has_chunk() ? message->mutable_chunk() : nullptr);
  } else {
    for (v1::StoreStreamChunk& chunk : *message->mutable_chunks()->mutable_chunks()) add(&chunk);
  }
  return out;
}

void StoreStreamReactor::OnReadDone(bool ok) {
  uint64_t bytes = 0;
  std::vector<std::shared_ptr<Chunk>> incoming;
  absl::Status may;
  if (ok) {
    bytes = incoming_.Length();
    bounds_.deliveries.Add(context_, bytes);
    const auto message = std::make_shared<v1::StoreStreamRequest>();
    may = Parse(message.get());
    incoming = ChunksOf(message);
  }
  {
    MutexLock lock(&mutex_);
    if (finished_) return;
    if (!came_) opening_time_.Cancel();
    came_ = true;
    meter_.AddIn(bytes);
    // From now on the stream cannot end before they are settled.
    chunks_.insert(chunks_.end(), incoming.begin(), incoming.end());
    reads_over_ = !ok;
  }
  if (!incoming.empty() && may.ok()) may = Admit(*incoming.front()->message, incoming.size());
  for (const std::shared_ptr<Chunk>& chunk : incoming) {
    if (!may.ok()) {
      Settle(*chunk, may);
    } else if (!opened_ && chunk->message->has_open()) {
      Open(chunk);
    } else {
      Submit(chunk);
    }
  }
  mutex_.Lock();
  reading_ = false;
  Advance();
}

// The chunk that was `open` is answered like any other: with `opened`.
void StoreStreamReactor::Open(const std::shared_ptr<Chunk>& chunk) {
  const v1::StoreStreamOpen& open = chunk->message->open();
  opened_ = true;
  streams_.TakeWindow(&*place_);
  session_ = open.session_id();
  upsert_ = open.upsert();
  durability_ = open.durability();
  const absl::StatusOr<std::string> memory = DecodeMemoryName(open.memory(), "open.memory");
  if (!memory.ok()) return Settle(*chunk, memory.status());
  name_ = *memory;
  if (passage_.pins.empty()) memory_ = name_;
  if (absl::Status id = CheckSessionId(session_); !id.ok()) return Settle(*chunk, id);
  if (absl::Status known = DecodeDurability(durability_).status(); !known.ok()) {
    return Settle(*chunk, known);
  }
  const auto request_id = [session = session_](uint64_t n) {
    return absl::StrCat(session, "/", n);
  };
  engine_.LastOfSeries(memory_, request_id, [this, chunk](absl::StatusOr<uint64_t> last) {
    if (last.ok()) {
      {
        MutexLock lock(&mutex_);
        first_sequence_max_ = *last + 1;
      }
      chunk->opened.emplace();
      chunk->opened->set_last_sequence(*last);
      chunk->opened->set_window(place_->window);
    }
    Settle(*chunk, last.status());
  });
}

absl::Status StoreStreamReactor::CheckSequence(uint64_t sequence) {
  const bool first = next_sequence_ == 0;
  uint64_t most = next_sequence_;
  if (first) {
    MutexLock lock(&mutex_);
    most = first_sequence_max_;
  }
  if (sequence <= most && sequence >= (first ? 1 : most)) {
    next_sequence_ = sequence + 1;
    return absl::OkStatus();
  }
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrFormat("chunk %d does not follow on what came before it", sequence),
      {.reason = "STREAM_SEQUENCE",
       .given = absl::StrCat(sequence),
       .expected = first ? absl::StrCat("1 to ", most) : absl::StrCat(most),
       .next_step = "Open the stream again and go on after last_sequence. What was acknowledged "
                    "stays stored."});
}

absl::StatusOr<engine::StoreCommand> StoreStreamReactor::Decode(Chunk& chunk) {
  if (chunk.chunk == nullptr) {
    const int several = chunk.message->chunks().chunks_size();
    if (opened_ && several > 0) {
      return BadMessage(absl::StrCat(several, " chunks in one message"),
                        absl::StrCat("at most ", place_->window));
    }
    return BadMessage(opened_ ? "no chunk" : "the first message is not `open`",
                      opened_ ? "a chunk" : "`open`");
  }
  if (!opened_) return BadMessage("a chunk before `open`", "`open`");
  const uint64_t bytes = chunk.chunk->ByteSizeLong();
  MNEME_RETURN_IF_ERROR(CheckMessageBytes(bytes, bounds_.message_bytes_max));
  MNEME_RETURN_IF_ERROR(CheckSequence(chunk.chunk->sequence()));
  MNEME_RETURN_IF_ERROR(bounds_.budget.TryTake(bytes));
  {
    MutexLock lock(&mutex_);
    chunk.charged_bytes = bytes;
    charged_bytes_ += bytes;
  }
  v1::StoreRequest& store = *chunk.chunk->mutable_store();
  if (!store.memory().empty() || !store.request_id().empty() || store.upsert() ||
      store.durability() != v1::DURABILITY_UNSPECIFIED) {
    return BadMessage("a chunk with memory, upsert, request_id or durability",
                      "these in `open` alone");
  }
  store.set_memory(FormatMemoryName(memory_));
  store.set_request_id(absl::StrCat(session_, "/", chunk.chunk->sequence()));
  store.set_upsert(upsert_);
  store.set_durability(durability_);
  MNEME_ASSIGN_OR_RETURN(engine::StoreCommand command,
                         DecodeStore(store, chunk.arena.emplace(bounds_.budget)));
  // None adds nothing, so that chunks of older clients keep their hash.
  if (const uint64_t digest = chunk.chunk->digest(); digest != 0) {
    command.body_hash = BodyHash().Add(command.body_hash).Add(digest).value();
  }
  command.cancelled = [this, index = chunk.index] { return index > failed_index_; };
  return command;
}

void StoreStreamReactor::Submit(const std::shared_ptr<Chunk>& chunk) {
  absl::StatusOr<engine::StoreCommand> command = Decode(*chunk);
  if (!command.ok()) return Settle(*chunk, command.status());
  engine_.Store(*std::move(command), [this, chunk](absl::StatusOr<engine::WriteReply> reply) {
    if (reply.ok()) {
      chunk->ack.set_sequence(chunk->chunk->sequence());
      EncodeStored(*reply, chunk->ack.mutable_response());
      chunk->position = reply->position;
    }
    Settle(*chunk, reply.status());
  });
}

void StoreStreamReactor::Settle(Chunk& chunk, const absl::Status& status) {
  MNEME_PASS_FAIL_POINT("stream.before_ack");
  uint64_t first = failed_index_;
  while (!status.ok() && chunk.index < first &&
         !failed_index_.compare_exchange_weak(first, chunk.index)) {
  }
  chunk.arena.reset();
  mutex_.Lock();
  chunk.status = status;
  chunk.done = true;
  Advance();
}

bool StoreStreamReactor::CanWrite() const {
  return !writing_ && !broken_ && !chunks_.empty() && chunks_.front()->done &&
         chunks_.front()->status.ok();
}

void StoreStreamReactor::FillOutgoing() {
  outgoing_.Clear();
  outgoing_chunks_ = 1;
  Chunk& first = *chunks_.front();
  if (first.opened.has_value()) {
    outgoing_.mutable_opened()->Swap(&*first.opened);
    return;
  }
  if (!first.message->has_chunks()) {
    outgoing_.mutable_ack()->Swap(&first.ack);
    return;
  }
  outgoing_chunks_ = 0;
  for (const std::shared_ptr<Chunk>& chunk : chunks_) {
    if (!chunk->done || !chunk->status.ok() || !chunk->message->has_chunks()) break;
    outgoing_.mutable_acks()->add_acks()->Swap(&chunk->ack);
    ++outgoing_chunks_;
  }
}

bool StoreStreamReactor::CanRead() const {
  if (first_sequence_max_ == 0 || reading_ || reads_over_ || broken_) return false;
  if (failed_index_ != kNone) return false;
  if (chunks_.empty()) return true;
  // What was read ahead of others' calls would keep them out.
  const bool crowded = bounds_.budget.held() > bounds_.budget.bytes_max() / 2;
  return chunks_.size() < place_->window && charged_bytes_ < kStreamBytesMax && !crowded;
}

std::optional<absl::Status> StoreStreamReactor::Ending() const {
  if (writing_) return std::nullopt;
  const bool settled = std::all_of(chunks_.begin(), chunks_.end(),
                                   [](const std::shared_ptr<Chunk>& c) { return c->done; });
  if (!settled) return std::nullopt;
  if (broken_) return Cancelled("the client is gone", {.reason = "CANCELLED"});
  if (overdue_ && !came_) return NoFirstMessage();
  if (chunks_.empty()) return reads_over_ ? std::optional(absl::OkStatus()) : std::nullopt;
  return chunks_.front()->status.ok() ? std::nullopt : std::optional(chunks_.front()->status);
}

void StoreStreamReactor::PopFront() {
  bounds_.budget.Give(chunks_.front()->charged_bytes);
  charged_bytes_ -= chunks_.front()->charged_bytes;
  position_ = std::max(position_, chunks_.front()->position);
  chunks_.pop_front();
}

void StoreStreamReactor::OnWriteDone(bool ok) {
  mutex_.Lock();
  writing_ = false;
  broken_ = broken_ || !ok;
  for (; outgoing_chunks_ > 0; --outgoing_chunks_) PopFront();
  Advance();
}

void StoreStreamReactor::Advance() {
  if (advancing_ || finished_) {
    again_ = true;
    mutex_.Unlock();
    return;
  }
  advancing_ = true;
  do {
    again_ = false;
    if (CanWrite()) {
      writing_ = true;
      FillOutgoing();
      const uint64_t bytes = outgoing_.ByteSizeLong();
      meter_.AddOut(bytes);
      mutex_.Unlock();
      bounds_.gate.Charge(caller_, bytes);
      StartWrite(&outgoing_);
      mutex_.Lock();
    }
    if (CanRead()) {
      reading_ = true;
      mutex_.Unlock();
      StartRead(&incoming_);
      mutex_.Lock();
    }
    if (const std::optional<absl::Status> ending = Ending(); ending.has_value()) {
      finished_ = true;
      while (!chunks_.empty()) PopFront();
      const uint64_t position = position_;
      mutex_.Unlock();
      End(*ending, position);
      return;  // from here on this may be gone
    }
  } while (again_);
  advancing_ = false;
  mutex_.Unlock();
}

MemoryServiceImpl::StreamReactor* MemoryServiceImpl::OpenStoreStream(Context* context) {
  return new StoreStreamReactor(engine_, bounds_, streams_, *context);
}

}  // namespace mneme::server
