// mnemectl federation list|describe|plan|tree|status|regret
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/federation_text.h"
#include "client/cli/json.h"
#include "client/cli/plot_file.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

using client::FederationPlan;
using client::FederationStatus;
using client::FederationTree;
using client::FederationTreeNode;

// A subcommand with the name of a federation, that shows what `show` prints.
template <typename Show>
CLI::App* AddShow(CLI::App& federation, Context& context, const std::string& name,
                  const std::string& description, const std::string& footer, Show show) {
  CLI::App* command = federation.add_subcommand(name, description);
  command->footer(footer);
  auto which = std::make_shared<std::string>();
  command->add_option("FEDERATION", *which, "Which federation")->required();
  command->callback([&context, which, show] {
    context.action = [&context, which, show]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      return show(*client, *which, context);
    };
  });
  return command;
}

void AddList(CLI::App& federation, Context& context) {
  CLI::App* list = federation.add_subcommand("list", "Show the federations of this server");
  list->footer("Example:\n  mnemectl federation list --json");
  list->callback([&context] {
    context.action = [&context]() -> absl::Status {
      auto client = MakeClient(context);
      if (!client.ok()) return client.status();
      const auto all = client->ListFederations(context.call());
      if (!all.ok()) return all.status();
      if (context.json) {
        context.io.out << Dump({{"federations", AllToJson(*all)}}) << "\n";
        return absl::OkStatus();
      }
      if (all->empty()) {
        context.io.out << "none: make one (mnemectl federation create) where mnemed has "
                          "--federation.etcd, or start it with --federation.file and "
                          "--federation.node\n";
        return absl::OkStatus();
      }
      Table table({{.title = "federation"},
                   {.title = "node here"},
                   {.title = "memory"},
                   {.title = "nodes", .align = Table::Align::kRight},
                   {.title = "shape", .align = Table::Align::kRight},
                   {.title = "transport"},
                   {.title = "epoch", .align = Table::Align::kRight}});
      for (const client::Federation& one : *all) {
        table.Add({one.name, one.node.empty() ? "-" : one.node,
                   one.memory.empty() ? "-" : one.memory, FormatCount(one.nodes.size()),
                   absl::StrCat(one.spec.response_dim, " x ", one.spec.key_dim), one.spec.transport,
                   FormatCount(one.plan_epoch)});
      }
      table.Print(context.io.out);
      return absl::OkStatus();
    };
  });
}

// The subtree of one node, a line each.
void PrintBelow(const FederationTree& tree, const FederationTreeNode& node,
                const std::string& indent, std::ostream& out) {
  std::vector<const FederationTreeNode*> children;
  for (const FederationTreeNode& one : tree.nodes)
    if (one.parent == node.node) children.push_back(&one);
  for (const FederationTreeNode* child : children) {
    const bool last = child == children.back();
    out << indent << (last ? "└─ " : "├─ ") << child->node << "  "
        << (child->weight > 0 ? absl::StrCat("weight ", FormatNumber(child->weight))
                              : std::string("passes on"))
        << "\n";
    PrintBelow(tree, *child, indent + (last ? "   " : "│  "), out);
  }
}

void PrintTree(const FederationTree& tree, std::ostream& out) {
  if (tree.nodes.empty()) return;
  out << tree.root << "  own weight " << FormatNumber(tree.nodes.front().weight) << ", mean delay "
      << FormatNumber(tree.mean_delay_rounds) << " rounds\n";
  PrintBelow(tree, tree.nodes.front(), "", out);
}

// Low rank sends its factors wherever they are fewer numbers than the matrix that the plan counts.
bool SendsLess(client::Client& client, const std::string& name, const Context& context) {
  const auto federation = client.GetFederation(name, context.call());
  return federation.ok() && federation->spec.compression == "low_rank";
}

