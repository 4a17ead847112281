#include "server/rpc/convert_query.h"

#include <utility>

#include "core/base/status.h"
#include "server/rpc/status.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

// The fields that both queries have.
template <typename Request>
absl::Status DecodeCommon(const Request& request, engine::QueryCommand& command,
                          DecodeArena& arena) {
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  MNEME_ASSIGN_OR_RETURN(command.cues.cues, DecodeMatrix(request.cues(), "cues", arena));
  if (request.has_mask()) {
    MNEME_ASSIGN_OR_RETURN(command.cues.mask, DecodeMask(request.mask(), command.cues.cues.rows,
                                                         command.cues.cues.cols, arena));
  }
  if (request.has_beta()) {
    MNEME_RETURN_IF_ERROR(CheckBeta("beta", request.beta(), "BETA"));
    command.spec.beta = request.beta();
  }
  if (!request.read_token().empty()) {
    MNEME_ASSIGN_OR_RETURN(command.token, DecodeReadToken(request.read_token()));
  }
  command.filter = request.filter();
  command.payloads = request.include_payloads();
  return absl::OkStatus();
}

// `top` of one cue, with payloads where they were asked for.
void EncodeTop(const engine::QueryReply& reply, size_t cue,
               google::protobuf::RepeatedPtrField<v1::ScoredItem>* to) {
  const std::vector<models::ScoredItem>& top = reply.answer.cues[cue].top;
  for (size_t i = 0; i < top.size(); ++i) {
    v1::ScoredItem& item = *to->Add();
    EncodeItemId(top[i].id, item.mutable_id());
    item.set_score(top[i].score);
    item.set_share(top[i].share);
    item.set_found(true);
    item.set_rank(static_cast<uint32_t>(i + 1));
    if (!reply.payloads.empty()) item.set_payload(reply.payloads[cue][i].payload);
  }
}

v1::Shortfall EncodeShortfall(engine::Shortfall shortfall) {
  switch (shortfall) {
    case engine::Shortfall::kNone:
      return v1::SHORTFALL_UNSPECIFIED;
    case engine::Shortfall::kMemorySmaller:
      return v1::SHORTFALL_MEMORY_SMALLER;
    case engine::Shortfall::kFilter:
      return v1::SHORTFALL_FILTER;
    case engine::Shortfall::kCandidates:
      return v1::SHORTFALL_CANDIDATES;
  }
  return v1::SHORTFALL_UNSPECIFIED;
}

v1::CertificateState EncodeCertificateState(models::CertificateState state) {
  switch (state) {
    case models::CertificateState::kNone:
      return v1::CERTIFICATE_STATE_UNSPECIFIED;
    case models::CertificateState::kSealed:
      return v1::CERTIFICATE_STATE_SEALED;
    case models::CertificateState::kUntrained:
      return v1::CERTIFICATE_STATE_UNTRAINED;
    case models::CertificateState::kDelta:
      return v1::CERTIFICATE_STATE_UNCERTIFIED_DELTA;
    case models::CertificateState::kListTooShort:
      return v1::CERTIFICATE_STATE_UNCERTIFIED_SHORT;
    case models::CertificateState::kPartitioned:
      return v1::CERTIFICATE_STATE_UNCERTIFIED_PARTITIONS;
    case models::CertificateState::kCandidates:
      return v1::CERTIFICATE_STATE_UNCERTIFIED_CANDIDATES;
  }
  return v1::CERTIFICATE_STATE_UNSPECIFIED;
}

void EncodeCertificates(const engine::QueryReply& reply, size_t cue, v1::CueList* to) {
  if (reply.answer.certificates != models::CertificateState::kSealed) return;
  const std::vector<models::ScoredItem>& top = reply.answer.cues[cue].top;
  for (size_t i = 0; i < top.size(); ++i) {
    v1::Certificate& out = *to->mutable_items(static_cast<int>(i))->mutable_certificate();
    out.set_certified(top[i].certified);
    out.set_radius(top[i].radius);
    if (reply.distances.empty() || reply.distances[cue][i] < 0) continue;
    out.set_distance(reply.distances[cue][i]);
    out.set_inside_radius(top[i].certified && reply.distances[cue][i] < top[i].radius);
  }
}

void EncodeEpoch(const engine::QueryReply& reply, v1::Epoch* to) {
  to->set_uid(FormatUid(reply.uid));
  to->set_position(reply.position);
}

