#include "server/peer/etcd_host.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "server/peer/etcd_coordinator.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;

// A table that others change all the time is given up.
constexpr int kChangeTriesMax = 8;
constexpr double kMicrosPerMilli = 1'000;

std::string MemberKey(const std::string& node) { return absl::StrCat(fed::kMembersPrefix, node); }

std::vector<std::string> NamesOf(const fed::Contents& contents) {
  std::vector<std::string> names;
  for (auto record = contents.records.lower_bound(fed::kMembersPrefix);
       record != contents.records.end() && record->first.starts_with(fed::kMembersPrefix);
       ++record) {
    names.push_back(record->first.substr(sizeof(fed::kMembersPrefix) - 1));
  }
  return names;
}

absl::Status NotAMember(std::string_view reason, const std::string& node,
                        const fed::Contents& contents) {
  return InvalidArgument(
      absl::StrFormat("the federation has no node '%s'", node),
      {.reason = std::string(reason),
       .given = node,
       .expected = absl::StrCat("one of its nodes: ", absl::StrJoin(NamesOf(contents), ", ")),
       .next_step = "Correct the name, or let that node join first."});
}

absl::Status BadLink(const std::string& node, double millis) {
  return InvalidArgument(
      absl::StrFormat("link to '%s': given %.9g ms", node, millis),
      {.reason = "LINKS",
       .given = absl::StrFormat("%.9g", millis),
       .expected = absl::StrFormat("from 0.001 to %d milliseconds, to another node",
                                   fed::kLinkDelayMicrosMax / 1000),
       .next_step = "Correct the delay."});
}

absl::Status JoinedAlready(const std::string& name, const std::string& node,
                           const fed::Membership& membership) {
  return FailedPrecondition(
      absl::StrFormat("node '%s' is in federation '%s' already, with memory '%s' at %s", node, name,
                      membership.memory, membership.address),
      {.reason = "JOINED_ALREADY",
       .given = node,
       .expected = "a node that is no member yet",
       .next_step = "To join with another memory, leave first: mnemectl federation leave. Is it "
                    "another server's? Give this one another federation.node."});
}

absl::Status NotFoundYet() {
  return Unavailable("it is not known yet what this server has joined: etcd does not answer",
                     {.reason = "COORDINATOR",
                      .given = "no answer since the start",
                      .expected = "an etcd that answers",
                      .next_step = "Look after etcd (federation.etcd names it).",
                      .retry_after_ms = 1'000});
}

}  // namespace

EtcdHost::EtcdHost(engine::Engine& engine, const Clock& clock, std::shared_ptr<EtcdClient> client,
                   EtcdHostOptions options)
    : engine_(engine), clock_(clock), client_(std::move(client)), options_(std::move(options)) {}

EtcdHost::~EtcdHost() { Stop(); }

void EtcdHost::Start(std::string address) {
  address_ = std::move(address);
  finder_ = std::thread([this] { FindJoined(); });
}

void EtcdHost::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  if (finder_.joinable()) finder_.join();
  for (const auto& [name, member] : AllMembers()) member->Stop();
}

// ---- what this server has joined

void EtcdHost::FindJoined() {
  while (true) {
    const bool found = FindOnce().ok();
    MutexLock lock(&mutex_);
    found_ = found;
    if (found || stopping_) return;
    wake_.WaitFor(&mutex_, kCoordinatorPause);
    if (stopping_) return;
  }
}

absl::Status EtcdHost::FindOnce() {
  MNEME_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         EtcdCoordinator::ListFederations(*client_));
  for (const std::string& name : names) {
    if (members().contains(name)) continue;
    const absl::StatusOr<fed::Contents> contents = Read(name);
    if (absl::IsUnavailable(contents.status())) return contents.status();
    if (!contents.ok()) continue;
    const auto record = contents->records.find(MemberKey(options_.node));
    if (record == contents->records.end()) continue;
    const auto membership = fed::DecodeMembership(record->second.value);
    const auto description = fed::DescriptionOf(*contents);
    // A record that somebody spoilt by hand is not ours to mend.
    if (membership.ok() && description.ok()) Begin(name, *description, membership->memory);
  }
  return absl::OkStatus();
}

