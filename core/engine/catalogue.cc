#include "core/engine/catalogue.h"

#include <algorithm>
#include <utility>

namespace mneme::engine {
namespace {

constexpr size_t kNameBytesMax = 63;

bool IsNameChar(char c, bool first) {
  if (c >= 'a' && c <= 'z') return true;
  return !first && ((c >= '0' && c <= '9') || c == '-');
}

}  // namespace

std::string Catalogue::ResolveLocked(std::string_view name) const {
  const auto alias = aliases_.find(name);
  return alias == aliases_.end() ? std::string(name) : alias->second.memory;
}

absl::StatusOr<std::shared_ptr<Memory>> Catalogue::Find(std::string_view name) const {
  std::string near;
  {
    MutexLock lock(&mutex_);
    auto it = memories_.find(name);
    if (it == memories_.end()) it = memories_.find(ResolveLocked(name));
    if (it != memories_.end()) return it->second;
    const auto after = memories_.lower_bound(name);
    if (after != memories_.end()) {
      near = after->first;
    } else if (!memories_.empty()) {
      near = memories_.rbegin()->first;
    }
  }
  return NotFound(
      absl::StrFormat("there is no memory '%s'", AbslView(name)),
      {.reason = "MEMORY_NOT_FOUND",
       .given = std::string(name),
       .expected = near.empty() ? "a memory that was created" : absl::StrCat("e.g. ", near),
       .next_step = near.empty() ? "Create it with CreateMemory (mnemectl memory create)."
                                 : "See ListMemories (mnemectl memory list) for what is there."});
}

std::string Catalogue::Resolve(std::string_view name) const {
  MutexLock lock(&mutex_);
  return ResolveLocked(name);
}

bool Catalogue::Contains(std::string_view name) const {
  MutexLock lock(&mutex_);
  return memories_.find(name) != memories_.end();
}

absl::Status Catalogue::CheckFree(std::string_view name) const {
  if (Contains(name)) {
    return AlreadyExists(
        absl::StrFormat("there is a memory '%s' already", AbslView(name)),
        {.reason = "MEMORY_EXISTS",
         .given = std::string(name),
         .expected = "a name that is not taken",
         .next_step = "Use the memory that is there, delete it first, or choose another name."});
  }
  const std::optional<AliasInfo> alias = FindAlias(name);
  if (!alias.has_value()) return absl::OkStatus();
  return AlreadyExists(
      absl::StrFormat("'%s' is an alias of memory '%s'", AbslView(name), alias->memory),
      {.reason = "ALIAS_EXISTS",
       .given = std::string(name),
       .expected = "a name that is not taken",
       .next_step = "Delete the alias first, or choose another name."});
}

bool Catalogue::ContainsUid(MemoryUid uid) const {
  MutexLock lock(&mutex_);
  return std::any_of(memories_.begin(), memories_.end(),
                     [uid](const auto& entry) { return entry.second->uid() == uid; });
}

std::vector<std::shared_ptr<Memory>> Catalogue::List(std::string_view after, size_t most) const {
  std::vector<std::shared_ptr<Memory>> out;
  MutexLock lock(&mutex_);
  for (auto it = memories_.upper_bound(after); it != memories_.end() && out.size() < most; ++it) {
    out.push_back(it->second);
  }
  return out;
}

size_t Catalogue::size() const {
  MutexLock lock(&mutex_);
  return memories_.size();
}

void Catalogue::Insert(std::shared_ptr<Memory> memory) {
  if (budget_ != nullptr) memory->CountIn(*budget_);
  std::string name = memory->name();
  MutexLock lock(&mutex_);
  memories_[std::move(name)] = std::move(memory);
}

void Catalogue::InsertAll(std::vector<std::shared_ptr<Memory>> memories,
                          std::vector<AliasInfo> aliases) {
  if (budget_ != nullptr) {
    for (const std::shared_ptr<Memory>& memory : memories) memory->CountIn(*budget_);
  }
  MutexLock lock(&mutex_);
  for (std::shared_ptr<Memory>& memory : memories) {
    std::string name = memory->name();
    memories_[std::move(name)] = std::move(memory);
  }
  for (AliasInfo& alias : aliases) {
    if (memories_.contains(alias.alias)) continue;
    std::string name = alias.alias;
    aliases_.emplace(std::move(name), std::move(alias));
  }
}

void Catalogue::Erase(std::string_view name) {
  std::shared_ptr<Memory> last;  // dies after the lock
  MutexLock lock(&mutex_);
  const auto it = memories_.find(name);
  if (it == memories_.end()) return;
  last = std::move(it->second);
  memories_.erase(it);
}

std::optional<AliasInfo> Catalogue::FindAlias(std::string_view alias) const {
  MutexLock lock(&mutex_);
  const auto it = aliases_.find(alias);
  if (it == aliases_.end()) return std::nullopt;
  return it->second;
}

std::vector<std::string> Catalogue::AliasesOf(std::string_view memory) const {
  std::vector<std::string> out;
  MutexLock lock(&mutex_);
  for (const auto& [name, alias] : aliases_) {
    if (alias.memory == memory) out.push_back(name);
  }
  return out;
}

std::vector<AliasInfo> Catalogue::ListAliases(std::string_view after, size_t most) const {
  std::vector<AliasInfo> out;
  MutexLock lock(&mutex_);
  for (auto it = aliases_.upper_bound(after); it != aliases_.end() && out.size() < most; ++it) {
    out.push_back(it->second);
  }
  return out;
}

size_t Catalogue::alias_count() const {
  MutexLock lock(&mutex_);
  return aliases_.size();
}

void Catalogue::SetAlias(AliasInfo alias) {
  std::string name = alias.alias;
  MutexLock lock(&mutex_);
  aliases_[std::move(name)] = std::move(alias);
}

void Catalogue::EraseAlias(std::string_view alias) {
  MutexLock lock(&mutex_);
  const auto it = aliases_.find(alias);
  if (it != aliases_.end()) aliases_.erase(it);
}

absl::Status ValidateMemoryName(std::string_view name) {
  bool good = !name.empty() && name.size() <= kNameBytesMax;
  for (size_t i = 0; good && i < name.size(); ++i) good = IsNameChar(name[i], i == 0);
  if (good) return absl::OkStatus();
  return InvalidArgument(
      absl::StrFormat("'%s' is not a memory name", AbslView(name.substr(0, 80))),
      {.reason = "MEMORY_NAME",
       .given = std::string(name.substr(0, 80)),
       .expected = "[a-z][a-z0-9-]{0,62}, as in memories/faces-2024",
       .next_step =
           "Choose a name of lower-case letters, digits and hyphens that begins with a letter."});
}

}  // namespace mneme::engine
