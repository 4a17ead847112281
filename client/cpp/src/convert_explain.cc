// An explanation: wire <-> plain values.
#include <utility>

#include "client/cpp/src/convert.h"
#include "client/cpp/src/status.h"

namespace mneme::client {
namespace {

ExplainCue GetCue(v1::ExplainCue wire) {
  ExplainCue cue{.error = FromProto(wire.error()),
                 .status = static_cast<AnswerStatus>(wire.status()),
                 .steps = wire.steps(),
                 .listed = wire.listed(),
                 .rows_survived = wire.rows_survived(),
                 .rows_rescored = wire.rows_rescored()};
  if (wire.has_best()) cue.best = FromWire(std::move(*wire.mutable_best()));
  return cue;
}

}  // namespace

Explanation FromWire(v1::ExplainResponse wire) {
  Explanation out{.memory = wire.memory(),
                  .model = wire.model(),
                  .kernel = wire.kernel(),
                  .items = wire.items(),
                  .path = static_cast<QueryPath>(wire.path()),
                  .choices = {},
                  .exactness = static_cast<Exactness>(wire.exactness()),
                  .proof = static_cast<ExactnessProof>(wire.proof()),
                  .certificates = static_cast<CertificateState>(wire.certificates()),
                  .index = {},
                  .epoch = FromWire(wire.epoch()),
                  .rows = wire.rows(),
                  .tiles = wire.tiles(),
                  .items_scored = wire.items_scored(),
                  .cues = wire.cues(),
                  .batch_cues = wire.batch_cues(),
                  .batch_requests = wire.batch_requests(),
                  .estimate = FromWire(wire.estimate()),
                  .scan_threads = wire.scan_threads(),
                  .instruction_set = wire.instruction_set(),
                  .blas_core = wire.blas_core(),
                  .stages = {},
                  .elapsed = FromWire(wire.elapsed()),
                  .answer_bytes = wire.answer_bytes(),
                  .answers = {},
                  .advice = AllFromWire(wire.advice())};
  if (wire.has_index()) out.index = FromWire(wire.index());
  for (const v1::ExplainChoice& choice : wire.choices()) {
    out.choices.push_back({.subject = choice.subject(),
                           .reason = choice.reason(),
                           .message = choice.message(),
                           .next_step = choice.next_step()});
  }
  for (const v1::ExplainStage& stage : wire.stages()) {
    out.stages.push_back({.name = stage.name(),
                          .start = FromWire(stage.start()),
                          .elapsed = FromWire(stage.elapsed()),
                          .parts = stage.parts(),
                          .bytes = stage.bytes(),
                          .threads = stage.threads()});
  }
  for (v1::ExplainCue& cue : *wire.mutable_answers()) out.answers.push_back(GetCue(std::move(cue)));
  return out;
}

}  // namespace mneme::client
