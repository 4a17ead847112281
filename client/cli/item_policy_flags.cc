#include "client/cli/item_policy_flags.h"

#include <CLI/CLI.hpp>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/text.h"
#include "client/cli/units.h"

namespace mneme::cli {
namespace {

using client::FullPolicy;

const std::map<std::string, FullPolicy> kFullPolicies = {
    {"refuse", FullPolicy::kRefuse},
    {"evict-oldest", FullPolicy::kEvictOldest},
    {"evict-least-used", FullPolicy::kEvictLeastUsed}};

}  // namespace

void ItemPolicyFlags::AddTo(CLI::App& command, bool update) {
  CLI::Option* ttl = command.add_option(
      "--ttl", ttl_, "Items stored from now on live this long, as in 30d or 12h");
  if (update) {
    command.add_flag("--no-ttl", no_ttl_, "Items stored from now on live for ever")->excludes(ttl);
  }
  command.add_option("--items-max", items_max_, "Most items (0: no cap)");
  command.add_option("--bytes-max", bytes_max_, "Most bytes of main memory, as in 64M (0: no cap)");
  command.add_option("--full-policy", full_policy_, "What happens to a store at the cap")
      ->transform(CLI::IsMember(&kFullPolicies));
}

absl::Status ItemPolicyFlags::Fill(client::MemoryUpdate& update) const {
  if (!ttl_.empty()) {
    const auto ttl = ParseLifetime(ttl_);
    if (!ttl.ok()) return ttl.status();
    update.ttl = *ttl;
  }
  if (no_ttl_) update.ttl = std::chrono::nanoseconds(0);
  update.items_max = items_max_;
  if (!bytes_max_.empty()) {
    const auto bytes = ParseBytes(bytes_max_);
    if (!bytes.ok()) return bytes.status();
    update.bytes_max = *bytes;
  }
  if (!full_policy_.empty()) update.full_policy = kFullPolicies.at(full_policy_);
  return absl::OkStatus();
}

absl::Status ItemPolicyFlags::Fill(client::ItemPolicy& policy) const {
  client::MemoryUpdate given;
  if (absl::Status status = Fill(given); !status.ok()) return status;
  policy = {.ttl = given.ttl,
            .items_max = given.items_max.value_or(0),
            .bytes_max = given.bytes_max.value_or(0),
            .full_policy = given.full_policy.value_or(FullPolicy::kDefault)};
  return absl::OkStatus();
}

std::string ForPeople(client::FullPolicy policy) {
  for (const auto& [name, value] : kFullPolicies) {
    if (value == policy) return name;
  }
  return Name(policy);
}

std::string ItemPolicyText(const client::ItemPolicy& policy) {
  std::vector<std::string> caps;
  if (policy.items_max > 0) caps.push_back(FormatCount(policy.items_max) + " items");
  if (policy.bytes_max > 0) caps.push_back(FormatBytes(policy.bytes_max));
  std::string text = policy.ttl ? "items live " + FormatLifetime(*policy.ttl) : "";
  if (!caps.empty()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "at most ", absl::StrJoin(caps, ", "),
                    ", then ", ForPeople(policy.full_policy));
  }
  return text;
}

}  // namespace mneme::cli
