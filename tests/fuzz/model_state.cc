// The learned state of a model as it may come out of a checkpoint: any bytes, for every rule of
// linear memories, every kind of features, and dense ones without and with an encoder.
#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/matrix.h"
#include "core/models/model.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using models::FeatureKind;
using models::FeatureSpec;
using models::LinearRule;
using models::LinearSpec;
using models::MemorySpec;

constexpr size_t kKeyDim = 3;
constexpr size_t kResponseDim = 2;

struct NamedSpec {
  const char* name;
  MemorySpec spec;
};

MemorySpec Linear(LinearSpec linear) {
  return {.key_dim = kKeyDim, .response_dim = kResponseDim, .model = std::move(linear)};
}

MemorySpec Feature(FeatureSpec feature, size_t response_dim = 0) {
  return {.key_dim = kKeyDim,
          .response_dim = response_dim,
          .retain = models::Retain::kStatistics,
          .model = feature};
}

// The first byte of an input chooses one: new ones go to the end.
std::vector<NamedSpec> MakeSpecs() {
  return {
      {"dense", {.key_dim = kKeyDim, .response_dim = kResponseDim, .model = models::DenseSpec{}}},
      {"cmm", Linear({.rule = LinearRule::kCmm})},
      {"ridge", Linear({.rule = LinearRule::kRidge})},
      {"decayed", Linear({.rule = LinearRule::kDecayed, .gamma = 0.5})},
      {"delta", Linear({.rule = LinearRule::kDelta, .beta = 0.5})},
      {"gated_delta", Linear({.rule = LinearRule::kGatedDelta, .beta = 0.5, .gamma = 0.9})},
      {"rls", Linear({.rule = LinearRule::kRls, .gamma = 0.99})},
      {"tam", Linear({.rule = LinearRule::kTam, .tail_fraction = 0.8})},
      {"cmm_fast", Linear({.rule = LinearRule::kCmm, .partitions = 2, .fast_statistics = true})},
      {"ridge_mean", Linear({.rule = LinearRule::kRidge,
                             .lambda = 0.1,
                             .partitions = 2,
                             .key_mean = {0.1f, 0.2f, 0.3f}})},
      {"delta_grows", Linear({.rule = LinearRule::kDelta,
                              .load_policy = models::LoadPolicy::kGrow,
                              .load_limit = 1})},
      {"tam_partitions", Linear({.rule = LinearRule::kTam, .partitions = 2, .list_size = 5})},
      {"feature_trig", Feature({.features = 8, .beta = 1}, kResponseDim)},
      {"feature_orthogonal", Feature({.kind = FeatureKind::kOrthogonal, .features = 8, .beta = 1})},
      {"feature_positive", Feature({.kind = FeatureKind::kPositive, .features = 8, .beta = 0.5})},
      {"feature_fades", Feature({.features = 8, .beta = 1, .gamma = 0.5})},
      {"feature_quadratic", Feature({.kind = FeatureKind::kQuadratic})},
      {"dense_encoded",
       {.key_dim = kKeyDim,
        .response_dim = kResponseDim,
        .model = models::DenseSpec{.similarity = models::Similarity::kCosine,
                                   .encoder = models::Encoder::kLinear}}},
  };
}

const std::vector<NamedSpec>& Specs() {
  static const std::vector<NamedSpec> specs = MakeSpecs();
  return specs;
}

std::unique_ptr<models::Model> Make(const MemorySpec& spec) {
  auto model = models::MakeModel(spec);
  MNEME_CHECK(model.ok());
  return *std::move(model);
}

bool IsQuadratic(const MemorySpec& spec) {
  const auto* feature = std::get_if<FeatureSpec>(&spec.model);
  return feature != nullptr && feature->kind == FeatureKind::kQuadratic;
}

// What faded cannot be taken out.
bool Forgets(const MemorySpec& spec) {
  const auto* feature = std::get_if<FeatureSpec>(&spec.model);
  return feature == nullptr || feature->gamma == 1;
}

// How a model of the spec is trained, if it is.
std::optional<models::TrainSpec> TrainingOf(const MemorySpec& spec, const models::Model& model) {
  if (model.law() == models::Law::kTrained) return models::TrainSpec{.steps_max = 5};
  const auto* dense = std::get_if<models::DenseSpec>(&spec.model);
  if (dense == nullptr || dense->encoder == models::Encoder::kNone) return std::nullopt;
  return models::TrainSpec{
      .encoder = models::EncoderGoal::kNoiseAware, .cue_noise = 0.3, .encoder_steps = 5};
}

