// Train: a job that reads the rows of a memory, trains its model on them beside serving, and has
// the committer install what came out as a new epoch.
#include <utility>

#include "core/engine/blocking.h"
#include "core/engine/engine.h"
#include "core/engine/ops.h"
#include "core/engine/validate.h"

namespace mneme::engine {
namespace {

// Shares of the whole, for progress: reading, then what the model reports.
constexpr double kReadingShare = 0.05;

absl::Status Range(std::string_view field, double given, std::string_view expected,
                   std::string_view next_step) {
  return InvalidArgument(
      absl::StrFormat("%s is %g, expected %s", AbslView(field), given, AbslView(expected)),
      {.reason = "TRAIN",
       .given = absl::StrFormat("%s=%g", AbslView(field), given),
       .expected = std::string(expected),
       .next_step = std::string(next_step)});
}

// What a dense memory with an encoder is asked for; `spec` as its training takes it.
absl::Status ChooseGoal(const models::DenseSpec& dense, models::TrainSpec& spec) {
  const bool centre = dense.encoder == models::Encoder::kCentre;
  using Goal = models::EncoderGoal;
  const Goal goal = spec.encoder.value_or(centre ? Goal::kCentre : Goal::kNoiseAware);
  spec.encoder = goal;
  const std::string_view name = models::Name(goal);
  const auto refuse = [&](std::string_view given, std::string_view expected,
                          std::string_view next_step) {
    return InvalidArgument(
        absl::StrCat("training: ", AbslView(given), ", expected ", AbslView(expected)),
        {.reason = "TRAIN",
         .given = std::string(given),
         .expected = std::string(expected),
         .next_step = std::string(next_step)});
  };
  if (centre && goal != Goal::kCentre) {
    return refuse(absl::StrCat("objective=", AbslView(name)),
                  "CENTRE for a memory with encoder CENTRE",
                  "Leave objective out, or create a memory with encoder LINEAR.");
  }
  if (!(std::isfinite(spec.cue_noise) && spec.cue_noise >= 0) ||
      (goal == Goal::kNoiseAware && spec.cue_noise == 0)) {
    return refuse(absl::StrCat("cue_noise=", spec.cue_noise), "a positive finite number",
                  "Say by how much the numbers of your cues are off, rather more than less.");
  }
  const models::TrainSpec plain;
  if (spec.list_size > 0 || spec.tail_fraction || spec.lambda || spec.learning_rate != 0 ||
      spec.loss != plain.loss || spec.optimizer != plain.optimizer) {
    return refuse("a field of linear memories", "objective, cue_noise, steps_max, batch and seed",
                  "Leave loss, optimizer, list_size, tail_fraction, lambda and learning_rate out.");
  }
  return absl::OkStatus();
}

// The DenseSpec of a memory that trainings give an encoder; else null.
const models::DenseSpec* EncodedBy(const Memory& memory) {
  const auto* dense = std::get_if<models::DenseSpec>(&memory.spec().model);
  return dense != nullptr && dense->encoder != models::Encoder::kNone ? dense : nullptr;
}

absl::Status ValidateTrain(const models::TrainSpec& spec) {
  if (spec.tail_fraction.has_value() && !(*spec.tail_fraction > 0 && *spec.tail_fraction < 1)) {
    return Range("tail_fraction", *spec.tail_fraction, "a share inside (0, 1)",
                 "Send the share of the items that a list may hold, e.g. 0.05, or a list_size.");
  }
  if (spec.lambda.has_value() && !(std::isfinite(*spec.lambda) && *spec.lambda > 0)) {
    return Range("lambda", *spec.lambda, "a positive finite number",
                 "Leave it out for the memory's own.");
  }
  if (spec.steps_max < 1 || spec.steps_max > kTrainStepsMax) {
    return Range("steps_max", spec.steps_max, absl::StrCat("1 to ", kTrainStepsMax),
                 "Leave it out for the default.");
  }
  if (!(std::isfinite(spec.learning_rate) && spec.learning_rate >= 0)) {
    return Range("learning_rate", spec.learning_rate, "a positive finite number",
                 "Leave it out for the optimiser's default.");
  }
  return absl::OkStatus();
}

// Hands a write to the committer and waits for its end.
absl::StatusOr<MemoryInfo> ChangeModel(Committer& committer, const std::shared_ptr<Memory>& memory,
                                       std::function<absl::Status(Memory&)> change,
                                       bool checkpoint) {
  Blocking<MemoryInfo> blocking;
  committer.Submit(MakeModelOp(memory, std::move(change), checkpoint, blocking.callback()));
  return blocking.Wait();
}

// One training, from beginning to end.
class TrainJob {
 public:
  // `room`: for the rows it holds, until it ends.
  TrainJob(const storage::Storage& storage, Committer& committer, std::shared_ptr<Memory> memory,
           const models::TrainSpec& spec, MemoryBudget::Reservation room)
      : storage_(storage),
        committer_(committer),
        memory_(std::move(memory)),
        spec_(spec),
        room_(std::move(room)) {}

  absl::StatusOr<MemoryInfo> Run(const std::string& id, const JobRunner::Report& report) {
    const absl::StatusOr<MemoryInfo> end = RunToTheEnd(id, report);
    training_.reset();
    room_.Release();
    return end;
  }

 private:
  absl::StatusOr<MemoryInfo> RunToTheEnd(const std::string& id, const JobRunner::Report& report) {
    MNEME_RETURN_IF_ERROR(Begin());
    absl::Status status = Read(report);
    if (status.ok()) status = training_->Run(Reporter(report));
    if (status.ok() && memory_->dropped()) status = absl::CancelledError("deleted");
    if (!status.ok()) {
      // Where the log has stopped there is nothing left to abandon.
      ChangeModel(committer_, memory_, Abandon, false).IgnoreError();
      return status;
    }
    return ChangeModel(
        committer_, memory_,
        [this, &id](Memory& memory) { return memory.model().Install(*training_, position_, id); },
        /*checkpoint=*/true);
  }

