// mnemectl memory create|list|describe|update|delete
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using client::Memory;
using client::Normalization;

struct CreateFlags {
  std::string name;
  std::string model = "dense";
  uint32_t dim = 0;
  uint32_t response_dim = 0;
  std::string retain = "all";
  std::string description;
  std::map<std::string, std::string> labels;
  std::string similarity = "l2";
  std::optional<double> beta;
  uint32_t steps_max = 0;
  double tolerance = 0;
  std::string rule = "ridge";
  std::optional<double> lambda;
  uint32_t partitions = 0;
  std::string key_normalization = "unit";
  std::string response_normalization = "unit";
};

const std::map<std::string, client::Similarity> kSimilarities = {
    {"l2", client::Similarity::kL2},
    {"cosine", client::Similarity::kCosine},
    {"dot", client::Similarity::kDot}};
const std::map<std::string, client::Retain> kRetains = {
    {"all", client::Retain::kAll},
    {"responses", client::Retain::kResponses},
    {"statistics", client::Retain::kStatistics}};
const std::map<std::string, client::LinearRule> kRules = {{"cmm", client::LinearRule::kCmm},
                                                          {"ridge", client::LinearRule::kRidge}};
const std::map<std::string, Normalization> kNormalizations = {{"unit", Normalization::kUnit},
                                                              {"none", Normalization::kNone}};

template <typename Value>
CLI::IsMember OneOf(const std::map<std::string, Value>& map) {
  return CLI::IsMember(&map);
}

client::MemorySpec MakeSpec(const CreateFlags& flags) {
  client::MemorySpec spec{.name = flags.name,
                          .description = flags.description,
                          .labels = flags.labels,
                          .key_dim = flags.dim,
                          .response_dim = flags.response_dim,
                          .retain = kRetains.at(flags.retain)};
  if (flags.model == "dense") {
    spec.model = client::DenseSpec{.similarity = kSimilarities.at(flags.similarity),
                                   .beta = flags.beta,
                                   .steps_max = flags.steps_max,
                                   .tolerance = flags.tolerance};
  } else {
    spec.model = client::LinearSpec{
        .rule = kRules.at(flags.rule),
        .lambda = flags.lambda,
        .partitions = flags.partitions,
        .key_normalization = kNormalizations.at(flags.key_normalization),
        .response_normalization = kNormalizations.at(flags.response_normalization)};
  }
  return spec;
}

// "key=value" pairs.
absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError("not a label", text, "KEY=VALUE", "Write a key, =, and a value.");
    }
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

std::string ModelName(const Memory& memory) {
  return std::holds_alternative<client::DenseSpec>(memory.spec.model) ? "dense" : "linear";
}

std::string Shape(const Memory& memory) {
  if (memory.spec.response_dim == 0) return absl::StrCat(memory.spec.key_dim, " -> itself");
  return absl::StrCat(memory.spec.key_dim, " -> ", memory.spec.response_dim);
}

std::string AutoOr(const std::optional<double>& set, double in_use) {
  if (set) return FormatNumber(*set);
  return absl::StrCat("automatic, now ", FormatNumber(in_use));
}

std::string Spec(const Memory& memory) {
  if (const auto* dense = std::get_if<client::DenseSpec>(&memory.spec.model)) {
    return absl::StrCat("dense: similarity ", Name(dense->similarity), ", beta ",
                        AutoOr(dense->beta, memory.state.beta),
                        memory.state.beta_fallback ? " (by the spread of the keys)" : "",
                        ", at most ", dense->steps_max, " steps, tolerance ",
                        FormatNumber(dense->tolerance));
  }
  const auto& linear = std::get<client::LinearSpec>(memory.spec.model);
  return absl::StrCat("linear: rule ", Name(linear.rule), ", lambda ",
                      AutoOr(linear.lambda, memory.state.lambda), ", partitions ",
                      linear.partitions, ", keys ", Name(linear.key_normalization), ", responses ",
                      Name(linear.response_normalization));
}

std::string Bytes(const client::MemoryState& state) {
  return absl::StrCat(FormatBytes(state.memory_bytes),
                      " in memory: ", FormatBytes(state.fixed_bytes), " fixed, ",
                      FormatBytes(state.row_bytes), " rows");
}

