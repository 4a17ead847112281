// What of a memory may change: description, labels, item policy, frozen. Wire <-> engine.
#include <functional>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

absl::StatusOr<engine::FullPolicy> DecodeFullPolicy(v1::FullPolicy policy) {
  switch (policy) {
    case v1::FULL_POLICY_UNSPECIFIED:
    case v1::FULL_POLICY_REFUSE:
      return engine::FullPolicy::kRefuse;
    case v1::FULL_POLICY_EVICT_OLDEST:
      return engine::FullPolicy::kEvictOldest;
    case v1::FULL_POLICY_EVICT_LEAST_USED:
      return engine::FullPolicy::kEvictLeastUsed;
    default:
      return UnknownEnum("item_policy.full_policy", policy);
  }
}

v1::FullPolicy EncodeFullPolicy(engine::FullPolicy policy) {
  switch (policy) {
    case engine::FullPolicy::kRefuse:
      return v1::FULL_POLICY_REFUSE;
    case engine::FullPolicy::kEvictOldest:
      return v1::FULL_POLICY_EVICT_OLDEST;
    case engine::FullPolicy::kEvictLeastUsed:
      return v1::FULL_POLICY_EVICT_LEAST_USED;
  }
  return v1::FULL_POLICY_UNSPECIFIED;
}

// A field that a mask may name, and how it is taken over from the wire.
struct UpdatablePath {
  std::string_view path;
  void (*take)(const v1::Memory& from, const engine::ItemPolicy& policy, engine::UpdateCommand& to);
};

constexpr UpdatablePath kUpdatable[] = {
    {"description", [](const v1::Memory& from, const engine::ItemPolicy&,
                       engine::UpdateCommand& to) { to.description = from.description(); }},
    {"labels",
     [](const v1::Memory& from, const engine::ItemPolicy&, engine::UpdateCommand& to) {
       to.labels.emplace(from.labels().begin(), from.labels().end());
     }},
    {"item_policy.ttl", [](const v1::Memory&, const engine::ItemPolicy& policy,
                           engine::UpdateCommand& to) { to.ttl_nanos = policy.ttl_nanos; }},
    {"item_policy.items_max", [](const v1::Memory&, const engine::ItemPolicy& policy,
                                 engine::UpdateCommand& to) { to.items_max = policy.items_max; }},
    {"item_policy.bytes_max", [](const v1::Memory&, const engine::ItemPolicy& policy,
                                 engine::UpdateCommand& to) { to.bytes_max = policy.bytes_max; }},
    {"item_policy.full_policy",
     [](const v1::Memory&, const engine::ItemPolicy& policy, engine::UpdateCommand& to) {
       to.full_policy = policy.full_policy;
     }},
    {"frozen", [](const v1::Memory& from, const engine::ItemPolicy&,
                  engine::UpdateCommand& to) { to.frozen = from.frozen(); }},
};

// A path of a mask may be a field, a message with fields, or all.
bool Covers(std::string_view path, std::string_view field) {
  return path == "*" || path == field ||
         (field.size() > path.size() && field.starts_with(path) && field[path.size()] == '.');
}

absl::Status UnknownPath(const std::string& path) {
  std::string known;
  for (const UpdatablePath& row : kUpdatable) absl::StrAppend(&known, AbslView(row.path), ", ");
  return InvalidArgument(
      absl::StrFormat("'%s' cannot be updated", path),
      {.reason = "UPDATE_MASK",
       .given = path,
       .expected = known + "item_policy or *",
       .next_step = "A spec is fixed: create another memory and store into it."});
}

}  // namespace

absl::StatusOr<engine::ItemPolicy> DecodeItemPolicy(const v1::ItemPolicy& from) {
  engine::ItemPolicy to{.items_max = from.items_max(), .bytes_max = from.bytes_max()};
  if (from.has_ttl()) {
    MNEME_ASSIGN_OR_RETURN(to.ttl_nanos, DecodeDuration(from.ttl(), "item_policy.ttl"));
  }
  MNEME_ASSIGN_OR_RETURN(to.full_policy, DecodeFullPolicy(from.full_policy()));
  return to;
}

void EncodeItemPolicy(const engine::ItemPolicy& from, v1::ItemPolicy* to) {
  if (from.ttl_nanos > 0) EncodeDuration(from.ttl_nanos, to->mutable_ttl());
  to->set_items_max(from.items_max);
  to->set_bytes_max(from.bytes_max);
  to->set_full_policy(EncodeFullPolicy(from.full_policy));
}

absl::StatusOr<engine::UpdateCommand> DecodeUpdate(const v1::UpdateMemoryRequest& request) {
  engine::UpdateCommand command;
  const v1::Memory& memory = request.memory();
  MNEME_ASSIGN_OR_RETURN(command.name, DecodeMemoryName(memory.name(), "memory.name"));
  if (!memory.etag().empty()) {
    MNEME_ASSIGN_OR_RETURN(command.etag, ParseEtag(memory.etag()));
  }
  MNEME_ASSIGN_OR_RETURN(const engine::ItemPolicy policy, DecodeItemPolicy(memory.item_policy()));
  google::protobuf::FieldMask mask = request.update_mask();
  if (mask.paths().empty()) {
    mask.add_paths("description");
    mask.add_paths("labels");
  }
  for (const std::string& path : mask.paths()) {
    bool known = false;
    for (const UpdatablePath& row : kUpdatable) {
      if (!Covers(path, row.path)) continue;
      row.take(memory, policy, command);
      known = true;
    }
    if (!known) return UnknownPath(path);
  }
  return command;
}

}  // namespace mneme::server
