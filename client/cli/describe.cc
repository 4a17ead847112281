#include "client/cli/describe.h"

#include <algorithm>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/cli/dense_flags.h"
#include "client/cli/feature_flags.h"
#include "client/cli/index_flags.h"
#include "client/cli/item_policy_flags.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using client::Memory;

constexpr size_t kNameWidth = 13;
constexpr size_t kMeterWidth = 24;

std::string AutoOr(const std::optional<double>& set, double in_use) {
  if (set) return FormatNumber(*set);
  return absl::StrCat("automatic, now ", FormatNumber(in_use));
}

std::string DenseText(const client::DenseSpec& spec, const client::MemoryState& state) {
  const bool relu = spec.separation == client::Separation::kRelu;
  std::string text = absl::StrCat("dense: similarity ", Name(spec.similarity));
  if (spec.separation > client::Separation::kExp) {
    absl::StrAppend(&text, ", separation ", Name(spec.separation));
  }
  if (spec.power > 0) absl::StrAppend(&text, " ", spec.power);
  if (spec.state > client::StateSpace::kFree) {
    absl::StrAppend(&text, ", states ", Name(spec.state));
  }
  if (relu && !spec.beta) {
    absl::StrAppend(&text, ", radius ", AutoOr(spec.radius, state.radius));
  } else if (TakesBeta(spec)) {
    absl::StrAppend(&text, ", beta ", AutoOr(spec.beta, state.beta));
  }
  if (state.beta_fallback) absl::StrAppend(&text, " (by the spread of the keys)");
  if (spec.encoder > client::Encoder::kNone) {
    absl::StrAppend(&text, ", encoder ", Name(spec.encoder),
                    state.encoder ? "" : " (not trained yet)");
  }
  if (relu) absl::StrAppend(&text, ", without support ", Name(spec.no_support));
  absl::StrAppend(&text, ", at most ", spec.steps_max, spec.steps_max == 1 ? " step" : " steps",
                  ", tolerance ", FormatNumber(spec.tolerance));
  return text;
}

// Items that do not come back as they are.
std::string ShadowText(const client::MemoryState& state) {
  if (state.item_count == 0) return "";
  if (state.shadowed_items == 0)
    return "not counted: so many items take longer to compare than to store";
  const std::string count =
      absl::StrCat(FormatCount(state.shadowed_count), " of ", FormatCount(state.shadowed_items));
  if (state.shadowed_count == 0) {
    return absl::StrCat(count, ": no item has another inside its radius");
  }
  return absl::StrCat(count, " have another inside their radius: they come back as a mean of both");
}

std::string LinearText(const client::LinearSpec& spec, const client::MemoryState& state) {
  std::string text = absl::StrCat("linear: rule ", Name(spec.rule));
  if (spec.lambda || state.lambda > 0) {
    absl::StrAppend(&text, ", lambda ", AutoOr(spec.lambda, state.lambda));
  }
  if (spec.beta) absl::StrAppend(&text, ", beta ", FormatNumber(*spec.beta));
  if (spec.gamma) absl::StrAppend(&text, ", gamma ", FormatNumber(*spec.gamma));
  if (const auto* size = std::get_if<client::ListSize>(&spec.tail)) {
    absl::StrAppend(&text, ", certified lists of ", size->items);
  }
  if (const auto* fraction = std::get_if<client::TailFraction>(&spec.tail)) {
    absl::StrAppend(&text, ", certified lists of ", FormatPercent(fraction->share));
  }
  absl::StrAppend(&text, ", partitions ", std::max(spec.partitions, state.partitions));
  if (state.partitions > spec.partitions && spec.partitions > 0) {
    absl::StrAppend(&text, " (", spec.partitions, " at first)");
  }
  absl::StrAppend(&text, ", keys ", Name(spec.key_normalization),
                  spec.key_mean.empty() ? "" : " less their mean", ", responses ",
                  Name(spec.response_normalization));
  if (spec.fast_statistics) absl::StrAppend(&text, ", float32 statistics");
  if (spec.load_limit > 0) {
    absl::StrAppend(&text, ", at load ", FormatNumber(spec.load_limit), ": ",
                    Name(spec.load_policy));
  }
  return text;
}