void EtcdHost::Begin(const std::string& name, const fed::Description& description,
                     const std::string& memory) {
  EndDraining(name, memory);
  MemberOptions options{.address = address_,
                        .replanner = options_.replanner,
                        .runner = {.federation = name,
                                   .id = FederationIdOf(name),
                                   .node = options_.node,
                                   .memory = memory,
                                   .spec = description.spec,
                                   .incarnation_least = IncarnationByTime(clock_),
                                   .round = std::chrono::microseconds(description.round_micros),
                                   .seed = options_.seed,
                                   .dial = options_.make_dialer(name, options_.node)}};
  auto member =
      std::make_shared<FederationMember>(engine_, clock_, Records(name), std::move(options));
  std::shared_ptr<FederationMember> before;  // ends outside of the lock
  MutexLock lock(&mutex_);
  before = std::exchange(members_[name], std::move(member));
}

EtcdHost::Members EtcdHost::AllMembers() const {
  MutexLock lock(&mutex_);
  return members_;
}

void EtcdHost::EndDraining(const std::string& name, const std::string& memory) {
  for (const auto& [other, member] : AllMembers()) {
    if (member->removed() && (other == name || member->memory() == memory)) member->Stop();
  }
}

EtcdHost::Members EtcdHost::members() const {
  Members members = AllMembers();
  std::erase_if(members, [](const auto& entry) { return entry.second->removed(); });
  return members;
}

absl::StatusOr<std::shared_ptr<FederationMember>> EtcdHost::MemberOf(
    const std::string& name) const {
  const Members all = members();
  const auto member = all.find(name);
  if (member != all.end()) return member->second;
  MutexLock lock(&mutex_);
  if (!found_) return NotFoundYet();
  return NotJoined(name, options_.node);
}

std::unique_ptr<fed::Coordinator> EtcdHost::Records(const std::string& name) const {
  return std::make_unique<EtcdCoordinator>(client_, name, options_.lease_seconds);
}

absl::StatusOr<fed::Contents> EtcdHost::Read(const std::string& name) const {
  MNEME_RETURN_IF_ERROR(fed::CheckName("federation", name));
  MNEME_ASSIGN_OR_RETURN(fed::Contents contents, Records(name)->ReadAll());
  if (contents.records.contains(fed::kSpecKey)) return contents;
  return FederationNotFound(name, "one that was made: mnemectl federation create");
}

// ---- what there is

absl::StatusOr<FederationInfo> EtcdHost::InfoOf(const std::string& name,
                                                const fed::Contents& contents) const {
  MNEME_ASSIGN_OR_RETURN(const fed::Description description, fed::DescriptionOf(contents));
  FederationInfo info{.name = name,
                      .coordinator = "etcd",
                      .spec = description.spec,
                      .nodes = {},
                      .plan = nullptr,
                      .node = "",
                      .memory = ""};
  std::vector<fed::NamedLink> links;
  const auto table = contents.records.find(fed::kLinksKey);
  if (table != contents.records.end()) {
    MNEME_ASSIGN_OR_RETURN(links, fed::DecodeLinks(table->second.value));
  }
  for (const std::string& node : NamesOf(contents)) {
    FederationNodeInfo& one = info.nodes.emplace_back();
    one.name = node;
    MNEME_ASSIGN_OR_RETURN(const fed::Membership membership,
                           fed::DecodeMembership(contents.records.at(MemberKey(node)).value));
    one.address = membership.address;
    const auto there = contents.records.find(absl::StrCat(fed::kNodesPrefix, node));
    one.away = there == contents.records.end();
    if (!one.away) {
      MNEME_ASSIGN_OR_RETURN(const fed::Announcement announcement,
                             fed::DecodeAnnouncement(there->second.value));
      one.address = announcement.address;
    }
    const auto row = contents.records.find(absl::StrCat(fed::kInterestPrefix, node));
    if (row != contents.records.end()) {
      MNEME_ASSIGN_OR_RETURN(one.interest, fed::DecodeInterest(row->second.value));
    }
    for (const fed::NamedLink& link : links) {
      const double millis = static_cast<double>(link.delay_micros) / kMicrosPerMilli;
      if (link.a == node) one.link_millis[link.b] = millis;
      if (link.b == node) one.link_millis[link.a] = millis;
    }
    if (node != options_.node) continue;
    info.node = node;
    info.memory = membership.memory;
  }
  const auto plan = contents.records.find(fed::kPlanKey);
  if (plan != contents.records.end()) {
    MNEME_ASSIGN_OR_RETURN(fed::Plan decoded, fed::PlanOf(plan->second));
    info.plan = std::make_shared<const fed::Plan>(std::move(decoded));
  }
  return info;
}

