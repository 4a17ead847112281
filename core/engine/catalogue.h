// All memories by name. Thread-safe; the lock is held for a map operation only.
#ifndef MNEME_CORE_ENGINE_CATALOGUE_H_
#define MNEME_CORE_ENGINE_CATALOGUE_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/engine/memory.h"

namespace mneme::engine {

class Catalogue {
 public:
  // NotFound (MEMORY_NOT_FOUND) with the names that come nearest.
  absl::StatusOr<std::shared_ptr<Memory>> Find(std::string_view name) const;
  bool Contains(std::string_view name) const;
  // Cost: all memories are looked at.
  bool ContainsUid(MemoryUid uid) const;
  // Memories with names after `after`, in order, at most `most`.
  std::vector<std::shared_ptr<Memory>> List(std::string_view after, size_t most) const;
  size_t size() const;
  void Insert(std::shared_ptr<Memory> memory);
  void Erase(std::string_view name);

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<Memory>, std::less<>> memories_ ABSL_GUARDED_BY(mutex_);
};

// OK when `name` matches [a-z][a-z0-9-]{0,62}; else InvalidArgument (MEMORY_NAME).
absl::Status ValidateMemoryName(std::string_view name);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_CATALOGUE_H_