absl::Status ShowTrees(client::Client& client, const std::string& name, const std::string& root,
                       const Context& context) {
  const auto plan = client.GetFederationPlan(name, context.call());
  if (!plan.ok()) return plan.status();
  const bool at_most = SendsLess(client, name, context);
  if (context.json) {
    Json json = ToJson(*plan);
    json["edge_bytes_at_most"] = at_most;
    context.io.out << Dump(json) << "\n";
    return absl::OkStatus();
  }
  bool any = false;
  for (const FederationTree& tree : plan->trees) {
    if (!root.empty() && tree.root != root) continue;
    if (std::exchange(any, true)) context.io.out << "\n";
    PrintTree(tree, context.io.out);
  }
  if (any) {
    context.io.out << "\nover each edge of a tree, each round: " << (at_most ? "at most " : "")
                   << FormatBytes(plan->edge_bytes_down) << " outwards, "
                   << FormatBytes(plan->edge_bytes_up) << " back, framing apart"
                   << (at_most ? "; `federation status` counts what low rank sends" : "") << "\n";
    return absl::OkStatus();
  }
  std::vector<std::string> roots;
  for (const FederationTree& tree : plan->trees) roots.push_back(tree.root);
  return UsageError("no tree has this root", absl::StrCat("--root ", root),
                    absl::StrCat("one of ", absl::StrJoin(roots, ", ")),
                    "Leave out --root for all of them.");
}

void AddTree(CLI::App& federation, Context& context) {
  auto root = std::make_shared<std::string>();
  CLI::App* tree = AddShow(
      federation, context, "tree", "Draw the routing trees",
      "Each root has a tree to the nodes whose items it wants. Parameters go out along it, sums of "
      "gradients come back.\n"
      "Example:\n  mnemectl federation tree digits --root north",
      [root](client::Client& client, const std::string& name, const Context& given) {
        return ShowTrees(client, name, *root, given);
      });
  tree->add_option("--root", *root, "Only this node's tree");
}

absl::Status DescribeFederation(client::Client& client, const std::string& name,
                                const Context& context) {
  const auto federation = client.GetFederation(name, context.call());
  if (!federation.ok()) return federation.status();
  PrintFederation(*federation, context);
  return absl::OkStatus();
}

void PrintLeftOut(const client::FederationLeftOut& left, std::ostream& out) {
  out << "left out: " << left.root << " does not hear of " << left.node << " (weight "
      << FormatNumber(left.weight) << "): " << left.reason << "\n";
}

absl::Status ShowPlan(client::Client& client, const std::string& name, const Context& context) {
  const auto plan = client.GetFederationPlan(name, context.call());
  if (!plan.ok()) return plan.status();
  if (context.json) {
    context.io.out << Dump(ToJson(*plan)) << "\n";
    return absl::OkStatus();
  }
  context.io.out << "epoch " << plan->epoch << ", made by " << plan->created_by << "\n\n";
  Table table({{.title = "root"},
               {.title = "hears of", .align = Table::Align::kRight},
               {.title = "passing on", .align = Table::Align::kRight},
               {.title = "deepest", .align = Table::Align::kRight},
               {.title = "mean delay", .align = Table::Align::kRight}});
  for (const FederationTree& tree : plan->trees) {
    size_t wanted = 0, relays = 0;
    uint32_t deepest = 0;
    for (const FederationTreeNode& node : tree.nodes) {
      wanted += node.weight > 0 ? 1 : 0;
      relays += node.weight > 0 || node.parent.empty() ? 0 : 1;
      deepest = std::max(deepest, node.depth);
    }
    table.Add({tree.root, FormatCount(wanted), FormatCount(relays),
               absl::StrCat(deepest, deepest == 1 ? " hop" : " hops"),
               absl::StrCat(FormatNumber(tree.mean_delay_rounds), " rounds")});
  }
  table.Print(context.io.out);
  for (const client::FederationLeftOut& left : plan->left_out) PrintLeftOut(left, context.io.out);
  return absl::OkStatus();
}

void PrintSources(const FederationStatus& status, std::ostream& out) {
  Table table({{.title = "wants"},
               {.title = "weight", .align = Table::Align::kRight},
               {.title = "hops", .align = Table::Align::kRight},
               {.title = "heard", .align = Table::Align::kRight},
               {.title = "delay", .align = Table::Align::kRight},
               {.title = "arrives", .align = Table::Align::kRight},
               {.title = "items", .align = Table::Align::kRight}});
  for (const client::FederationSource& source : status.sources) {
    table.Add({source.node, FormatNumber(source.weight), FormatCount(source.depth),
               source.heard ? absl::StrCat(FormatNumber(source.seconds_behind), " s ago") : "never",
               absl::StrCat(FormatNumber(source.delay_rounds), " rounds"),
               FormatPercent(source.arrival_share), FormatCount(source.items)});
  }
  if (!table.empty()) out << "\n";
  if (!table.empty()) table.Print(out);
}

