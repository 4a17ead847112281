// The committer's writes that give names to memories: aliases, and memories that a job has made.
#ifndef MNEME_CORE_ENGINE_ALIAS_OPS_H_
#define MNEME_CORE_ENGINE_ALIAS_OPS_H_

#include <memory>
#include <vector>

#include "core/engine/catalogue.h"
#include "core/engine/committer.h"
#include "core/engine/types.h"

namespace mneme::engine {

// An alias is made or swapped by one commit and one change of the map: no call finds it pointing
// nowhere.
//   AlreadyExists MEMORY_EXISTS    a memory has that name
//   NotFound MEMORY_NOT_FOUND      there is nothing to stand for
//   InvalidArgument ALIAS_OF_ALIAS
//   Aborted ALIAS_RACED            it does not stand for `expected_memory`
std::unique_ptr<WriteOp> MakeSetAliasOp(Catalogue& catalogue, size_t aliases_max,
                                        SetAliasCommand command, Done<AliasInfo> done);
// NotFound (ALIAS_NOT_FOUND) unless allow_missing; `done` gets whether there was one.
std::unique_ptr<WriteOp> MakeDropAliasOp(Catalogue& catalogue, DropAliasCommand command,
                                         Done<bool> done);

// Memories whose data is in the storage already, complete and recovered: puts their catalogue
// entries, and those of `aliases` whose names are free, in one commit; all become visible together.
// AlreadyExists when a name is taken by now; ResourceExhausted (LIMIT).
std::unique_ptr<WriteOp> MakeInstallOp(Catalogue& catalogue, size_t memories_max,
                                       std::vector<std::shared_ptr<Memory>> memories,
                                       std::vector<AliasInfo> aliases, Done<bool> done);

// FailedPrecondition (HAS_ALIASES) naming them: a memory that aliases stand for is not dropped.
absl::Status CheckNoAliases(const Catalogue& catalogue, std::string_view memory);

}  // namespace mneme::engine

#endif  // MNEME_CORE_ENGINE_ALIAS_OPS_H_
