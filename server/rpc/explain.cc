// Explain: a query that is answered for real, and how.
#include <memory>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/call.h"
#include "server/rpc/convert_query.h"
#include "server/rpc/explain_text.h"
#include "server/rpc/memory_service.h"

namespace mneme::server {
namespace {

absl::StatusOr<engine::QueryCommand> Decode(const v1::ExplainRequest& request, DecodeArena& arena) {
  if (request.has_retrieve()) return DecodeQuery(request.retrieve(), arena);
  if (request.has_listwise_query()) return DecodeQuery(request.listwise_query(), arena);
  return InvalidArgument("there is no query to explain",
                         {.reason = "QUERY",
                          .given = "neither",
                          .expected = "retrieve or listwise_query",
                          .next_step = "Set one of them, as it would be sent by itself."});
}

v1::QueryPath EncodePath(models::QueryPath path) {
  using models::QueryPath;
  switch (path) {
    case QueryPath::kUnset:
      return v1::QUERY_PATH_UNSPECIFIED;
    case QueryPath::kFloatScan:
      return v1::QUERY_PATH_FLOAT_SCAN;
    case QueryPath::kCodeScan:
      return v1::QUERY_PATH_CODE_SCAN;
    case QueryPath::kBinaryIndex:
      return v1::QUERY_PATH_BINARY_INDEX;
    case QueryPath::kGraphIndex:
      return v1::QUERY_PATH_GRAPH_INDEX;
    case QueryPath::kLinearProduct:
      return v1::QUERY_PATH_LINEAR_PRODUCT;
    case QueryPath::kLinearRanking:
      return v1::QUERY_PATH_LINEAR_RANKING;
    case QueryPath::kLinearCertified:
      return v1::QUERY_PATH_LINEAR_CERTIFIED;
    case QueryPath::kFeatureDescent:
      return v1::QUERY_PATH_FEATURE_DESCENT;
    case QueryPath::kFeatureSweeps:
      return v1::QUERY_PATH_FEATURE_SWEEPS;
  }
  return v1::QUERY_PATH_UNSPECIFIED;
}

// What both answers say of a cue.
template <typename Result, typename Items>
void TakeCue(Result& result, Items* items, v1::ExplainCue* to) {
  if (result.has_error()) *to->mutable_error() = std::move(*result.mutable_error());
  to->set_status(result.status());
  to->set_listed(static_cast<uint32_t>(items->size()));
  if (items->size() > 0) *to->mutable_best() = std::move(*items->Mutable(0));
}

// The answer as it would be sent, and of it what an explanation tells.
void EncodeAnswer(const v1::ExplainRequest& request, const engine::QueryReply& reply,
                  v1::ExplainResponse* to) {
  if (request.has_retrieve()) {
    v1::RetrieveResponse answer;
    EncodeRecalls(reply, RecallFormOf(request.retrieve()), &answer);
    to->set_answer_bytes(answer.ByteSizeLong());
    to->set_exactness(answer.exactness());
    to->set_proof(answer.proof());
    *to->mutable_epoch() = std::move(*answer.mutable_epoch());
    for (v1::CueResult& cue : *answer.mutable_results()) {
      v1::ExplainCue* const told = to->add_answers();
      TakeCue(cue, cue.mutable_top(), told);
      told->set_steps(cue.steps());
    }
  } else {
    v1::ListwiseQueryResponse answer;
    EncodeLists(reply, &answer);
    to->set_answer_bytes(answer.ByteSizeLong());
    to->set_exactness(answer.exactness());
    to->set_proof(answer.proof());
    to->set_certificates(answer.certificates());
    *to->mutable_epoch() = std::move(*answer.mutable_epoch());
    for (v1::CueList& cue : *answer.mutable_lists()) {
      TakeCue(cue, cue.mutable_items(), to->add_answers());
    }
  }
  for (int i = 0; i < to->answers_size(); ++i) {
    const models::CueAnswer& cue = reply.answer.cues[static_cast<size_t>(i)];
    to->mutable_answers(i)->set_rows_survived(cue.rows_survived);
    to->mutable_answers(i)->set_rows_rescored(cue.rows_rescored);
  }
  if (reply.answer.index.has_value()) EncodeIndexUse(*reply.answer.index, to->mutable_index());
}

void EncodePlan(const engine::QueryReply& reply, uint32_t cues, v1::ExplainResponse* to) {
  const models::QueryPlan& plan = reply.answer.plan;
  to->set_items(reply.items);
  to->set_path(EncodePath(plan.path));
  to->set_rows(plan.rows);
  to->set_tiles(plan.tiles);
  to->set_items_scored(reply.answer.items_scored);
  to->set_cues(cues);
  to->set_batch_cues(plan.batch_requests == 0 ? cues : plan.batch_cues);
  to->set_batch_requests(plan.batch_requests == 0 ? 1 : plan.batch_requests);
  if (reply.estimate_micros > 0) {
    EncodeDuration(static_cast<int64_t>(reply.estimate_micros * 1000), to->mutable_estimate());
  }
  for (const ExplainedChoice& choice : ChoicesOf(reply)) {
    v1::ExplainChoice& out = *to->add_choices();
    out.set_subject(choice.subject.data(), choice.subject.size());
    out.set_reason(choice.reason);
    out.set_message(choice.message);
    out.set_next_step(choice.next_step);
  }
}

void EncodeStages(const engine::Timeline& timeline, v1::ExplainResponse* to) {
  int64_t begin = timeline.begin_nanos();
  for (const engine::Lap& lap : timeline.laps()) {
    v1::ExplainStage& out = *to->add_stages();
    out.set_name(lap.name.data(), lap.name.size());
    EncodeDuration(begin - timeline.begin_nanos(), out.mutable_start());
    EncodeDuration(lap.end_nanos - begin, out.mutable_elapsed());
    out.set_parts(lap.parts);
    out.set_bytes(lap.bytes);
    out.set_threads(lap.threads);
    begin = lap.end_nanos;
  }
  EncodeDuration(timeline.end_nanos() - timeline.begin_nanos(), to->mutable_elapsed());
}

}  // namespace

absl::Status MemoryServiceImpl::EncodeExplanation(const v1::ExplainRequest& request,
                                                  const engine::QueryReply& reply, CallMeter& meter,
                                                  v1::ExplainResponse* response) const {
  const bool list = request.has_listwise_query();
  const std::string& resource =
      list ? request.listwise_query().memory() : request.retrieve().memory();
  MNEME_ASSIGN_OR_RETURN(const std::string name, DecodeMemoryName(resource, "memory"));
  MNEME_ASSIGN_OR_RETURN(const engine::MemoryInfo info, engine_.GetMemory(name));
  EncodeAnswer(request, reply, response);
  meter.Lap("encode");
  const uint32_t cues =
      list ? request.listwise_query().cues().rows() : request.retrieve().cues().rows();
  EncodePlan(reply, cues, response);
  EncodeStages(meter.Watch(), response);
  const auto* const dense = std::get_if<models::DenseSpec>(&info.spec.model);
  const std::string& filter =
      list ? request.listwise_query().filter() : request.retrieve().filter();
  EncodeWarnings(AdviceFor({.reply = reply,
                            .timeline = meter.Watch(),
                            .list = list,
                            .filtered = !filter.empty(),
                            .has_index = dense != nullptr && dense->index.has_value(),
                            .cues = cues}),
                 response->mutable_advice());
  response->set_memory(FormatMemoryName(info.name));
  response->set_model(std::string(ModelName(info.spec)));
  models::ModelStats stats = info.stats;
  if (!reply.answer.cues.empty() && reply.answer.cues.front().beta > 0) {
    stats.beta = reply.answer.cues.front().beta;  // which the request may have set
  }
  response->set_kernel(KernelText(info.spec, stats));
  response->set_scan_threads(static_cast<uint32_t>(engine_.scan_threads()));
  response->set_instruction_set(facts_.instruction_set);
  response->set_blas_core(facts_.blas_core);
  return absl::OkStatus();
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::Explain(Context* context,
                                                       const v1::ExplainRequest* request,
                                                       v1::ExplainResponse* response) {
  auto* call = new UnaryCall(bounds_, context, RpcOf<v1::ExplainRequest>());
  engine::Timeline& timeline = call->meter().Watch();
  const absl::Status admitted = call->Admit(*request);
  absl::StatusOr<engine::QueryCommand> command =
      admitted.ok() ? Decode(*request, call->arena())
                    : absl::StatusOr<engine::QueryCommand>(admitted);
  if (!command.ok()) {
    call->Answer(command.status(), response, false);
    return call;
  }
  timeline.Pass("decode");
  command->timeline = &timeline;
  command->cancelled = [context] { return context->IsCancelled(); };
  engine_.Query(*std::move(command),
                [this, call, request, response](absl::StatusOr<engine::QueryReply> reply) {
                  absl::Status status = reply.status();
                  if (status.ok()) {
                    status = EncodeExplanation(*request, *reply, call->meter(), response);
                  }
                  call->Answer(status, response, false);
                });
  return call;
}

}  // namespace mneme::server