std::string SpecText(const Memory& memory) {
  if (const auto* dense = std::get_if<client::DenseSpec>(&memory.spec.model)) {
    return DenseText(*dense, memory.state);
  }
  if (const auto* feature = std::get_if<client::FeatureSpec>(&memory.spec.model)) {
    return FeatureText(*feature);
  }
  return LinearText(std::get<client::LinearSpec>(memory.spec.model), memory.state);
}

void AddLoad(const Memory& memory, Fields& fields) {
  if (ModelName(memory) != "linear") return;
  if (!memory.state.load_meter) {
    fields.Add("load", FormatNumber(memory.state.load));
    return;
  }
  const client::LoadMeter& meter = *memory.state.load_meter;
  fields.Add("load",
             absl::StrCat(FormatBar(meter.used, kMeterWidth), " ", FormatPercent(meter.used),
                          " of ", FormatCount(meter.capacity_items), " items by ", meter.criterion,
                          "; load ", FormatNumber(meter.load)));
  fields.Add("phase", ForPeople(meter.phase));
}

std::string HealthText(const client::MemoryState& state) {
  if (state.health_reason.empty()) return Name(state.health);
  return absl::StrCat(Name(state.health), ": ", state.health_reason);
}

}  // namespace

std::string ModelName(const Memory& memory) {
  if (std::holds_alternative<client::FeatureSpec>(memory.spec.model)) return "feature";
  return std::holds_alternative<client::DenseSpec>(memory.spec.model) ? "dense" : "linear";
}

std::string Shape(const Memory& memory) {
  if (memory.spec.response_dim == 0) return absl::StrCat(memory.spec.key_dim, " -> itself");
  return absl::StrCat(memory.spec.key_dim, " -> ", memory.spec.response_dim);
}

std::string ForPeople(client::LoadPhase phase) {
  switch (phase) {
    case client::LoadPhase::kSatisfiable:
      return "satisfiable: every item can be recalled to the criterion";
    case client::LoadPhase::kUnsatisfiable:
      return "unsatisfiable: a share of the items can be recalled to the criterion";
    case client::LoadPhase::kCollapsed:
      return "collapsed: training would erase the memory";
    case client::LoadPhase::kUnspecified:
      return "";
  }
  return Name(phase);
}

void Fields::Add(std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out_ << "  " << name << std::string(kNameWidth - std::min(kNameWidth, name.size()), ' ') << value
       << "\n";
}

void AddTrained(const client::TrainedState& trained, Fields& fields) {
  const double share = trained.items == 0 ? 0
                                          : static_cast<double>(trained.certified) /
                                                static_cast<double>(trained.items);
  fields.Add("trained",
             absl::StrCat(FormatCount(trained.certified), " of ", FormatCount(trained.items),
                          " items certified (", FormatPercent(share), ") in lists of ",
                          FormatCount(trained.list_size)));
  fields.Add("", absl::StrCat("least radius ", FormatNumber(trained.radius_min), ", loss ",
                              FormatNumber(trained.loss), " (W = 0: 0.6931), own score ",
                              FormatNumber(trained.score_sigmas), " sigmas, |W| ",
                              FormatNumber(trained.weights_norm)));
  if (trained.delta_count > 0) {
    fields.Add("", absl::StrCat(FormatCount(trained.delta_count),
                                " items stored since: certificates are void until the next train"));
  }
}