void PrintMemory(const Memory& memory, const Context& context) {
  std::ostream& out = context.io.out;
  if (context.json) {
    out << Dump(ToJson(memory)) << "\n";
    return;
  }
  const auto line = [&out](std::string_view name, const std::string& value) {
    if (!value.empty()) out << "  " << name << std::string(13 - name.size(), ' ') << value << "\n";
  };
  out << memory.spec.name << "\n";
  line("description", memory.spec.description);
  for (const auto& [key, value] : memory.spec.labels) line("label", key + "=" + value);
  line("spec", Spec(memory));
  line("shape", Shape(memory));
  line("retains", Name(memory.spec.retain));
  line("items", FormatCount(memory.state.item_count));
  if (ModelName(memory) == "linear") line("load", FormatNumber(memory.state.load));
  line("bytes", Bytes(memory.state));
  line("health", memory.state.health_reason.empty()
                     ? Name(memory.state.health)
                     : absl::StrCat(Name(memory.state.health), ": ", memory.state.health_reason));
  line("position", FormatCount(memory.state.position));
  line("uid", memory.uid);
  line("etag", memory.etag);
  line("created", FormatSeconds(memory.create_time));
  line("updated", FormatSeconds(memory.update_time));
}

void AddModelFlags(CLI::App& create, CreateFlags& flags) {
  create.add_option("--similarity", flags.similarity, "Dense: how cue and key are compared")
      ->transform(OneOf(kSimilarities));
  create.add_option("--beta", flags.beta, "Dense: inverse temperature (default: automatic)");
  create.add_option("--steps-max", flags.steps_max,
                    "Dense: most steps of a recall (0: the server's default)");
  create.add_option("--tolerance", flags.tolerance,
                    "Dense: when a recall has converged (0: the server's default)");
  create.add_option("--rule", flags.rule, "Linear: how the matrix is made")
      ->transform(OneOf(kRules));
  create.add_option("--lambda", flags.lambda, "Linear: ridge penalty (default: automatic)");
  create.add_option("--partitions", flags.partitions,
                    "Linear: independent matrices (0: the server's default)");
  create.add_option("--key-normalization", flags.key_normalization, "Linear: scaling of keys")
      ->transform(OneOf(kNormalizations));
  create
      .add_option("--response-normalization", flags.response_normalization,
                  "Linear: scaling of responses")
      ->transform(OneOf(kNormalizations));
}

void AddCreate(CLI::App& memory, Context& context) {
  CLI::App* create = memory.add_subcommand("create", "Create an empty memory");
  create->footer(
      "Example:\n"
      "  mnemectl memory create faces --dim 784\n"
      "  mnemectl memory create classes --model linear --dim 784 --response-dim 10");
  auto flags = std::make_shared<CreateFlags>();
  auto labels = std::make_shared<std::vector<std::string>>();
  create->add_option("NAME", flags->name, "[a-z][a-z0-9-]{0,62}")->required();
  create->add_option("--model", flags->model, "What kind of memory")
      ->transform(CLI::IsMember({"dense", "linear"}));
  create->add_option("--dim,--key-dim", flags->dim, "Numbers in a key")->required();
  create->add_option("--response-dim", flags->response_dim,
                     "Numbers in a response (0: the response is the key; dense only)");
  create->add_option("--retain", flags->retain, "What is kept besides what was learned")
      ->transform(OneOf(kRetains));
  create->add_option("--description", flags->description, "Text for people");
  create->add_option("--label", *labels, "KEY=VALUE, may be given again");
  AddModelFlags(*create, *flags);
  create->callback([&context, flags, labels] {
    context.action = [&context, flags, labels]() -> absl::Status {
      auto parsed = ParseLabels(*labels);
      if (!parsed.ok()) return parsed.status();
      flags->labels = *std::move(parsed);
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto made = client->CreateMemory(MakeSpec(*flags), context.call());
      if (!made.ok()) return made.status();
      PrintMemory(*made, context);
      return absl::OkStatus();
    };
  });
}