  static absl::Status Abandon(Memory& memory) {
    memory.model().AbandonTraining();
    return absl::OkStatus();
  }

  absl::Status Begin() {
    const auto begin = [this](Memory& memory) -> absl::Status {
      MNEME_ASSIGN_OR_RETURN(training_, memory.model().BeginTraining(spec_));
      position_ = memory.applied_position;
      end_row_ = memory.applied_next_row;
      return absl::OkStatus();
    };
    return ChangeModel(committer_, memory_, begin, /*checkpoint=*/false).status();
  }

  // The rows that the model had absorbed when the training began; those deleted since are left out.
  absl::Status Read(const JobRunner::Report& report) {
    OwnedRows rows(memory_->spec().key_dim, memory_->spec().response_dim, memory_->keeps_ids());
    const auto take = [&]() -> absl::Status {
      if (rows.size() == 0) return absl::OkStatus();
      const uint64_t last = rows.block().row_numbers.back();
      MNEME_RETURN_IF_ERROR(training_->Take(rows.block()));
      rows.Clear();
      const double share = static_cast<double>(last) / static_cast<double>(end_row_);
      if (!report({.phase = "reading", .share = kReadingShare * share}) || memory_->dropped()) {
        return absl::CancelledError("stopped while reading");
      }
      return absl::OkStatus();
    };
    MNEME_RETURN_IF_ERROR(storage_.ScanRows(
        memory_->uid(), 0, end_row_, [&](const storage::RowView& row) -> absl::Status {
          if (row.flags != 0 || row.key.empty()) return absl::OkStatus();
          rows.Append(row);
          return rows.size() < kRecoveryRows ? absl::OkStatus() : take();
        }));
    return take();
  }

  models::TrainProgressFn Reporter(const JobRunner::Report& report) const {
    return [this, &report](const models::TrainProgress& progress) {
      const double share = kReadingShare + (1 - kReadingShare) * progress.share;
      return report({.phase = std::string(progress.phase),
                     .share = share,
                     .steps = progress.steps,
                     .loss = progress.loss}) &&
             !memory_->dropped();
    };
  }

  const storage::Storage& storage_;
  Committer& committer_;
  const std::shared_ptr<Memory> memory_;
  const models::TrainSpec spec_;
  MemoryBudget::Reservation room_;
  std::unique_ptr<models::Training> training_;
  uint64_t position_ = 0;
  uint64_t end_row_ = 0;
};

}  // namespace

absl::StatusOr<JobInfo> Engine::Train(TrainCommand command) {
  MNEME_ASSIGN_OR_RETURN(std::shared_ptr<Memory> memory, catalogue_.Find(command.memory));
  MNEME_RETURN_IF_ERROR(memory->CheckServing());
  MNEME_RETURN_IF_ERROR(CheckNotFrozen(*memory));
  MNEME_RETURN_IF_ERROR(ValidateTrain(command.spec));
  const models::DenseSpec* const encoded = EncodedBy(*memory);
  if (encoded != nullptr) {
    MNEME_RETURN_IF_ERROR(ChooseGoal(*encoded, command.spec));
  } else if (command.spec.encoder.has_value()) {
    return InvalidArgument("training: an objective is of a dense memory with an encoder",
                           {.reason = "TRAIN",
                            .given = memory->name(),
                            .expected = "a dense memory with encoder CENTRE or LINEAR",
                            .next_step = "Leave objective out, or train such a memory."});
  }
  if (memory->law() != models::Law::kTrained && encoded == nullptr) {
    return Unimplemented(
        absl::StrFormat("memory '%s' is not trained by jobs: it learns as items are stored",
                        memory->name()),
        {.reason = "NOT_TRAINED",
         .given = memory->name(),
         .expected = "a linear memory with rule TAM, or a dense one with an encoder",
         .next_step = "Create such a memory and store the items there."});
  }
  if (memory->published().view->stats().items < 2) {
    return FailedPrecondition(
        absl::StrFormat("memory '%s' holds fewer than 2 items: there is nothing to tell apart",
                        memory->name()),
        {.reason = "TRAINING_SET_EMPTY",
         .given = absl::StrCat(memory->published().view->stats().items, " items"),
         .expected = "at least 2",
         .next_step = "Store items first."});
  }
  const uint64_t bytes = memory->published().view->stats().items *
                         (memory->spec().key_dim + memory->spec().response_dim) * sizeof(float);
  if (bytes > kTrainBytesMax) {
    return OverLimit("bytes of keys and responses in one training", bytes, kTrainBytesMax,
                     "Split the items over several memories.");
  }
  // The rows as they came, and of an encoder the store that it makes of them.
  MNEME_ASSIGN_OR_RETURN(
      MemoryBudget::Reservation room,
      budget_.Reserve(
          absl::StrFormat("a training of memory '%s'", memory->name()),
          encoded != nullptr ? bytes + memory->published().view->stats().row_bytes : bytes,
          /*peak=*/0));
  command.spec.threads = options_.train_threads;
  std::string memory_name = memory->name();
  auto job = std::make_shared<TrainJob>(*storage_, *committer_, std::move(memory), command.spec,
                                        std::move(room));
  return jobs_->Submit(
      JobKind::kTrain, memory_name,
      [job](const std::string& id, const JobRunner::Report& report) -> absl::StatusOr<JobResult> {
        return job->Run(id, report);
      });
}

}  // namespace mneme::engine