void PrintEdges(const FederationStatus& status, std::ostream& out) {
  Table table({{.title = "neighbour"},
               {.title = "stream"},
               {.title = "sent", .align = Table::Align::kRight},
               {.title = "frames", .align = Table::Align::kRight},
               {.title = "received", .align = Table::Align::kRight},
               {.title = "frames", .align = Table::Align::kRight},
               {.title = "sent again", .align = Table::Align::kRight},
               {.title = "there and back", .align = Table::Align::kRight}});
  for (const client::FederationEdge& edge : status.edges) {
    table.Add({edge.node, edge.up ? "open" : "down", FormatBytes(edge.payload_bytes_sent),
               FormatCount(edge.frames_sent), FormatBytes(edge.payload_bytes_received),
               FormatCount(edge.frames_received), FormatCount(edge.frames_resent),
               absl::StrCat(FormatNumber(edge.round_trip_millis), " ms")});
  }
  if (!table.empty()) out << "\n";
  if (!table.empty()) table.Print(out);
  for (const client::FederationEdge& edge : status.edges) {
    if (!edge.up && !edge.closed_reason.empty())
      out << "no stream to " << edge.node << ": " << edge.closed_reason << "\n";
  }
}

// What the plan keeps from this node: coverage is that of the rest. A plan that cannot be had is
// said by `plan`.
std::vector<client::FederationLeftOut> LeftOutOf(client::Client& client, const std::string& name,
                                                 const FederationStatus& status,
                                                 const Context& context) {
  if (status.node.empty()) return {};
  auto plan = client.GetFederationPlan(name, context.call());
  if (!plan.ok()) return {};
  std::erase_if(plan->left_out,
                [&](const client::FederationLeftOut& left) { return left.root != status.node; });
  return std::move(plan->left_out);
}

absl::Status ShowStatus(client::Client& client, const std::string& name, const Context& context) {
  const auto status = client.GetFederationStatus(name, context.call());
  if (!status.ok()) return status.status();
  const auto left_out = LeftOutOf(client, name, *status, context);
  std::ostream& out = context.io.out;
  if (context.json) {
    Json json = ToJson(*status);
    json["left_out"] = AllToJson(left_out);
    out << Dump(json) << "\n";
    return absl::OkStatus();
  }
  if (!status->waiting_for.empty()) out << "waiting: " << status->waiting_for << "\n";
  if (!status->coordination.empty()) out << "coordination: " << status->coordination << "\n";
  if (status->node.empty()) return absl::OkStatus();
  out << "node " << status->node << ", epoch " << status->epoch << ", incarnation "
      << status->incarnation << ", round " << FormatCount(status->round) << ", "
      << FormatCount(status->steps) << " of them learned something\n"
      << "coverage " << FormatPercent(status->coverage) << ", mean delay "
      << FormatNumber(status->mean_delay_rounds) << " rounds, step "
      << FormatNumber(status->step_size) << ", gradient " << FormatNumber(status->gradient_norm)
      << ", memory " << FormatNumber(status->memory_norm) << "\n";
  if (status->regret) {
    out << "regret " << FormatNumber(*status->regret);
    if (status->regret_slope) {
      out << ", growing as rounds^" << FormatNumber(*status->regret_slope)
          << (*status->regret_slope > 0.8 ? " (near 1: something biases it)" : "");
    }
    out << "\n";
  }
  if (status->rows_missed > 0) {
    out << FormatCount(status->rows_missed) << " stored items came too fast to be learned\n";
  }
  for (const client::FederationLeftOut& left : left_out) PrintLeftOut(left, out);
  PrintSources(*status, out);
  PrintEdges(*status, out);
  if (!status->drops.empty()) out << "\n";
  for (const auto& [reason, count] : status->drops) {
    out << "dropped, " << reason << ": " << FormatCount(count) << "\n";
  }
  return absl::OkStatus();
}

