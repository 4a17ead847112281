// The flags of `memory create` and `memory update` that say how long items live and how many a
// memory holds.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_ITEM_POLICY_FLAGS_H_
#define MNEME_CLIENT_CLI_ITEM_POLICY_FLAGS_H_

#include <CLI/App.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "mneme/client.h"

namespace mneme::cli {

class ItemPolicyFlags {
 public:
  ItemPolicyFlags() = default;
  ItemPolicyFlags(const ItemPolicyFlags&) = delete;
  ItemPolicyFlags& operator=(const ItemPolicyFlags&) = delete;

  // `update`: also --no-ttl. `command` must outlive this.
  void AddTo(CLI::App& command, bool update);
  absl::Status Fill(client::ItemPolicy& policy) const;
  // What was given, and nothing else.
  absl::Status Fill(client::MemoryUpdate& update) const;

 private:
  std::string ttl_;
  bool no_ttl_ = false;
  std::optional<uint64_t> items_max_;
  std::string bytes_max_;
  std::string full_policy_;
};

// "refuse", "evict-oldest", "evict-least-used".
std::string ForPeople(client::FullPolicy policy);
// "items live 30d; at most 1,000 items, then evict-oldest"; empty where there is no rule.
std::string ItemPolicyText(const client::ItemPolicy& policy);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_ITEM_POLICY_FLAGS_H_
