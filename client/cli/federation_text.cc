#include "client/cli/federation_text.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/json.h"
#include "client/cli/text.h"

namespace mneme::cli {
namespace {

std::string Pairs(const std::map<std::string, double>& values, const std::string& none) {
  if (values.empty()) return none;
  std::vector<std::string> parts;
  for (const auto& [name, value] : values)
    parts.push_back(absl::StrCat(name, "=", FormatNumber(value)));
  return absl::StrJoin(parts, " ");
}

}  // namespace

void PrintFederation(const client::Federation& federation, const Context& context) {
  std::ostream& out = context.io.out;
  if (context.json) {
    out << Dump(ToJson(federation)) << "\n";
    return;
  }
  out << federation.name << "  " << federation.spec.response_dim << " x " << federation.spec.key_dim
      << ", " << federation.spec.loss << ", " << federation.spec.transport << ", kept in "
      << federation.coordinator << ", "
      << (federation.plan_epoch == 0 ? std::string("no plan yet")
                                     : absl::StrCat("plan of epoch ", federation.plan_epoch))
      << "\n";
  if (!federation.node.empty()) {
    out << "this server is node " << federation.node << ", with memory " << federation.memory
        << "\n";
  }
  Table table({{.title = "node"},
               {.title = "address"},
               {.title = "there"},
               {.title = "wants"},
               {.title = "links, ms"}});
  bool any_links = false;
  for (const client::FederationNode& node : federation.nodes)
    any_links = any_links || !node.link_millis.empty();
  for (const client::FederationNode& node : federation.nodes) {
    table.Add({node.name, node.address, node.away ? "away" : "yes",
               Pairs(node.interest, "its own items"),
               Pairs(node.link_millis, any_links ? "none" : "to all")});
  }
  if (!table.empty()) out << "\n";
  if (!table.empty()) table.Print(out);
}

}  // namespace mneme::cli
