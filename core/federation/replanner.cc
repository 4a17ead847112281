#include "core/federation/replanner.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/status.h"

namespace mneme::federation {
namespace {

// Calls `each` with the name behind the prefix and the record's value.
template <typename Each>
absl::Status ForEach(const Contents& contents, std::string_view prefix, Each each) {
  for (auto record = contents.records.lower_bound(std::string(prefix));
       record != contents.records.end() && record->first.starts_with(prefix); ++record) {
    const std::string name = record->first.substr(prefix.size());
    const absl::Status status = each(name, record->second.value);
    if (!status.ok()) return Annotate(status, record->first);
  }
  return absl::OkStatus();
}

bool Has(const Contents& contents, std::string_view prefix, const std::string& name) {
  return contents.records.contains(absl::StrCat(AbslView(prefix), name));
}

// Whether nodes have anything new to hear: who made it, and when, is nothing to them.
bool Same(const Plan& a, const Plan& b) {
  return a.nodes == b.nodes && a.trees == b.trees && a.spec == b.spec && a.left_out == b.left_out;
}

// Everything that InputOf looks at, as text.
std::string Fingerprint(const Contents& contents, const Plan* kept) {
  std::string out = kept == nullptr ? "" : Encode(*kept);
  for (const auto& [key, record] : contents.records) {
    if (key == kPlanKey || key == kPlannerKey || key.starts_with(kIncarnationsPrefix)) continue;
    absl::StrAppend(&out, key, "\n", record.value.size(), "\n", record.value);
  }
  return out;
}

// An announcement without its incarnation: a quick restart is no reason for a new plan.
absl::StatusOr<std::vector<PlanNode>> NodesOf(const Contents& contents, const Plan* kept) {
  std::vector<PlanNode> nodes;
  const absl::Status read =
      ForEach(contents, kMembersPrefix, [&](const std::string& name, std::string_view) {
        const auto there = contents.records.find(absl::StrCat(kNodesPrefix, name));
        if (there != contents.records.end()) {
          const auto announcement = DecodeAnnouncement(there->second.value);
          if (announcement.ok()) nodes.push_back({.name = name, .address = announcement->address});
          return announcement.status();
        }
        const auto known = kept == nullptr ? std::nullopt : FindNode(*kept, name);
        if (known.has_value()) nodes.push_back(kept->nodes[*known]);
        return absl::OkStatus();
      });
  if (!read.ok()) return read;
  return nodes;
}

// What is wanted of members that are away is kept for them, or falls to the others: as the spec
// says.
absl::Status ReadInterests(const Contents& contents, const std::set<std::string>& there,
                           PlanInput* input) {
  return ForEach(contents, kInterestPrefix,
                 [&](const std::string& root, std::string_view value) -> absl::Status {
                   if (!there.contains(root)) return absl::OkStatus();
                   MNEME_ASSIGN_OR_RETURN(InterestRow row, DecodeInterest(value));
                   row.try_emplace(root, 0);  // it has a row, whoever of it is there
                   for (const auto& [node, weight] : row) {
                     if (!there.contains(node)) {
                       if (input->spec.dead_interest == DeadInterest::kKeep &&
                           Has(contents, kMembersPrefix, node)) {
                         input->away_interest[root] += weight;
                       }
                       continue;
                     }
                     input->interest.push_back({.root = root, .node = node, .weight = weight});
                   }
                   return absl::OkStatus();
                 });
}

absl::Status ReadLinks(const Contents& contents, const std::set<std::string>& there,
                       PlanInput* input) {
  const auto record = contents.records.find(kLinksKey);
  if (record == contents.records.end() || record->second.value.empty()) {
    LinkAllToAll(input);
    return absl::OkStatus();
  }
  MNEME_ASSIGN_OR_RETURN(std::vector<NamedLink> links, DecodeLinks(record->second.value));
  for (NamedLink& link : links) {
    if (there.contains(link.a) && there.contains(link.b)) input->links.push_back(std::move(link));
  }
  return absl::OkStatus();
}

absl::StatusOr<Plan> MakeFrom(const Contents& contents, const Plan* kept,
                              const std::string& created_by) {
  MNEME_ASSIGN_OR_RETURN(const Description description, DescriptionOf(contents));
  MNEME_ASSIGN_OR_RETURN(const PlanInput input, InputOf(contents, kept));
  return MakePlan(input, {.created_by = created_by,
                          .objective = description.objective,
                          .congestion = {},
                          .interest_floor = description.interest_floor,
                          .items_per_round = description.items_per_round});
}

}  // namespace

absl::StatusOr<Description> DescriptionOf(const Contents& contents) {
  const auto record = contents.records.find(kSpecKey);
  if (record != contents.records.end()) return DecodeDescription(record->second.value);
  return NotFound("coordination: this federation has no description",
                  {.reason = "SPEC",
                   .given = "no record",
                   .expected = "one that was written when the federation was made",
                   .next_step = "Make the federation: mnemectl federation create."});
}

absl::StatusOr<PlanInput> InputOf(const Contents& contents, const Plan* kept) {
  PlanInput input;
  MNEME_ASSIGN_OR_RETURN(const Description description, DescriptionOf(contents));
  input.spec = description.spec;
  MNEME_ASSIGN_OR_RETURN(input.nodes, NodesOf(contents, kept));
  std::set<std::string> there;
  for (const PlanNode& node : input.nodes) there.insert(node.name);
  MNEME_RETURN_IF_ERROR(ReadInterests(contents, there, &input));
  MNEME_RETURN_IF_ERROR(ReadLinks(contents, there, &input));
  return input;
}

std::vector<PlanAction> Replanner::Read(const Contents& contents, int64_t now) {
  std::vector<PlanAction> actions;
  heard_at_ = now;
  wake_at_ = kNever;
  trouble_ = absl::OkStatus();
  TakeNewPlan(contents, now, &actions);
  const auto planner = contents.records.find(kPlannerKey);
  if (planner == contents.records.end()) {
    planner_revision_ = 0;
    // Who is not there, or no member, plans for nobody.
    if (Has(contents, kNodesPrefix, options_.node) && Has(contents, kMembersPrefix, options_.node))
      actions.push_back(RunForPlanner{});
  } else if (planner->second.create_revision == planner_revision_) {
    PlanAnew(contents, now, &actions);
  } else {
    planner_revision_ = 0;
  }
  return actions;
}

std::vector<PlanAction> Replanner::Unreachable(int64_t now) {
  wake_at_ = kNever;
  if (plan_ == nullptr || forgotten_) return {};
  if (now < heard_at_ + options_.grace_nanos) {
    WakeBy(heard_at_ + options_.grace_nanos);
    return {};
  }
  forgotten_ = true;
  return {ForgetPlan{}};
}

void Replanner::Became(uint64_t planner_revision, int64_t now) {
  planner_revision_ = planner_revision;
  elected_at_ = now;
  changed_at_.reset();
}

void Replanner::TakeNewPlan(const Contents& contents, int64_t now,
                            std::vector<PlanAction>* actions) {
  const auto record = contents.records.find(kPlanKey);
  if (record == contents.records.end()) return;
  const uint64_t epoch = record->second.mod_revision;
  if (plan_ == nullptr || epoch > plan_->epoch) {
    absl::StatusOr<Plan> plan = PlanOf(record->second);
    if (!plan.ok()) {
      trouble_ = Annotate(plan.status(), kPlanKey);
      return;
    }
    plan_ = std::make_shared<const Plan>(*std::move(plan));
    plan_at_ = now;
  } else if (!forgotten_ || epoch < plan_->epoch) {
    return;
  }
  forgotten_ = false;
  actions->push_back(TakePlan{plan_});
}

void Replanner::PlanAnew(const Contents& contents, int64_t now, std::vector<PlanAction>* actions) {
  const Plan* kept = Settles(now) ? plan_.get() : nullptr;
  if (kept != nullptr) WakeBy(elected_at_ + options_.settle_nanos);
  std::string made_of = Fingerprint(contents, kept);
  if (made_of != made_of_) {
    made_of_ = std::move(made_of);
    made_ = MakeFrom(contents, kept, options_.node);
  }
  trouble_.Update(made_.status());
  if (!made_.ok() || (plan_ != nullptr && Same(*plan_, *made_))) {
    changed_at_.reset();
    return;
  }
  if (!changed_at_.has_value()) changed_at_ = now;
  int64_t due = *changed_at_ + options_.debounce_nanos;
  if (plan_ != nullptr) due = std::max(due, plan_at_ + options_.epoch_least_nanos);
  if (now < due) return WakeBy(due);
  const auto newest = contents.records.find(kPlanKey);
  const PlanGuard guard{
      .planner_revision = planner_revision_,
      .plan_revision = newest == contents.records.end() ? 0 : newest->second.mod_revision};
  actions->push_back(Commit{.guard = guard, .plan = *made_});
}

}  // namespace mneme::federation
