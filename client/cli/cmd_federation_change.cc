// mnemectl federation create|join|leave|interest|links
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/federation_text.h"

namespace mneme::cli {
namespace {

using Values = std::map<std::string, double>;

// Runs `change` and prints the federation as it is then.
std::function<void()> Action(
    Context& context,
    std::function<absl::StatusOr<client::Federation>(client::Client& client)> change) {
  return [&context, change = std::move(change)] {
    context.action = [&context, change]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto federation = change(*client);
      if (!federation.ok()) return federation.status();
      PrintFederation(*federation, context);
      return absl::OkStatus();
    };
  };
}

// "north=1 south=0.5"; what the numbers may be is for the server to say.
absl::StatusOr<Values> ParseValues(const std::vector<std::string>& words,
                                   const std::string& expected) {
  Values out;
  for (const std::string& word : words) {
    const size_t equals = word.rfind('=');
    double value = 0;
    bool fits = equals != std::string::npos && equals > 0;
    if (fits) {
      const char* end = word.data() + word.size();
      const auto parsed = std::from_chars(word.data() + equals + 1, end, value);
      fits = parsed.ec == std::errc() && parsed.ptr == end;
    }
    if (!fits) return UsageError("this is no NODE=NUMBER", word, expected, "Correct it.");
    if (!out.emplace(word.substr(0, equals), value).second) {
      return UsageError("a node is given twice", word, "each node once", "Leave one of them out.");
    }
  }
  return out;
}

// "lag_max" -> "--lag-max"; of what is on or off also "--no-lag-max".
std::string FlagOf(std::string key) {
  std::ranges::replace(key, '_', '-');
  return key;
}

void AddSpecFlags(CLI::App* create, client::NewFederation* to) {
  client::FederationSpec* spec = &to->spec;
  create->add_option("--dim", spec->key_dim, "Numbers of a key")->required();
  create->add_option("--response-dim", spec->response_dim, "Numbers of a response")->required();
  client::VisitSettings(*spec, [create]<typename Field>(const std::string& key, Field& field,
                                                        const char* help) {
    const std::string flag = FlagOf(key);
    if constexpr (std::is_same_v<Field, std::optional<bool>>) {
      create->add_flag("--" + flag + ",!--no-" + flag, field, help);
    } else if constexpr (std::is_same_v<Field, std::string>) {
      create->add_option("--" + flag, field, help)->check(CLI::IsMember(client::ChoicesOf(key)));
    } else {
      create->add_option("--" + flag, field, help);
    }
  });
  create->add_option("--round-ms", to->round_millis, "From one round to the next; 50");
  create->add_option("--planner", to->planner, "per_root, congestion, shared or bytes")
      ->check(CLI::IsMember({"per_root", "congestion", "shared", "bytes"}));
  create->add_option("--interest-floor", to->interest_floor,
                     "Leave out a node's weakest interests, below this share together; 0");
  create->add_option("--items-per-round", to->items_per_round,
                     "Of a node, for the transport auto; 1");
}

void AddCreate(CLI::App& federation, Context& context) {
  CLI::App* create = federation.add_subcommand("create", "Make a federation; servers join it then");
  create->footer(
      "What its nodes agree on is said once, here. Trusted sites: --min-contributors 1 "
      "--min-items 1.\n"
      "Example:\n"
      "  mnemectl federation create digits --dim 784 --response-dim 10");
  auto made = std::make_shared<client::NewFederation>();
  create->add_option("FEDERATION", made->name, "Its name")->required();
  AddSpecFlags(create, made.get());
  create->callback(Action(context, [&context, made](client::Client& client) {
    return client.CreateFederation(*made, context.call());
  }));
}

void AddJoin(CLI::App& federation, Context& context) {
  CLI::App* join =
      federation.add_subcommand("join", "Let the server take part, now and after restarts");
  join->footer(
      "The server's node has the name of its federation.node. The memory is linear, of rule "
      "federated and of the federation's shape.\n"
      "Example:\n"
      "  mnemectl memory create digits --model linear --rule federated --dim 784 "
      "--response-dim 10\n"
      "  mnemectl federation join digits");
  auto name = std::make_shared<std::string>();
  auto memory = std::make_shared<std::string>();
  join->add_option("FEDERATION", *name, "Which federation")->required();
  join->add_option("--memory", *memory, "With this memory; the federation's name");
  join->callback(Action(context, [&context, name, memory](client::Client& client) {
    return client.JoinFederation(*name, *memory, context.call());
  }));
}

void AddLeave(CLI::App& federation, Context& context) {
  CLI::App* leave = federation.add_subcommand("leave", "Let a node leave; its memory stays");
  leave->footer(
      "Example:\n"
      "  mnemectl federation leave digits\n"
      "  mnemectl federation leave digits --node south    # one that is gone for good");
  auto name = std::make_shared<std::string>();
  auto node = std::make_shared<std::string>();
  leave->add_option("FEDERATION", *name, "Which federation")->required();
  leave->add_option("--node", *node, "Which node; the server's own");
  leave->callback(Action(context, [&context, name, node](client::Client& client) {
    return client.LeaveFederation(*name, *node, context.call());
  }));
}

// A row of values for a node: what `set` makes of it.
template <typename Set>
void AddRow(CLI::App& federation, Context& context, const std::string& command,
            const std::string& description, const std::string& footer, const std::string& expected,
            Set set) {
  CLI::App* row = federation.add_subcommand(command, description);
  row->footer(footer);
  struct Flags {
    std::string name, node;
    std::vector<std::string> words;
    bool none = false;
  };
  auto flags = std::make_shared<Flags>();
  row->add_option("FEDERATION", flags->name, "Which federation")->required();
  CLI::Option* words = row->add_option("VALUES", flags->words, expected);
  row->add_option("--node", flags->node, "Of which node; the server's own");
  row->add_flag("--none", flags->none, "Take away what was there")->excludes(words);
  row->callback(
      Action(context,
             [flags, expected, set](client::Client& client) -> absl::StatusOr<client::Federation> {
               if (flags->words.empty() && !flags->none) {
                 return UsageError("no values are given", "nothing", expected,
                                   "Name the nodes, or take away what was there with --none.");
               }
               const absl::StatusOr<Values> values = ParseValues(flags->words, expected);
               if (!values.ok()) return values.status();
               return set(client, flags->name, flags->node, *values);
             }));
}

void AddInterest(CLI::App& federation, Context& context) {
  AddRow(federation, context, "interest", "Say whose items a node wants to recall, and how much",
         "Replaces the node's row; weights count relative to each other. Without a row a node "
         "wants its own items alone.\n"
         "Example:\n"
         "  mnemectl federation interest digits north=1 south=0.5",
         "NODE=WEIGHT, from 0",
         [&context](client::Client& client, const std::string& name, const std::string& node,
                    const Values& values) {
           return client.SetInterest(name, node, values, context.call());
         });
}

void AddLinks(CLI::App& federation, Context& context) {
  AddRow(federation, context, "links", "Say which nodes a node may talk to, and the delay",
         "Replaces the node's links, at both ends. While no node has any, all may talk to all.\n"
         "Example:\n"
         "  mnemectl federation links digits mid=2.5 --node north",
         "NODE=MILLISECONDS",
         [&context](client::Client& client, const std::string& name, const std::string& node,
                    const Values& values) {
           return client.SetLinks(name, node, values, context.call());
         });
}

}  // namespace

void AddFederationChangeCommands(CLI::App& federation, Context& context) {
  AddCreate(federation, context);
  AddJoin(federation, context);
  AddInterest(federation, context);
  AddLinks(federation, context);
  AddLeave(federation, context);
}

}  // namespace mneme::cli