v1::ExactnessProof EncodeProof(models::ExactnessProof proof) {
  switch (proof) {
    case models::ExactnessProof::kFullScan:
      return v1::EXACTNESS_PROOF_FULL_SCAN;
    case models::ExactnessProof::kCodeBounds:
      return v1::EXACTNESS_PROOF_CODE_BOUNDS;
  }
  return v1::EXACTNESS_PROOF_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<engine::QueryCommand> DecodeQuery(const v1::RetrieveRequest& request,
                                                 DecodeArena& arena) {
  engine::QueryCommand command;
  MNEME_RETURN_IF_ERROR(DecodeCommon(request, command, arena));
  MNEME_RETURN_IF_ERROR(
      DecodeAnswerDtype(request.recall_dtype(), request.values(), "recall_dtype").status());
  command.spec.kind = models::QueryKind::kRetrieve;
  command.spec.top = request.top();
  command.spec.steps_max = static_cast<int>(std::min<uint32_t>(request.steps_max(), 1u << 20));
  return command;
}

absl::StatusOr<engine::QueryCommand> DecodeQuery(const v1::ListwiseQueryRequest& request,
                                                 DecodeArena& arena) {
  engine::QueryCommand command;
  MNEME_RETURN_IF_ERROR(DecodeCommon(request, command, arena));
  command.spec.kind = models::QueryKind::kList;
  if (request.has_fraction()) command.fraction = request.fraction();
  if (request.has_k()) command.spec.top = request.k();
  if (request.candidates_size() > 0) {
    MNEME_ASSIGN_OR_RETURN(command.candidates, DecodeItemIds(request.candidates(), "candidates"));
  }
  if (request.has_candidate_responses()) {
    MNEME_ASSIGN_OR_RETURN(
        command.spec.candidate_responses,
        DecodeMatrix(request.candidate_responses(), "candidate_responses", arena));
  }
  command.check_radius = request.check_radius();
  command.spec.exact = request.exact();
  return command;
}

RecallForm RecallFormOf(const v1::RetrieveRequest& request) {
  const absl::StatusOr<v1::Dtype> dtype =
      DecodeAnswerDtype(request.recall_dtype(), request.values(), "recall_dtype");
  return {.values = request.values(), .dtype = dtype.value_or(v1::DTYPE_FLOAT32)};
}

void EncodeRecalls(const engine::QueryReply& reply, RecallForm form, v1::RetrieveResponse* to) {
  if (form.values) {
    EncodeValues(reply.answer.recalls, to->mutable_recalls());
  } else {
    EncodeMatrix(reply.answer.recalls, form.dtype, to->mutable_recalls());
  }
  for (size_t i = 0; i < reply.answer.cues.size(); ++i) {
    const models::CueAnswer& cue = reply.answer.cues[i];
    v1::CueResult& result = *to->add_results();
    if (!cue.error.ok()) {
      ToProto(cue.error, result.mutable_error());
      continue;
    }
    result.set_status(EncodeAnswerStatus(cue.status));
    result.set_steps(static_cast<uint32_t>(cue.steps));
    result.set_energy(cue.energy);
    result.set_confidence(cue.p_max);
    result.set_n_eff(cue.n_eff);
    result.set_n_support(cue.n_support);
    result.set_z_best(cue.z_best);
    result.set_z_gap(cue.z_gap);
    result.set_beta(cue.beta);
    result.set_radius(cue.radius);
    if (cue.status != models::AnswerStatus::kNoSupport) {
      result.set_answered_by(EncodeAnsweredBy(cue.fallback));
    }
    EncodeTop(reply, i, result.mutable_top());
    if (i < reply.shortfalls.size()) result.set_shortfall(EncodeShortfall(reply.shortfalls[i]));
  }
  to->set_exactness(v1::EXACTNESS_EXACT);
  to->set_proof(EncodeProof(reply.answer.proof));
  EncodeEpoch(reply, to->mutable_epoch());
}

void EncodeLists(const engine::QueryReply& reply, v1::ListwiseQueryResponse* to) {
  for (size_t i = 0; i < reply.answer.cues.size(); ++i) {
    const models::CueAnswer& cue = reply.answer.cues[i];
    v1::CueList& list = *to->add_lists();
    if (!cue.error.ok()) {
      ToProto(cue.error, list.mutable_error());
      continue;
    }
    list.set_status(EncodeAnswerStatus(cue.status));
    list.set_z_best(cue.z_best);
    list.set_z_gap(cue.z_gap);
    list.set_score_mean(cue.score_mean);
    list.set_score_std(cue.score_std);
    list.set_mass(cue.mass);
    list.set_share_error(cue.share_error);
    list.set_tail_average(cue.tail_average);
    EncodeTop(reply, i, list.mutable_items());
    EncodeCertificates(reply, i, &list);
    if (i < reply.shortfalls.size()) list.set_shortfall(EncodeShortfall(reply.shortfalls[i]));
    for (const ItemId& missing : reply.candidates_missing)
      EncodeItemId(missing, list.add_items()->mutable_id());
  }
  to->set_items_scored(reply.answer.items_scored);
  to->set_certificates(EncodeCertificateState(reply.answer.certificates));
  to->set_list_size(reply.answer.list_size);
  if (reply.trained.has_value()) {
    EncodeTrainedEpoch(reply.uid, *reply.trained, to->mutable_weights_epoch());
  }
  if (reply.answer.approximate()) {
    to->set_exactness(v1::EXACTNESS_APPROXIMATE);
  } else {
    to->set_exactness(v1::EXACTNESS_EXACT);
    to->set_proof(EncodeProof(reply.answer.proof));
  }
  if (reply.answer.index.has_value()) EncodeIndexUse(*reply.answer.index, to->mutable_index());
  EncodeEpoch(reply, to->mutable_epoch());
}

}  // namespace mneme::server
