// Train.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/call.h"
#include "server/rpc/convert.h"
#include "server/rpc/convert_admin.h"
#include "server/rpc/memory_service.h"

namespace mneme::server {
namespace {

constexpr int kFistaStepsDefault = 150;
constexpr int kStepsDefault = 1'000;

absl::StatusOr<models::TrainSpec::Loss> DecodeLoss(v1::TrainLoss loss) {
  switch (loss) {
    case v1::TRAIN_LOSS_UNSPECIFIED:
    case v1::TRAIN_LOSS_TAM:
      return models::TrainSpec::Loss::kTam;
    case v1::TRAIN_LOSS_CROSS_ENTROPY:
      return models::TrainSpec::Loss::kCrossEntropy;
    case v1::TRAIN_LOSS_LEAST_SQUARES:
      return models::TrainSpec::Loss::kLeastSquares;
    default:
      return UnknownEnum("loss", loss);
  }
}

absl::StatusOr<models::TrainSpec::Optimizer> DecodeOptimizer(v1::TrainOptimizer optimizer) {
  switch (optimizer) {
    case v1::TRAIN_OPTIMIZER_UNSPECIFIED:
    case v1::TRAIN_OPTIMIZER_FISTA:
      return models::TrainSpec::Optimizer::kFista;
    case v1::TRAIN_OPTIMIZER_OGD:
      return models::TrainSpec::Optimizer::kOgd;
    case v1::TRAIN_OPTIMIZER_ADAM:
      return models::TrainSpec::Optimizer::kAdam;
    case v1::TRAIN_OPTIMIZER_MUON:
      return models::TrainSpec::Optimizer::kMuon;
    default:
      return UnknownEnum("optimizer", optimizer);
  }
}

absl::StatusOr<std::optional<models::EncoderGoal>> DecodeGoal(v1::EncoderObjective objective) {
  switch (objective) {
    case v1::ENCODER_OBJECTIVE_UNSPECIFIED:
      return std::nullopt;
    case v1::ENCODER_OBJECTIVE_CENTRE:
      return models::EncoderGoal::kCentre;
    case v1::ENCODER_OBJECTIVE_WHITEN:
      return models::EncoderGoal::kWhiten;
    case v1::ENCODER_OBJECTIVE_SEPARATION:
      return models::EncoderGoal::kSeparation;
    case v1::ENCODER_OBJECTIVE_NOISE_AWARE:
      return models::EncoderGoal::kNoiseAware;
    default:
      return UnknownEnum("objective", objective);
  }
}

absl::StatusOr<engine::TrainCommand> DecodeTrain(const v1::TrainRequest& request) {
  engine::TrainCommand command;
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  models::TrainSpec& spec = command.spec;
  MNEME_ASSIGN_OR_RETURN(spec.loss, DecodeLoss(request.loss()));
  MNEME_ASSIGN_OR_RETURN(spec.optimizer, DecodeOptimizer(request.optimizer()));
  if (request.has_list_size()) {
    if (request.list_size() == 0) {
      return InvalidArgument("list_size is 0, expected at least 1",
                             {.reason = "TRAIN",
                              .given = "list_size=0",
                              .expected = "at least 1",
                              .next_step = "Leave it out for the memory's own."});
    }
    spec.list_size = request.list_size();
  }
  if (request.has_tail_fraction()) spec.tail_fraction = request.tail_fraction();
  if (request.has_lambda()) spec.lambda = request.lambda();
  const bool fista = spec.optimizer == models::TrainSpec::Optimizer::kFista;
  spec.steps_max = fista ? kFistaStepsDefault : kStepsDefault;
  if (request.steps_max() > 0) {
    spec.steps_max = static_cast<int>(std::min<uint32_t>(request.steps_max(), 1u << 30));
    spec.encoder_steps = spec.steps_max;
  }
  MNEME_ASSIGN_OR_RETURN(spec.encoder, DecodeGoal(request.objective()));
  spec.cue_noise = request.cue_noise();
  spec.learning_rate = request.learning_rate();
  if (request.batch() > 0) spec.batch = request.batch();
  if (request.seed() > 0) spec.seed = request.seed();
  return command;
}

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::Train(Context* context,
                                                     const v1::TrainRequest* request,
                                                     google::longrunning::Operation* response) {
  return ServeNow<Verb::kWrite>(
      bounds_, context, request, response,
      [this](const v1::TrainRequest& from, google::longrunning::Operation* to) -> absl::Status {
        MNEME_ASSIGN_OR_RETURN(engine::TrainCommand command, DecodeTrain(from));
        MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, engine_.Train(std::move(command)));
        EncodeJob(job, to);
        return absl::OkStatus();
      });
}

}  // namespace mneme::server