absl::StatusOr<std::vector<FederationInfo>> EtcdHost::List() const {
  std::vector<FederationInfo> out;
  const auto names = EtcdCoordinator::ListFederations(*client_);
  if (names.ok()) {
    for (const std::string& name : *names) {
      MNEME_ASSIGN_OR_RETURN(FederationInfo info, Get(name));
      out.push_back(std::move(info));
    }
    return out;
  }
  for (const auto& [name, member] : members()) {
    const std::optional<fed::Contents> contents = member->contents();
    if (!contents.has_value()) continue;
    MNEME_ASSIGN_OR_RETURN(FederationInfo info, InfoOf(name, *contents));
    out.push_back(std::move(info));
  }
  if (out.empty()) return names.status();
  return out;
}

absl::StatusOr<FederationInfo> EtcdHost::Get(const std::string& name) const {
  const absl::StatusOr<fed::Contents> contents = Read(name);
  if (contents.ok()) return InfoOf(name, *contents);
  const Members all = members();
  const auto member = all.find(name);
  if (!absl::IsUnavailable(contents.status()) || member == all.end()) return contents.status();
  const std::optional<fed::Contents> last = member->second->contents();
  if (!last.has_value()) return contents.status();
  return InfoOf(name, *last);
}

std::vector<std::string> EtcdHost::Joined() const {
  std::vector<std::string> out;
  for (const auto& [name, member] : members()) out.push_back(name);
  return out;
}

absl::StatusOr<std::shared_ptr<FederationRunner>> EtcdHost::RunnerOf(
    const std::string& name) const {
  // One that drains still talks to its neighbours.
  const Members all = AllMembers();
  const auto found = all.find(name);
  if (found != all.end() && !found->second->stopped()) return found->second->runner();
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<FederationMember> member, MemberOf(name));
  return member->runner();
}

absl::StatusOr<RunnerStatus> EtcdHost::StatusOf(const std::string& name) const {
  MNEME_ASSIGN_OR_RETURN(const std::shared_ptr<FederationMember> member, MemberOf(name));
  return member->Status();
}

// ---- changes

absl::Status EtcdHost::CreateFederation(const std::string& name,
                                        const fed::Description& description) {
  MNEME_RETURN_IF_ERROR(fed::CheckName("federation", name));
  MNEME_RETURN_IF_ERROR(fed::Check(description));
  MNEME_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                         EtcdCoordinator::ListFederations(*client_));
  if (names.size() >= kEtcdFederationsMax) {
    return ResourceExhausted(absl::StrFormat("there are %d federations already", names.size()),
                             {.reason = "LIMIT",
                              .given = absl::StrCat(names.size() + 1),
                              .expected = absl::StrCat("at most ", kEtcdFederationsMax),
                              .next_step = "Use one of them."});
  }
  const absl::Status put = Records(name)->PutIf(fed::kSpecKey, Encode(description), 0);
  if (!absl::IsAborted(put)) return put;
  return AlreadyExists(absl::StrFormat("there is a federation '%s' already", name),
                       {.reason = "FEDERATION_EXISTS",
                        .given = name,
                        .expected = "another name",
                        .next_step = "Choose another name; `mnemectl federation list` shows those "
                                     "that are taken."});
}

absl::Status EtcdHost::CheckFree(const std::string& name, const std::string& memory) const {
  for (const auto& [other, member] : members()) {
    if (member->memory() != memory || other == name) continue;
    return FailedPrecondition(
        absl::StrFormat("memory '%s' learns in federation '%s' already", memory, other),
        {.reason = "MEMORY_TAKEN",
         .given = memory,
         .expected = "a memory that is in no federation",
         .next_step = "Make another memory of rule federated, or leave that federation."});
  }
  return absl::OkStatus();
}

absl::Status EtcdHost::Join(const std::string& name, const std::string& memory) {
  MNEME_ASSIGN_OR_RETURN(const fed::Contents contents, Read(name));
  MNEME_ASSIGN_OR_RETURN(const fed::Description description, fed::DescriptionOf(contents));
  const auto record = contents.records.find(MemberKey(options_.node));
  if (record != contents.records.end()) {
    MNEME_ASSIGN_OR_RETURN(const fed::Membership membership,
                           fed::DecodeMembership(record->second.value));
    return JoinedAlready(name, options_.node, membership);
  }
  if (NamesOf(contents).size() >= fed::kPlanNodesMax) {
    return ResourceExhausted(absl::StrFormat("federation '%s' is full", name),
                             {.reason = "LIMIT",
                              .given = absl::StrCat(fed::kPlanNodesMax + 1),
                              .expected = absl::StrCat("at most ", fed::kPlanNodesMax, " nodes"),
                              .next_step = "Let nodes that are gone leave."});
  }
  MNEME_ASSIGN_OR_RETURN(const engine::MemoryInfo info, engine_.GetMemory(memory));
  MNEME_RETURN_IF_ERROR(CheckFederatedMemory(info, description.spec));
  MNEME_RETURN_IF_ERROR(CheckFree(name, info.name));
  const fed::Membership membership{.memory = info.name, .address = address_};
  const absl::Status put = Records(name)->PutIf(MemberKey(options_.node), Encode(membership), 0);
  if (absl::IsAborted(put)) return JoinedAlready(name, options_.node, membership);
  MNEME_RETURN_IF_ERROR(put);
  Begin(name, description, info.name);
  // Where etcd is slow it is announced later: it has joined all the same, and is shown as away.
  const Members all = members();
  if (const auto member = all.find(name); member != all.end())
    member->second->AwaitAnnounced(kJoinWait);
  return absl::OkStatus();
}

