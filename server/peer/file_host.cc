#include "server/peer/file_host.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

absl::Status InNone(const std::string& node) {
  return InvalidArgument(absl::StrFormat("no federation of federation.file has a node '%s'", node),
                         {.reason = "FEDERATION_FILE",
                          .given = absl::StrFormat("federation.node=%s", node),
                          .expected = "the name of a node of one of them",
                          .next_step = "Correct federation.node, or the file."});
}

absl::Status Static(std::string_view what) {
  return FailedPrecondition(
      absl::StrFormat("federations here are described by a file: %s is not a call", AbslView(what)),
      {.reason = "STATIC_FEDERATION",
       .given = std::string(what),
       .expected = "a change of federation.file, on all servers",
       .next_step = "Change the file and start the servers again, or keep federations in etcd: "
                    "mnemed --federation.etcd."});
}

FederationInfo InfoOf(const StaticFederation& description, std::shared_ptr<const fed::Plan> plan) {
  FederationInfo info{.name = description.name,
                      .coordinator = "file",
                      .spec = plan->spec,
                      .nodes = {},
                      .plan = plan,
                      .node = "",
                      .memory = ""};
  for (const fed::PlanNode& node : plan->nodes) {
    FederationNodeInfo& one = info.nodes.emplace_back();
    one.name = node.name;
    one.address = node.address;
    for (const fed::Interest& interest : description.input.interest) {
      if (interest.root == node.name) one.interest[interest.node] = interest.weight;
    }
    for (const fed::NamedLink& link : description.input.links) {
      const double millis = static_cast<double>(link.delay_micros) / 1e3;
      if (link.a == node.name) one.link_millis[link.b] = millis;
      if (link.b == node.name) one.link_millis[link.a] = millis;
    }
  }
  return info;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileHost>> FileHost::Create(engine::Engine& engine,
                                                           const Clock& clock,
                                                           FileHostOptions options) {
  std::unique_ptr<FileHost> host(new FileHost(options.node));
  std::ranges::sort(options.federations, {}, &StaticFederation::name);
  bool in_any = false;
  for (const StaticFederation& one : options.federations) {
    MNEME_ASSIGN_OR_RETURN(fed::Plan made, fed::MakePlan(one.input, one.plan));
    const auto plan = std::make_shared<const fed::Plan>(std::move(made));
    Entry entry{.info = InfoOf(one, plan), .runner = nullptr};
    if (fed::FindNode(*plan, options.node).has_value()) {
      in_any = true;
      entry.info.node = options.node;
      entry.info.memory = one.memory;
      entry.runner = std::make_shared<FederationRunner>(
          engine, clock,
          RunnerOptions{.federation = one.name,
                        .id = FederationIdOf(one.name),
                        .node = options.node,
                        .memory = one.memory,
                        .spec = plan->spec,
                        .incarnation_least = IncarnationByTime(clock),
                        .round = one.round,
                        .seed = options.seed,
                        .dial = options.make_dialer(one.name, options.node)});
      entry.runner->SetPlan(plan);
    }
    host->entries_.push_back(std::move(entry));
  }
  if (!in_any) return InNone(options.node);
  return host;
}

void FileHost::Stop() {
  for (Entry& entry : entries_) {
    if (entry.runner != nullptr) entry.runner->Stop();
  }
}

absl::StatusOr<const FileHost::Entry*> FileHost::Find(const std::string& name) const {
  std::vector<std::string> known;
  for (const Entry& entry : entries_) {
    if (entry.info.name == name) return &entry;
    known.push_back(entry.info.name);
  }
  return FederationNotFound(
      name, absl::StrCat("one of ", absl::StrJoin(known, ", "), ", as federation.file has them"));
}

absl::StatusOr<std::vector<FederationInfo>> FileHost::List() const {
  std::vector<FederationInfo> out;
  for (const Entry& entry : entries_) out.push_back(entry.info);
  return out;
}

absl::StatusOr<FederationInfo> FileHost::Get(const std::string& name) const {
  MNEME_ASSIGN_OR_RETURN(const Entry* entry, Find(name));
  return entry->info;
}

std::vector<std::string> FileHost::Joined() const {
  std::vector<std::string> out;
  for (const Entry& entry : entries_) {
    if (entry.runner != nullptr) out.push_back(entry.info.name);
  }
  return out;
}

absl::StatusOr<std::shared_ptr<FederationRunner>> FileHost::RunnerOf(
    const std::string& name) const {
  MNEME_ASSIGN_OR_RETURN(const Entry* entry, Find(name));
  if (entry->runner == nullptr) return NotJoined(name, node_);
  return entry->runner;
}

absl::StatusOr<RunnerStatus> FileHost::StatusOf(const std::string& name) const {
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<FederationRunner> runner, RunnerOf(name));
  return runner->Status();
}

absl::Status FileHost::CreateFederation(const std::string& /*name*/,
                                        const fed::Description& /*description*/) {
  return Static("making a federation");
}

absl::Status FileHost::Join(const std::string& /*name*/, const std::string& /*memory*/) {
  return Static("joining");
}

absl::Status FileHost::Leave(const std::string& /*name*/, const std::string& /*node*/) {
  return Static("leaving");
}

absl::Status FileHost::SetInterest(const std::string& /*name*/, const std::string& /*node*/,
                                   const fed::InterestRow& /*row*/) {
  return Static("a row of interest");
}

absl::Status FileHost::SetLinks(const std::string& /*name*/, const std::string& /*node*/,
                                const std::map<std::string, double>& /*millis*/) {
  return Static("a node's links");
}

}  // namespace mneme::server