constexpr char kNoRegret[] = "no regret was measured yet";

// Regret and its bound's slope: a guide of rounds^0.5 through the last point.
plot::Figure RegretFigure(const std::string& name, const std::vector<client::RegretPoint>& points) {
  plot::Series regret{.legend = "regret", .look = plot::Look::kMeasured};
  for (const client::RegretPoint& point : points) {
    if (point.regret() <= 0) continue;
    regret.x.push_back(static_cast<double>(point.round));
    regret.y.push_back(point.regret());
  }
  if (regret.x.empty()) return {};
  plot::Series guide{.legend = "slope 1/2", .look = plot::Look::kPredicted, .color = 1};
  for (const double x : regret.x) {
    guide.x.push_back(x);
    guide.y.push_back(regret.y.back() * std::sqrt(x / regret.x.back()));
  }
  return {.title = "Regret of " + name,
          .caption = "Beside the best fixed memory in hindsight; rounds from left to right.",
          .panels = {{.title = "regret",
                      .x_label = "rounds",
                      .series = {std::move(regret), std::move(guide)},
                      .log_y = true}}};
}

absl::Status ShowRegret(client::Client& client, const std::string& name, const std::string& plot,
                        const Context& context) {
  const auto points = client.GetFederationRegret(name, context.call());
  if (!points.ok()) return points.status();
  if (context.json) {
    context.io.out << Dump({{"points", AllToJson(*points)}}) << "\n";
  } else if (plot.empty() && points->empty()) {
    context.io.out << kNoRegret << ": store items, and wait for some rounds (probe_rounds)\n";
  } else if (plot.empty()) {
    Table table({{.title = "round", .align = Table::Align::kRight},
                 {.title = "loss", .align = Table::Align::kRight},
                 {.title = "best fixed memory", .align = Table::Align::kRight},
                 {.title = "regret", .align = Table::Align::kRight}});
    for (const client::RegretPoint& point : *points) {
      table.Add({FormatCount(point.round), FormatNumber(point.loss), FormatNumber(point.best_loss),
                 FormatNumber(point.regret())});
    }
    table.Print(context.io.out);
  }
  if (plot.empty()) return absl::OkStatus();
  return DrawFigure(RegretFigure(name, *points), plot, kNoRegret,
                    context.json ? context.io.err : context.io.out);
}

void AddRegret(CLI::App& federation, Context& context) {
  auto plot = std::make_shared<std::string>();
  CLI::App* regret = AddShow(
      federation, context, "regret", "Show what this node's memory lost beside the best fixed one",
      "Example:\n"
      "  mnemectl federation regret digits --plot regret.svg",
      [plot](client::Client& client, const std::string& name, const Context& given) {
        return ShowRegret(client, name, *plot, given);
      });
  regret->add_option("--plot", *plot, "Draw it into this .svg; -: as text");
}

}  // namespace

void AddFederationCommands(CLI::App& app, Context& context) {
  CLI::App* federation = app.add_subcommand("federation", "Memories that learn from each other");
  federation->footer(
      "Federations are kept in etcd (mnemed --federation.etcd), or described by a file that all "
      "servers have (--federation.file) and changed there.\n"
      "Example:\n"
      "  mnemectl federation join digits\n"
      "  mnemectl federation status digits\n"
      "  mnemectl federation tree digits --root north");
  federation->require_subcommand(1);
  AddFederationChangeCommands(*federation, context);
  AddList(*federation, context);
  AddShow(*federation, context, "describe", "Show a federation's nodes, interests and links",
          "Example:\n  mnemectl federation describe digits", DescribeFederation);
  AddShow(*federation, context, "plan", "Show the plan in force",
          "Example:\n  mnemectl federation plan digits", ShowPlan);
  AddTree(*federation, context);
  AddShow(*federation, context, "status", "Show how this server's node does",
          "Example:\n  mnemectl federation status digits --json", ShowStatus);
  AddRegret(*federation, context);
}

}  // namespace mneme::cli
