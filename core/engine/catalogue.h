// All memories by name, and the aliases that stand for them. Thread-safe; the lock is held for map
// operations only.
//
// Invariant: no name is a memory's and an alias's at once; an alias never stands for another.
#ifndef MNEME_CORE_ENGINE_CATALOGUE_H_
#define MNEME_CORE_ENGINE_CATALOGUE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/engine/memory.h"

namespace mneme::engine {

class Catalogue {
 public:
  // Memories count in `budget`, where there is one, from when they are inserted.
  explicit Catalogue(MemoryBudget* budget = nullptr) : budget_(budget) {}

  // The memory of that name, or the one that the alias of that name stands for. NotFound
  // (MEMORY_NOT_FOUND) with the name that comes nearest.
  absl::StatusOr<std::shared_ptr<Memory>> Find(std::string_view name) const;
  // The memory's own name where `name` is an alias; else `name`.
  std::string Resolve(std::string_view name) const;
  // A memory (not an alias) has that name.
  bool Contains(std::string_view name) const;
  // AlreadyExists: MEMORY_EXISTS or ALIAS_EXISTS.
  absl::Status CheckFree(std::string_view name) const;
  // Cost: all memories are looked at.
  bool ContainsUid(MemoryUid uid) const;
  // Memories with names after `after`, in order, at most `most`.
  std::vector<std::shared_ptr<Memory>> List(std::string_view after, size_t most) const;
  size_t size() const;
  void Insert(std::shared_ptr<Memory> memory);
  // All become visible together. Aliases whose names are taken are left out.
  void InsertAll(std::vector<std::shared_ptr<Memory>> memories, std::vector<AliasInfo> aliases);
  void Erase(std::string_view name);

  // ---- aliases
  std::optional<AliasInfo> FindAlias(std::string_view alias) const;
  // Cost: all aliases are looked at.
  std::vector<std::string> AliasesOf(std::string_view memory) const;
  std::vector<AliasInfo> ListAliases(std::string_view after, size_t most) const;
  size_t alias_count() const;
  // Makes it, or points it at another memory.
  void SetAlias(AliasInfo alias);
  void EraseAlias(std::string_view alias);

 private:
  std::string ResolveLocked(std::string_view name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  MemoryBudget* const budget_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Memory>, std::less<>> memories_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, AliasInfo, std::less<>> aliases_ ABSL_GUARDED_BY(mutex_);
};

// OK when `name` matches [a-z][a-z0-9-]{0,62}; else InvalidArgument (MEMORY_NAME).
absl::Status ValidateMemoryName(std::string_view name);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_CATALOGUE_H_