absl::Status EtcdHost::Leave(const std::string& name, const std::string& node) {
  const std::string& who = node.empty() ? options_.node : node;
  MNEME_ASSIGN_OR_RETURN(const fed::Contents contents, Read(name));
  if (!contents.records.contains(MemberKey(who))) {
    return node.empty() ? NotJoined(name, who) : NotAMember("NODE", who, contents);
  }
  const std::unique_ptr<fed::Coordinator> records = Records(name);
  // The membership last: what fails before can be tried again.
  for (const std::string_view prefix :
       {fed::kInterestPrefix, fed::kNodesPrefix, fed::kMembersPrefix}) {
    MNEME_RETURN_IF_ERROR(records->Delete(absl::StrCat(AbslView(prefix), who)));
  }
  if (who != options_.node) return absl::OkStatus();  // that one sees it
  const Members all = AllMembers();
  if (const auto member = all.find(name); member != all.end()) member->second->Leave();
  return absl::OkStatus();
}

absl::Status EtcdHost::SetInterest(const std::string& name, const std::string& node,
                                   const fed::InterestRow& row) {
  const std::string& who = node.empty() ? options_.node : node;
  MNEME_RETURN_IF_ERROR(fed::CheckInterest(row));
  MNEME_ASSIGN_OR_RETURN(const fed::Contents contents, Read(name));
  if (!contents.records.contains(MemberKey(who))) {
    return node.empty() ? NotJoined(name, who) : NotAMember("INTEREST", who, contents);
  }
  for (const auto& [other, weight] : row) {
    if (!contents.records.contains(MemberKey(other)))
      return NotAMember("INTEREST", other, contents);
  }
  const std::string key = absl::StrCat(fed::kInterestPrefix, who);
  // No row at all: it cares about its own items alone.
  if (row.empty()) return Records(name)->Delete(key);
  return Records(name)->Put(key, fed::EncodeInterest(row), fed::Lifetime::kForEver);
}

absl::Status EtcdHost::SetLinks(const std::string& name, const std::string& node,
                                const std::map<std::string, double>& millis) {
  const std::string& who = node.empty() ? options_.node : node;
  const double most = static_cast<double>(fed::kLinkDelayMicrosMax) / kMicrosPerMilli;
  for (const auto& [other, delay] : millis) {
    if (!(delay >= 1 / kMicrosPerMilli && delay <= most) || other == who)
      return BadLink(other, delay);
  }
  absl::Status put;
  for (int tries = 0; tries < kChangeTriesMax; ++tries) {
    MNEME_ASSIGN_OR_RETURN(const fed::Contents contents, Read(name));
    if (!contents.records.contains(MemberKey(who))) {
      return node.empty() ? NotJoined(name, who) : NotAMember("LINKS", who, contents);
    }
    std::vector<fed::NamedLink> links;
    uint64_t seen = 0;
    const auto table = contents.records.find(fed::kLinksKey);
    if (table != contents.records.end()) {
      seen = table->second.mod_revision;
      MNEME_ASSIGN_OR_RETURN(links, fed::DecodeLinks(table->second.value));
    }
    std::erase_if(links,
                  [&](const fed::NamedLink& link) { return link.a == who || link.b == who; });
    for (const auto& [other, delay] : millis) {
      if (!contents.records.contains(MemberKey(other))) return NotAMember("LINKS", other, contents);
      links.push_back(
          {.a = who, .b = other, .delay_micros = std::llround(delay * kMicrosPerMilli)});
    }
    put = Records(name)->PutIf(fed::kLinksKey, fed::EncodeLinks(links), seen);
    if (!absl::IsAborted(put)) return put;
  }
  return put;
}

}  // namespace mneme::server
