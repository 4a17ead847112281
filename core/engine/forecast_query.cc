// Forecast: checks what is asked, measures the memory where that is wanted, asks the laws.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/engine/engine.h"
#include "core/engine/feature_forecast.h"
#include "core/engine/probe.h"
#include "core/engine/row_bytes.h"
#include "core/engine/validate.h"

namespace mneme::engine {
namespace {

absl::Status Bad(std::string_view field, double given, std::string_view expected,
                 std::string_view next_step) {
  return InvalidArgument(
      absl::StrFormat("%s is %g, expected %s", AbslView(field), given, AbslView(expected)),
      {.reason = "FORECAST",
       .given = absl::StrFormat("%s=%g", AbslView(field), given),
       .expected = std::string(expected),
       .next_step = std::string(next_step)});
}

absl::Status NotLinear(std::string_view what) {
  return Unimplemented(absl::StrFormat("%s is dense: there is no forecast for it", AbslView(what)),
                       {.reason = "FORECAST_MODEL",
                        .given = "a dense memory",
                        .expected = "a linear or feature memory",
                        .next_step = "Measure it: Retrieve a sample of its own keys."});
}

absl::Status ValidateForecast(const ForecastCommand& command) {
  if (!(command.cue_cosine > 0 && command.cue_cosine <= 1)) {
    return Bad("cue_cosine", command.cue_cosine, "more than 0, at most 1",
               "Send the cosine between your cues and the stored keys; 1 for exact keys.");
  }
  if (!(command.error_target > 0 && command.error_target < 1)) {
    return Bad("error_target", command.error_target, "a share inside (0, 1)",
               "Send the share of items that may miss the list, e.g. 0.05.");
  }
  if (command.list_sizes.size() > kForecastListsMax) {
    return OverLimit("list sizes", command.list_sizes.size(), kForecastListsMax,
                     "Ask for fewer at a time.");
  }
  for (const uint32_t list : command.list_sizes) {
    if (list < 1) return Bad("list size", list, "at least 1", "Send the lengths of the lists.");
  }
  if (command.probe_items < 1 || command.probe_items > kProbeItemsMax) {
    return OverLimit("probe items", command.probe_items, kProbeItemsMax,
                     "500 give an error of 2 in 100.");
  }
  if (command.curve_points > kForecastCurveMax) {
    return OverLimit("points of the curve", command.curve_points, kForecastCurveMax,
                     "100 are enough for a picture.");
  }
  for (const double d : {command.key_dim_effective, command.response_dim_effective}) {
    if (std::isfinite(d) && (d == 0 || d > 1)) continue;
    return Bad("effective dimension", d, "more than 1, or 0 for that of the spec",
               "Leave it out, or measure it on stored keys with a probe.");
  }
  return absl::OkStatus();
}

// A question must not take the memory that it asks about: larger matrices are planned by halves.
constexpr uint64_t kPlannedNumbersMax = 1u << 22;

// What a planned memory will take: one matrix of the model with two rows in it, times the
// partitions, and the rows in tiles. Bytes of large matrices are those of one `scale` times smaller
// in both dimensions, times scale squared (factors: times scale).
absl::StatusOr<models::ModelStats> PlannedStats(const models::MemorySpec& planned, uint64_t items) {
  const uint32_t partitions = std::get<models::LinearSpec>(planned.model).partitions;
  models::MemorySpec spec = planned;
  uint64_t scale = 1;
  while (spec.key_dim * (spec.key_dim + spec.response_dim) > kPlannedNumbersMax) {
    scale *= 2;
    spec.key_dim = std::max<size_t>(1, spec.key_dim / 2);
    spec.response_dim = std::max<size_t>(1, spec.response_dim / 2);
  }
  std::vector<float>& key_mean = std::get<models::LinearSpec>(spec.model).key_mean;
  if (!key_mean.empty()) key_mean.resize(spec.key_dim);
  models::MemorySpec one = spec;
  std::get<models::LinearSpec>(one.model).partitions = 1;
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<models::Model> model, models::MakeModel(one));
  const std::vector<float>& mean = std::get<models::LinearSpec>(spec.model).key_mean;
  Matrix keys(2, spec.key_dim), responses(2, spec.response_dim);
  for (size_t i = 0; i < 2; ++i) {
    std::copy(mean.begin(), mean.end(), keys.row(i).begin());
    keys.at(i, i % spec.key_dim) += 1;
    responses.at(i, i % spec.response_dim) = 1;
  }
  const std::vector<ItemId> ids = {ItemId(1), ItemId(2)};
  const std::vector<uint64_t> row_numbers = {0, 1};
  MNEME_RETURN_IF_ERROR(model->Absorb(
      {.keys = keys, .responses = responses, .ids = ids, .row_numbers = row_numbers}));
  models::ModelStats stats = model->Publish()->stats();
  stats.items = items;
  stats.partitions = partitions;
  stats.fixed_bytes = 0;
  stats.row_bytes = 0;
  if (spec.retain != models::Retain::kStatistics) {
    stats.row_bytes = GrowthBytes(planned, partitions, 0, items);  // tiles, as they are allocated
  }
  for (models::ByteAccount& account : stats.bytes) {
    if (account.what == "codebook") {
      account.bytes = stats.row_bytes;
      continue;
    }
    account.bytes *= partitions * (account.what == "factors" ? scale : scale * scale);
    stats.fixed_bytes += account.bytes;
  }
  return stats;
}

}  // namespace