void AddEncoder(const client::EncoderState& encoder, Fields& fields) {
  std::string text = absl::StrCat(Name(encoder.objective), ", learned from ",
                                  FormatCount(encoder.items), " items");
  if (encoder.cue_noise > 0) {
    absl::StrAppend(&text, ", cues with noise ", FormatNumber(encoder.cue_noise));
  }
  fields.Add("encoder", text);
  const auto figures = [](const client::EncoderFigures& of) {
    return absl::StrCat(FormatPercent(of.top1), " of noisy cues find their key, by a cosine of ",
                        FormatNumber(of.margin), "; nearest keys ",
                        FormatNumber(of.largest_cosine));
  };
  if (encoder.start && encoder.kept) {
    fields.Add("", absl::StrCat("at first ", figures(*encoder.start)));
    fields.Add("", absl::StrCat("now ", figures(*encoder.kept), "; step ", encoder.kept_step));
  }
  if (!encoder.warning.empty()) fields.Add("warning", encoder.warning);
}

void AddBytes(const std::vector<client::ByteAccount>& bytes, uint64_t total, Fields& fields) {
  if (bytes.empty()) {
    fields.Add("bytes", absl::StrCat(FormatBytes(total), " in memory"));
    return;
  }
  Table table({{""}, {"", Table::Align::kRight}, {"", Table::Align::kRight}});
  for (const client::ByteAccount& account : bytes) {
    table.Add({account.what, FormatCount(account.bytes), FormatBytes(account.bytes)});
  }
  table.Add({"all in memory", FormatCount(total), FormatBytes(total)});
  std::stringstream lines;
  table.Print(lines);
  std::string line;
  std::getline(lines, line);  // the titles, which are empty
  for (std::string_view name = "bytes"; std::getline(lines, line); name = "") {
    fields.Add(name, line);
  }
}

void PrintMemory(const Memory& memory, const Context& context) {
  std::ostream& out = context.io.out;
  if (context.json) {
    out << Dump(ToJson(memory)) << "\n";
    return;
  }
  const client::MemoryState& state = memory.state;
  out << memory.spec.name << "\n";
  Fields fields(out);
  fields.Add("description", memory.spec.description);
  for (const auto& [key, value] : memory.spec.labels) fields.Add("label", key + "=" + value);
  fields.Add("spec", SpecText(memory));
  fields.Add("shape", Shape(memory));
  fields.Add("retains", Name(memory.spec.retain));
  fields.Add("items", FormatCount(state.item_count));
  fields.Add("policy", ItemPolicyText(memory.spec.item_policy));
  if (memory.frozen) fields.Add("frozen", "read-only; `mnemectl memory unfreeze` ends it");
  if (state.expired_count > 0) fields.Add("expired", FormatCount(state.expired_count));
  if (state.evicted_count > 0) fields.Add("evicted", FormatCount(state.evicted_count));
  if (state.suppressed_count > 0) {
    fields.Add("suppressed", absl::StrCat(FormatCount(state.suppressed_count),
                                          " deleted items still shape recalls"));
  }
  if (state.radius > 0) fields.Add("shadowed", ShadowText(state));
  AddLoad(memory, fields);
  if (state.trained) AddTrained(*state.trained, fields);
  if (state.encoder) AddEncoder(*state.encoder, fields);
  if (const auto* dense = std::get_if<client::DenseSpec>(&memory.spec.model);
      dense != nullptr && dense->index) {
    fields.Add("index", IndexSpecText(*dense->index));
  }
  if (state.index) AddIndex(*state.index, fields);
  AddBytes(state.bytes, state.memory_bytes, fields);
  fields.Add("health", HealthText(state));
  fields.Add("position", FormatCount(state.position));
  if (state.checkpoint_position > 0) {
    fields.Add("checkpoint", absl::StrCat("of position ", FormatCount(state.checkpoint_position)));
  }
  fields.Add("uid", memory.uid);
  fields.Add("etag", memory.etag);
  fields.Add("created", FormatSeconds(memory.create_time));
  fields.Add("updated", FormatSeconds(memory.update_time));
}

}  // namespace mneme::cli