// `count` rows numbered from `first` on, always the same.
struct SomeRows {
  SomeRows(const MemorySpec& spec, uint64_t first, size_t count)
      : keys(count, kKeyDim), responses(spec.response_dim > 0 ? count : 0, spec.response_dim) {
    Random random(17);
    random.FillGaussian(keys.flat());
    random.FillGaussian(responses.flat());
    if (IsQuadratic(spec)) {
      for (float& x : keys.flat()) x = x < 0 ? -1.0f : 1.0f;
    }
    for (uint64_t row = first; row < first + count; ++row) {
      numbers.push_back(row);
      ids.emplace_back(row);
    }
  }
  models::RowBlock block() const {
    return {.keys = keys, .responses = responses, .ids = ids, .row_numbers = numbers};
  }

  Matrix keys;
  Matrix responses;
  std::vector<uint64_t> numbers;
  std::vector<ItemId> ids;
};

void Ask(const MemorySpec& spec, const models::View& view, models::QueryKind kind) {
  const SomeRows cues(spec, 0, 2);
  const auto query =
      view.Begin({.cues = cues.keys}, models::QuerySpec{.kind = kind, .top = 3, .steps_max = 4});
  if (!query.ok()) return;
  constexpr int kStagesMax = 100;
  for (int stage = 0; stage < kStagesMax; ++stage) {
    const std::unique_ptr<models::Partial> partial = (*query)->Empty();
    (*query)->Probe(0, (*query)->parts(), *partial);
    const absl::StatusOr<bool> done = (*query)->Settle(*partial);
    if (!done.ok()) return;
    if (!*done) continue;
    const models::Answer answer = (*query)->TakeAnswer();
    MNEME_CHECK(answer.cues.size() == 2);
    return;
  }
  MNEME_CHECK(false);  // the dynamics have no end
}

// A state that was taken can be worked with, whatever numbers are in it.
void Use(const MemorySpec& spec, models::Model& model) {
  const SomeRows rows(spec, 1'000'000, 2);
  MNEME_CHECK(model.Absorb(rows.block()).ok());
  model.Maintain();
  const auto view = model.Publish();
  MNEME_CHECK(view->stats().partitions >= 1);
  Ask(spec, *view, models::QueryKind::kRetrieve);
  Ask(spec, *view, models::QueryKind::kList);
  if (Forgets(spec)) MNEME_CHECK(model.Forget(rows.block()).ok());
  model.Publish();
}

std::string Trained(const MemorySpec& spec, models::Model& model) {
  const SomeRows rows(spec, 1, 12);
  MNEME_CHECK(model.Absorb(rows.block()).ok());
  model.Maintain();
  model.Publish();
  const std::optional<models::TrainSpec> how = TrainingOf(spec, model);
  if (!how) return model.Save();
  auto training = model.BeginTraining(*how);
  MNEME_CHECK(training.ok() && (*training)->Take(rows.block()).ok());
  const absl::Status ran = (*training)->Run([](const models::TrainProgress&) { return true; });
  MNEME_CHECK(ran.ok() && model.Install(**training, 3, "job").ok());
  return model.Save();
}

}  // namespace

// Which spec, then the state.
void TestOne(std::string_view bytes) {
  Input in(bytes);
  const MemorySpec& spec = Specs()[in.Byte() % Specs().size()].spec;
  const std::unique_ptr<models::Model> model = Make(spec);
  const std::string before = model->Save();
  if (const absl::Status loaded = model->Load(in.rest()); !loaded.ok()) {
    CheckError(loaded, {absl::StatusCode::kDataLoss, absl::StatusCode::kFailedPrecondition});
    MNEME_CHECK(model->Save() == before);  // nothing of a bad state stays
    return;
  }
  const std::string saved = model->Save();
  const std::unique_ptr<models::Model> again = Make(spec);
  MNEME_CHECK(again->Load(saved).ok() && again->Save() == saved);
  Use(spec, *model);
}

std::vector<Seed> Seeds() {
  std::vector<Seed> seeds;
  for (size_t i = 0; i < Specs().size(); ++i) {
    const std::string which(1, static_cast<char>(i));
    const std::unique_ptr<models::Model> model = Make(Specs()[i].spec);
    seeds.push_back({std::string(Specs()[i].name) + "_fresh", which + model->Save()});
    seeds.push_back({Specs()[i].name, which + Trained(Specs()[i].spec, *model)});
  }
  return seeds;
}

}  // namespace mneme::fuzz