std::optional<LoadMeter> Engine::MeterOf(const MemoryInfo& info) const {
  if (!std::holds_alternative<models::LinearSpec>(info.spec.model)) return std::nullopt;
  const absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(info.name);
  if (!memory.ok() || (*memory)->uid() != info.uid) return std::nullopt;
  const std::optional<Capacity> capacity = (*memory)->capacity(info.stats.partitions);
  if (!capacity.has_value()) return std::nullopt;
  return engine::MeterOf(info.spec, *capacity, info.stats.items);
}

std::shared_ptr<const Probe> Engine::NewestProbe(const MemoryInfo& info) const {
  const absl::StatusOr<std::shared_ptr<Memory>> memory = catalogue_.Find(info.name);
  if (!memory.ok() || (*memory)->uid() != info.uid) return nullptr;
  return (*memory)->newest_probe();
}

absl::StatusOr<ForecastReply> Engine::ForecastNow(const ForecastCommand& asked) {
  ForecastCommand command = asked;
  if (command.memory.empty()) {
    if (std::holds_alternative<models::FeatureSpec>(command.planned.model)) {
      ChooseFeatures(command, command.planned);
    }
    MNEME_RETURN_IF_ERROR(ValidateCreate(
        {.name = "planned", .spec = WithoutExpectations(command.planned)}, options_.limits));
    if (std::holds_alternative<models::FeatureSpec>(command.planned.model)) {
      return MakeFeatureForecast(command, command.planned, command.planned_items);
    }
    if (!std::holds_alternative<models::LinearSpec>(command.planned.model)) {
      return NotLinear("the planned memory");
    }
    MNEME_ASSIGN_OR_RETURN(const models::ModelStats stats,
                           PlannedStats(command.planned, command.planned_items));
    return MakeForecast(command, command.planned, stats, nullptr);
  }
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<Memory> memory, catalogue_.Find(command.memory));
  MNEME_RETURN_IF_ERROR(memory->CheckServing());
  if (std::holds_alternative<models::FeatureSpec>(memory->spec().model)) {
    ForecastReply reply =
        MakeFeatureForecast(command, memory->spec(), memory->published().view->stats().items);
    reply.uid = memory->uid();
    return reply;
  }
  if (!std::holds_alternative<models::LinearSpec>(memory->spec().model)) {
    return NotLinear(absl::StrFormat("memory '%s'", memory->name()));
  }
  const Memory::Published published = memory->published();
  std::shared_ptr<const Probe> probe = memory->newest_probe();
  const bool fresh = probe != nullptr && probe->position == published.position &&
                     probe->cue_cosine == command.cue_cosine;
  const bool measurable = memory->keeps_keys() && published.view->stats().items >= 2;
  if (command.probe == ProbeMode::kNow ||
      (command.probe == ProbeMode::kNewest && !fresh && measurable)) {
    absl::StatusOr<Probe> measured = MeasureMemory(*storage_, *memory,
                                                   {.items = command.probe_items,
                                                    .cue_cosine = command.cue_cosine,
                                                    .seed = command.seed,
                                                    .now_unix_nanos = clock_.NowUnixNanos(),
                                                    .cancelled = command.cancelled});
    if (!measured.ok()) return memory->NoteRead(measured.status());
    probe = std::make_shared<const Probe>(*std::move(measured));
    memory->KeepProbe(probe);
  } else if (!fresh || command.probe == ProbeMode::kNone) {
    probe = nullptr;
  }
  MNEME_ASSIGN_OR_RETURN(ForecastReply reply, MakeForecast(command, memory->spec(),
                                                           published.view->stats(), probe.get()));
  reply.uid = memory->uid();
  return reply;
}

void Engine::Forecast(ForecastCommand command, Done<ForecastReply> done) {
  if (absl::Status status = ValidateForecast(command); !status.ok()) return done(status);
  absl::Status queued = forecast_pool_->Submit(
      [this, command = std::move(command), done] { done(ForecastNow(command)); });
  if (!queued.ok()) done(queued);
}

}  // namespace mneme::engine
