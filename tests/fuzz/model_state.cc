// The learned state of a model as it may come out of a checkpoint: any bytes, for every rule of
// linear memories and for a dense one.
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

// `count` rows numbered from `first` on, always the same.
struct SomeRows {
  SomeRows(uint64_t first, size_t count) : keys(count, kKeyDim), responses(count, kResponseDim) {
    Random random(17);
    random.FillGaussian(keys.flat());
    random.FillGaussian(responses.flat());
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

void Ask(const models::View& view, models::QueryKind kind) {
  const SomeRows cues(0, 2);
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
void Use(models::Model& model) {
  const SomeRows rows(1'000'000, 2);
  MNEME_CHECK(model.Absorb(rows.block()).ok());
  model.Maintain();
  const auto view = model.Publish();
  MNEME_CHECK(view->stats().partitions >= 1);
  Ask(*view, models::QueryKind::kRetrieve);
  Ask(*view, models::QueryKind::kList);
  MNEME_CHECK(model.Forget(rows.block()).ok());
  model.Publish();
}

std::string Trained(models::Model& model) {
  const SomeRows rows(1, 12);
  MNEME_CHECK(model.Absorb(rows.block()).ok());
  model.Maintain();
  model.Publish();
  if (model.law() != models::Law::kTrained) return model.Save();
  auto training = model.BeginTraining({.steps_max = 5});
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
  Use(*model);
}

std::vector<Seed> Seeds() {
  std::vector<Seed> seeds;
  for (size_t i = 0; i < Specs().size(); ++i) {
    const std::string which(1, static_cast<char>(i));
    const std::unique_ptr<models::Model> model = Make(Specs()[i].spec);
    seeds.push_back({std::string(Specs()[i].name) + "_fresh", which + model->Save()});
    seeds.push_back({Specs()[i].name, which + Trained(*model)});
  }
  return seeds;
}

}  // namespace mneme::fuzz