void AddList(CLI::App& memory, Context& context) {
  CLI::App* list = memory.add_subcommand("list", "List all memories");
  list->footer("Example:\n  mnemectl memory list");
  list->callback([&context] {
    context.action = [&context]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto memories = client->ListMemories(context.call());
      if (!memories.ok()) return memories.status();
      if (context.json) {
        Json json = Json::array();
        for (const Memory& m : *memories) json.push_back(ToJson(m));
        context.io.out << Dump({{"memories", json}}) << "\n";
        return absl::OkStatus();
      }
      Table table({{"NAME"},
                   {"MODEL"},
                   {"SHAPE"},
                   {"ITEMS", Table::Align::kRight},
                   {"BYTES", Table::Align::kRight},
                   {"HEALTH"}});
      for (const Memory& m : *memories) {
        table.Add({m.spec.name, ModelName(m), Shape(m), FormatCount(m.state.item_count),
                   FormatBytes(m.state.memory_bytes), Name(m.state.health)});
      }
      table.Print(context.io.out);
      return absl::OkStatus();
    };
  });
}

void AddDescribe(CLI::App& memory, Context& context) {
  CLI::App* describe = memory.add_subcommand("describe", "Show spec, state, bytes and load");
  describe->footer("Example:\n  mnemectl memory describe faces");
  auto name = std::make_shared<std::string>();
  describe->add_option("NAME", *name, "The memory")->required();
  describe->callback([&context, name] {
    context.action = [&context, name]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto got = client->GetMemory(*name, context.call());
      if (!got.ok()) return got.status();
      PrintMemory(*got, context);
      return absl::OkStatus();
    };
  });
}

void AddUpdate(CLI::App& memory, Context& context) {
  CLI::App* update = memory.add_subcommand("update", "Change description or labels");
  update->footer("Example:\n  mnemectl memory update faces --description 'staff, 2024'");
  struct Flags {
    std::string name;
    std::optional<std::string> description;
    std::vector<std::string> labels;
    bool no_labels = false;
    std::string etag;
  };
  auto flags = std::make_shared<Flags>();
  update->add_option("NAME", flags->name, "The memory")->required();
  update->add_option("--description", flags->description, "The new text");
  CLI::Option* labels =
      update->add_option("--label", flags->labels, "KEY=VALUE, in place of all there are");
  update->add_flag("--no-labels", flags->no_labels, "Remove all labels")->excludes(labels);
  update->add_option("--etag", flags->etag, "Change only what still has this etag");
  update->callback([&context, flags] {
    context.action = [&context, flags]() -> absl::Status {
      client::MemoryUpdate change{.description = flags->description, .etag = flags->etag};
      auto parsed = ParseLabels(flags->labels);
      if (!parsed.ok()) return parsed.status();
      if (!parsed->empty() || flags->no_labels) change.labels = *std::move(parsed);
      if (!change.description && !change.labels) {
        return UsageError("the update changes nothing", "", "--description, --label or --no-labels",
                          "Say what to change.");
      }
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto updated = client->UpdateMemory(flags->name, change, context.call());
      if (!updated.ok()) return updated.status();
      PrintMemory(*updated, context);
      return absl::OkStatus();
    };
  });
}

void AddDelete(CLI::App& memory, Context& context) {
  CLI::App* remove = memory.add_subcommand("delete", "Delete a memory and all its items");
  remove->footer("Example:\n  mnemectl memory delete faces");
  auto name = std::make_shared<std::string>();
  auto options = std::make_shared<client::DeleteMemoryOptions>();
  remove->add_option("NAME", *name, "The memory")->required();
  remove->add_option("--etag", options->etag, "Delete only what still has this etag");
  remove->add_flag("--allow-missing", options->allow_missing, "No error if there is none");
  remove->callback([&context, name, options] {
    context.action = [&context, name, options]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      options->call = context.call();
      if (absl::Status s = client->DeleteMemory(*name, *options); !s.ok()) return s;
      if (context.json) {
        context.io.out << Dump({{"deleted", *name}}) << "\n";
      } else {
        context.io.out << *name << " deleted\n";
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddMemoryCommands(CLI::App& app, Context& context) {
  CLI::App* memory =
      app.add_subcommand("memory", "Create, list, describe, update, delete memories");
  memory->footer("Example:\n  mnemectl memory create faces --dim 784");
  memory->require_subcommand(1);
  AddCreate(*memory, context);
  AddList(*memory, context);
  AddDescribe(*memory, context);
  AddUpdate(*memory, context);
  AddDelete(*memory, context);
}

}  // namespace mneme::cli
