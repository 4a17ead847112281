// Retrieve and ListwiseQuery: find the view, choose where to run, settle what the answer lacks.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/engine/engine.h"
#include "core/engine/passing_rows.h"
#include "core/engine/probe.h"
#include "core/engine/timeline.h"
#include "core/engine/validate.h"

namespace mneme::engine {

struct Engine::Pending {
  QueryCommand command;
  Done<QueryReply> done;
  std::shared_ptr<Memory> memory;
  std::optional<filter::Filter> filter;
  PinnedView pinned;
  QueryReply reply;
};

namespace {

absl::Status CheckToken(const ReadToken& token, const Memory& memory, uint64_t position) {
  if (token.uid != memory.uid()) {
    return FailedPrecondition(
        absl::StrFormat("the read token is not of memory '%s'", memory.name()),
        {.reason = "READ_TOKEN",
         .given = "a token of another memory, or of one deleted since",
         .expected = "a token from a write to this memory",
         .next_step = "Leave the token out, or send the one of the last write."});
  }
  if (token.position <= position) return absl::OkStatus();
  return Unavailable(
      absl::StrFormat("memory '%s' is at position %d, the read token asks for %d", memory.name(),
                      position, token.position),
      {.reason = "NOT_YET",
       .given = absl::StrCat(token.position),
       .expected = absl::StrCat("at most ", position),
       .next_step =
           "Retry; if it stays so, the write was lost with a crash (durability below DISK).",
       .retry_after_ms = kBusyRetryMs});
}

// Most steps that the query may take.
int StepsMax(const Memory& memory, const models::QuerySpec& spec) {
  const bool moves = !std::holds_alternative<models::LinearSpec>(memory.spec().model);
  return moves && spec.steps_max > 0 ? spec.steps_max : StepsMaxOf(memory.spec());
}

// A call in which every cue failed fails itself, with the first cue's error.
absl::Status AllFailed(const models::Answer& answer) {
  for (const models::CueAnswer& cue : answer.cues) {
    if (cue.error.ok()) return absl::OkStatus();
  }
  return answer.cues.empty() ? absl::OkStatus() : answer.cues.front().error;
}

// A list without a size, and without candidates, is the certified one of a trained memory.
absl::Status ChooseCertifiedList(QueryCommand& command, const Memory& memory,
                                 const std::optional<models::TrainedStats>& trained,
                                 const Limits& limits) {
  models::QuerySpec& spec = command.spec;
  if (spec.kind != models::QueryKind::kList || spec.top > 0 || command.fraction.has_value() ||
      command.candidates.has_value() || spec.candidate_responses.rows > 0) {
    return absl::OkStatus();
  }
  if (memory.law() != models::Law::kTrained) {
    return InvalidArgument("the list has no size",
                           {.reason = "LIST_SIZE",
                            .given = "k = 0",
                            .expected = "k >= 1, a fraction, or candidates",
                            .next_step = "Set k or fraction, or name the candidates to rank."});
  }
  if (!trained.has_value()) {
    return FailedPrecondition(
        absl::StrFormat("memory '%s' is not trained yet: it has no certified list", memory.name()),
        {.reason = "UNTRAINED",
         .given = "a list without a size",
         .expected = "a trained memory, or a list size",
         .next_step = "Train the memory, or set k."});
  }
  if (trained->list_size > limits.list_size_max) {
    return OverLimit("items in the certified list", trained->list_size, limits.list_size_max,
                     "Train for a shorter list, or raise limits.list_size_max in the server's "
                     "configuration.");
  }
  spec.certified_list = true;
  return absl::OkStatus();
}

// A query over so many bytes of rows at most may pick its rows on the thread that received it.
constexpr uint64_t kInlineRowBytes = 512u << 10;
// What is read for a cue beside scans that go on: more would take longer than kInlineBusyMicros.
constexpr uint64_t kInlineBusyBytes = 128u << 10;

// For one pass over a memory, at least.
uint64_t BytesRead(const Memory& memory, const models::ModelStats& stats) {
  return stats.fixed_bytes + stats.items * memory.spec().key_dim * sizeof(float);
}

absl::Status CheckFraction(double fraction) {
  if (fraction > 0 && fraction <= 1) return absl::OkStatus();
  return InvalidArgument(
      absl::StrFormat("a fraction of %g", fraction),
      {.reason = "FRACTION",
       .given = absl::StrCat(fraction),
       .expected = "more than 0, at most 1",
       .next_step = "Send the share of the items that the list should hold, e.g. 0.01."});
}

absl::Status CheckRecallBytes(const Memory& memory, size_t cues) {
  const auto* linear = std::get_if<models::LinearSpec>(&memory.spec().model);
  if (linear == nullptr) return absl::OkStatus();
  const uint64_t bytes = cues * memory.spec().response_dim * linear->partitions * sizeof(float);
  if (bytes <= kRecallBytesMax) return absl::OkStatus();
  return OverLimit("bytes of recalls in all partitions", bytes, kRecallBytesMax,
                   "Send fewer cues at a time.");
}

absl::Status CheckCandidates(const QueryCommand& command, const Memory& memory,
                             const Limits& limits) {
  const MatrixView& responses = command.spec.candidate_responses;
  if (responses.rows > 0) {
    if (command.candidates.has_value()) {
      return InvalidArgument("both candidates and candidate_responses are given",
                             {.reason = "CANDIDATES",
                              .given = "both",
                              .expected = "one of them",
                              .next_step = "Name stored items, or send responses to rank."});
    }
    MNEME_RETURN_IF_ERROR(ValidateCandidates(responses, memory, limits));
  }
  if (!command.candidates.has_value()) return absl::OkStatus();
  if (command.candidates->size() > limits.list_size_max) {
    return OverLimit("candidates", command.candidates->size(), limits.list_size_max,
                     "Split the candidates over several requests, or raise limits.list_size_max.");
  }
  if (memory.keeps_ids()) return absl::OkStatus();
  return FailedPrecondition(
      absl::StrFormat("memory '%s' keeps no items to rank", memory.name()),
      {.reason = "CODEBOOK_NOT_KEPT",
       .given = "retain STATISTICS",
       .expected = "retain RESPONSES or ALL",
       .next_step = "Use Retrieve, or create a memory that keeps its responses."});
}

// Whether the model takes a filter with this query at all: asked with no cues, before the filter
// is run.
absl::Status CheckTakesFilter(const QueryCommand& command, const Memory& memory,
                              const models::View& view) {
  models::QuerySpec spec = command.spec;
  spec.rows = std::make_shared<const RowSet>();
  const models::CueBatch no_cues = {.cues = {nullptr, 0, memory.spec().key_dim}};
  return view.Begin(no_cues, spec).status();
}

Shortfall WhyShort(const QueryCommand& command, uint64_t asked, uint64_t listed, uint64_t items) {
  const models::QuerySpec& spec = command.spec;
  const bool filtered = !command.filter.empty();
  if (spec.candidate_responses.rows > 0) return Shortfall::kCandidates;
  if (spec.candidate_rows.has_value()) {
    if (spec.candidate_rows->size() < asked) return Shortfall::kCandidates;
    return filtered ? Shortfall::kFilter : Shortfall::kMemorySmaller;
  }
  // Without the filter as many as the memory holds would be listed.
  return filtered && listed < items ? Shortfall::kFilter : Shortfall::kMemorySmaller;
}

// Why each cue names fewer items than asked for.
std::vector<Shortfall> ShortfallsOf(const QueryCommand& command, const models::Answer& answer,
                                    uint64_t items) {
  const uint64_t asked = command.spec.certified_list ? answer.list_size : command.spec.top;
  std::vector<Shortfall> out;
  for (const models::CueAnswer& cue : answer.cues) {
    const bool whole = !cue.error.ok() || cue.top.size() >= asked;
    out.push_back(whole ? Shortfall::kNone : WhyShort(command, asked, cue.top.size(), items));
  }
  return out;
}

void NoteUse(Memory& memory, const models::Answer& answer) {
  if (!memory.usage().on()) return;
  std::vector<uint64_t> rows;
  for (const models::CueAnswer& cue : answer.cues) {
    for (const models::ScoredItem& item : cue.top) rows.push_back(item.row);
  }
  memory.NoteUse(rows);
}

}  // namespace

absl::Status Engine::PrepareQuery(Pending& pending) const {
  QueryCommand& command = pending.command;
  MNEME_ASSIGN_OR_RETURN(pending.memory, catalogue_.Find(command.memory));
  const Memory& memory = *pending.memory;
  MNEME_RETURN_IF_ERROR(memory.CheckServing());
  MNEME_RETURN_IF_ERROR(ValidateCues(command.cues, memory, options_.limits));
  MNEME_ASSIGN_OR_RETURN(pending.filter, ParseOptionalFilter(command.filter));
  if (command.fraction.has_value()) MNEME_RETURN_IF_ERROR(CheckFraction(*command.fraction));
  if (command.spec.steps_max > kStepsMax) {
    return OverLimit("steps", command.spec.steps_max, kStepsMax,
                     "A recall that needs more does not converge; look at beta.");
  }
  MNEME_RETURN_IF_ERROR(CheckRecallBytes(memory, command.cues.cues.rows));
  MNEME_RETURN_IF_ERROR(CheckCandidates(command, memory, options_.limits));
  pending.pinned = PinView(memory, clock_.NowUnixNanos());
  const Memory::Published& published = pending.pinned.published;
  if (command.token.has_value()) {
    MNEME_RETURN_IF_ERROR(CheckToken(*command.token, memory, published.position));
  }
  if (!pending.filter.has_value()) return absl::OkStatus();
  return CheckTakesFilter(command, memory, *published.view);
}

// Which rows take part, and how many are wanted of them.
absl::Status Engine::ChooseRows(Pending& pending) const {
  QueryCommand& command = pending.command;
  models::QuerySpec& spec = command.spec;
  MNEME_ASSIGN_OR_RETURN(
      spec.rows, PassingRows(*pending.memory, pending.pinned, pending.filter, command.cancelled));
  spec.rows_are_unexpired = spec.rows != nullptr && !pending.filter.has_value();
  if (command.fraction.has_value()) {
    const uint64_t items = CountPassing(pending.pinned, spec.rows.get());
    spec.top = static_cast<size_t>(std::ceil(*command.fraction * static_cast<double>(items)));
  }
  if (spec.top == 0) spec.top = spec.candidate_responses.rows;
  const models::ModelStats& stats = pending.pinned.published.view->stats();
  MNEME_RETURN_IF_ERROR(
      ChooseCertifiedList(command, *pending.memory, stats.trained, options_.limits));
  if (spec.top <= options_.limits.list_size_max) return absl::OkStatus();
  return OverLimit("items in a list", spec.top, options_.limits.list_size_max,
                   "Ask for a shorter list, or raise limits.list_size_max.");
}

absl::Status Engine::FindCandidates(Pending& pending) const {
  QueryCommand& query = pending.command;
  std::vector<ItemId>& ids = *query.candidates;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  MNEME_ASSIGN_OR_RETURN(const auto rows, storage_->FindIds(pending.memory->uid(), ids));
  // The write that gave a row its number may be newer than the view that was pinned before the
  // look-up.
  pending.pinned = PinView(*pending.memory, clock_.NowUnixNanos());
  const RowSet* unexpired = pending.pinned.unexpired.get();
  query.spec.candidate_rows.emplace();
  for (size_t i = 0; i < ids.size(); ++i) {
    if (rows[i].has_value() && (unexpired == nullptr || unexpired->Passes(*rows[i]))) {
      query.spec.candidate_rows->push_back(*rows[i]);
    } else {
      pending.reply.candidates_missing.push_back(ids[i]);
    }
  }
  std::sort(query.spec.candidate_rows->begin(), query.spec.candidate_rows->end());
  if (query.spec.top == 0) query.spec.top = ids.size();
  return absl::OkStatus();
}

void Engine::Query(QueryCommand command, Done<QueryReply> done) {
  auto pending = std::make_shared<Pending>();
  pending->command = std::move(command);
  pending->done = std::move(done);
  if (absl::Status status = PrepareQuery(*pending); !status.ok()) return pending->done(status);
  const auto choose = [this, pending] {
    absl::Status status;
    if (pending->command.candidates.has_value()) status = FindCandidates(*pending);
    if (status.ok()) status = ChooseRows(*pending);
    if (!status.ok()) return pending->done(pending->memory->NoteRead(std::move(status)));
    StartQuery(pending);
  };
  if (!pending->command.candidates.has_value() &&
      PassingRowsAreQuick(*pending->memory, pending->pinned, pending->filter)) {
    return choose();
  }
  // Ids are looked up on disk, and a filter asks all items: not on this thread.
  if (absl::Status queued = read_pool_->Submit(choose); !queued.ok()) pending->done(queued);
}

// The beginning of a query that runs on this thread must be cheap, too.
QueryPlace Engine::PlaceOf(const Pending& pending) const {
  const models::QuerySpec& spec = pending.command.spec;
  if (StepsMax(*pending.memory, spec) > kInlineStepsMax) return QueryPlace::kSteps;
  const models::ModelStats& stats = pending.pinned.published.view->stats();
  if (!scan_pool_->idle() && BytesRead(*pending.memory, stats) > kInlineBusyBytes) {
    return QueryPlace::kBusy;
  }
  const bool quick = spec.rows == nullptr || stats.row_bytes <= kInlineRowBytes;
  return quick ? QueryPlace::kInline : QueryPlace::kRows;
}

void Engine::StartQuery(std::shared_ptr<Pending> pending) {
  const QueryCommand& command = pending->command;
  const std::shared_ptr<const models::View>& view = pending->pinned.published.view;
  QueryReply& reply = pending->reply;
  if (command.timeline != nullptr) command.timeline->Pass("prepare");
  reply.place = PlaceOf(*pending);
  if (reply.place == QueryPlace::kInline) {
    absl::StatusOr<std::unique_ptr<models::Query>> query = view->Begin(command.cues, command.spec);
    if (!query.ok()) return pending->done(query.status());
    if (command.timeline != nullptr) command.timeline->Pass("begin");
    reply.estimate_micros = EstimateMicros(**query);
    if (reply.estimate_micros < (scan_pool_->idle() ? kInlineMicros : kInlineBusyMicros)) {
      cues_inline_.fetch_add(command.cues.cues.rows, std::memory_order_relaxed);
      absl::StatusOr<models::Answer> answer =
          RunQuery(**query, command.cancelled, command.timeline);
      query->reset();
      return FinishQuery(std::move(pending), std::move(answer));
    }
    reply.place = QueryPlace::kDear;
  }
  scan_pool_->Submit({.view = view,
                      .cues = command.cues,
                      .spec = command.spec,
                      .cancelled = command.cancelled,
                      .done =
                          [this, pending](absl::StatusOr<models::Answer> answer) {
                            FinishQuery(pending, std::move(answer));
                          },
                      .timeline = command.timeline});
}

void Engine::FinishQuery(std::shared_ptr<Pending> pending, absl::StatusOr<models::Answer> answer) {
  if (!answer.ok()) return pending->done(answer.status());
  if (absl::Status failed = AllFailed(*answer); !failed.ok()) return pending->done(failed);
  const Memory::Published& published = pending->pinned.published;
  const models::ModelStats& stats = published.view->stats();
  QueryReply& reply = pending->reply;
  reply.answer = *std::move(answer);
  reply.shortfalls = ShortfallsOf(pending->command, reply.answer, stats.items);
  reply.uid = pending->memory->uid();
  reply.position = published.position;
  reply.trained = stats.trained;
  reply.items = stats.items;
  NoteUse(*pending->memory, reply.answer);
  const bool radii = pending->command.check_radius &&
                     reply.answer.certificates == models::CertificateState::kSealed;
  Timeline* const timeline = pending->command.timeline;
  if (timeline != nullptr) timeline->Pass("finish");
  if (!pending->command.payloads && !radii) return pending->done(std::move(reply));
  absl::Status queued = read_pool_->Submit([this, pending, radii, timeline] {
    absl::Status status;
    if (pending->command.payloads) status = ReadPayloads(*pending);
    if (status.ok() && radii) status = CheckRadii(*pending);
    if (!status.ok()) return pending->done(pending->memory->NoteRead(std::move(status)));
    if (timeline != nullptr) timeline->Pass("read");
    pending->done(std::move(pending->reply));
  });
  if (!queued.ok()) pending->done(queued);
}

absl::Status Engine::ReadPayloads(Pending& pending) const {
  const uint64_t most = options_.limits.message_bytes_max;
  uint64_t bytes = 0;
  for (const models::CueAnswer& cue : pending.reply.answer.cues) {
    std::vector<storage::OwnedPayload>& payloads = pending.reply.payloads.emplace_back();
    for (size_t first = 0; first < cue.top.size(); first += kPayloadRowsAtOnce) {
      std::vector<uint64_t> rows;
      for (size_t i = first; i < std::min(first + kPayloadRowsAtOnce, cue.top.size()); ++i)
        rows.push_back(cue.top[i].row);
      MNEME_ASSIGN_OR_RETURN(std::vector<storage::OwnedPayload> read,
                             storage_->ReadPayloads(pending.memory->uid(), rows));
      for (storage::OwnedPayload& payload : read) {
        bytes += payload.payload.size();
        payload.attributes.clear();  // not part of a list
        payloads.push_back(std::move(payload));
      }
      if (bytes > most)
        return OverLimit("bytes of payloads in one answer", bytes, most,
                         "Ask for fewer items, or get their payloads with GetItem.");
    }
  }
  return absl::OkStatus();
}

absl::Status Engine::CheckRadii(Pending& pending) const {
  // Rounded up by more than float32 loses in the unit vectors: inside is inside.
  constexpr double kRounding = 1e-6;
  const Memory& memory = *pending.memory;
  const models::LinearSpec& linear = std::get<models::LinearSpec>(memory.spec().model);
  for (size_t b = 0; b < pending.reply.answer.cues.size(); ++b) {
    const models::CueAnswer& cue = pending.reply.answer.cues[b];
    std::vector<double>& distances = pending.reply.distances.emplace_back(cue.top.size(), -1.0);
    const std::vector<double> q = UnitKey(pending.command.cues.cues.row(b), linear.key_mean);
    for (size_t i = 0; i < cue.top.size() && !q.empty(); ++i) {
      if (!cue.top[i].certified) continue;
      const absl::Status read =
          storage_->ReadRow(memory.uid(), cue.top[i].row, [&](const storage::RowView& row) {
            const std::vector<double> k = UnitKey(row.key, linear.key_mean);
            double squares = 0;
            for (size_t j = 0; j < k.size(); ++j) squares += (k[j] - q[j]) * (k[j] - q[j]);
            if (!k.empty()) distances[i] = std::sqrt(squares) + kRounding;
            return absl::OkStatus();
          });
      if (!read.ok() && !absl::IsNotFound(read)) return read;
    }
  }
  return absl::OkStatus();
}

}  // namespace mneme::engine
