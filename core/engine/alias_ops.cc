#include "core/engine/alias_ops.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/base/fail_point.h"
#include "core/engine/catalogue_entry.h"
#include "core/engine/ops.h"

namespace mneme::engine {
namespace {

// Aliases that an error names.
constexpr size_t kNamedAliasesMax = 5;

absl::Status Raced(const SetAliasCommand& command, const std::optional<AliasInfo>& now) {
  const std::string present = now.has_value() ? now->memory : "no memory";
  return Aborted(
      absl::StrFormat("alias '%s' stands for %s, not for '%s'", command.alias,
                      now.has_value() ? absl::StrCat("'", present, "'") : present,
                      command.expected_memory),
      {.reason = "ALIAS_RACED",
       .given = command.expected_memory,
       .expected = present,
       .next_step = "Read the alias again, see who changed it, and repeat with what it is now."});
}

absl::Status OverLimit(std::string_view what, size_t most) {
  return ResourceExhausted(absl::StrFormat("%d %s are held already", most, AbslView(what)),
                           {.reason = "LIMIT",
                            .given = absl::StrCat(most + 1),
                            .expected = absl::StrCat("at most ", most),
                            .next_step = "Delete some, or raise limits.memories_max in the "
                                         "server's configuration."});
}

class SetAliasOp final : public WriteOp {
 public:
  SetAliasOp(Catalogue& catalogue, size_t aliases_max, SetAliasCommand command,
             Done<AliasInfo> done)
      : catalogue_(catalogue),
        aliases_max_(aliases_max),
        command_(std::move(command)),
        done_(std::move(done)) {}

  size_t bytes() const override { return 512; }

  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    // A memory of either name may be on its way in or out.
    if (IsTouched(group, TouchName(command_.alias)) || IsTouched(group, TouchName(command_.memory)))
      return Prepared::kNextGroup;
    MNEME_RETURN_IF_ERROR(Check());
    alias_ = {.alias = command_.alias,
              .memory = command_.memory,
              .update_unix_nanos = group.now_unix_nanos};
    group.batch.PutAlias({alias_.alias, alias_.memory, alias_.update_unix_nanos});
    group.touched.insert(TouchName(command_.alias));
    group.touched.insert(TouchName(command_.memory));
    return Prepared::kReady;
  }

  void Apply() override {
    MNEME_PASS_FAIL_POINT("alias.swap");
    catalogue_.SetAlias(alias_);
  }

  void Finish(const absl::Status& status, Sync) override {
    if (!status.ok()) return done_(status);
    done_(alias_);
  }

 private:
  absl::Status Check() const {
    if (catalogue_.Contains(command_.alias)) return catalogue_.CheckFree(command_.alias);
    if (const std::optional<AliasInfo> target = catalogue_.FindAlias(command_.memory)) {
      return InvalidArgument(
          absl::StrFormat("'%s' is an alias itself, of memory '%s'", command_.memory,
                          target->memory),
          {.reason = "ALIAS_OF_ALIAS",
           .given = command_.memory,
           .expected = "the name of a memory",
           .next_step = absl::StrCat("Point the alias at memories/", target->memory, ".")});
    }
    MNEME_RETURN_IF_ERROR(catalogue_.Find(command_.memory).status());
    const std::optional<AliasInfo> now = catalogue_.FindAlias(command_.alias);
    if (!command_.expected_memory.empty() &&
        (!now.has_value() || now->memory != command_.expected_memory)) {
      return Raced(command_, now);
    }
    if (!now.has_value() && catalogue_.alias_count() >= aliases_max_)
      return OverLimit("aliases", aliases_max_);
    return absl::OkStatus();
  }

  Catalogue& catalogue_;
  const size_t aliases_max_;
  const SetAliasCommand command_;
  const Done<AliasInfo> done_;
  AliasInfo alias_;
};

class DropAliasOp final : public WriteOp {
 public:
  DropAliasOp(Catalogue& catalogue, DropAliasCommand command, Done<bool> done)
      : catalogue_(catalogue), command_(std::move(command)), done_(std::move(done)) {}

  size_t bytes() const override { return 128; }

  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    if (IsTouched(group, TouchName(command_.alias))) return Prepared::kNextGroup;
    there_ = catalogue_.FindAlias(command_.alias).has_value();
    if (!there_) {
      if (command_.allow_missing) return Prepared::kReady;
      return NotFound(absl::StrFormat("there is no alias '%s'", command_.alias),
                      {.reason = "ALIAS_NOT_FOUND",
                       .given = command_.alias,
                       .expected = "an alias that was set",
                       .next_step = "See ListAliases (mnemectl alias list)."});
    }
    group.batch.EraseAlias(command_.alias);
    group.touched.insert(TouchName(command_.alias));
    return Prepared::kReady;
  }

  void Apply() override {
    if (there_) catalogue_.EraseAlias(command_.alias);
  }

  void Finish(const absl::Status& status, Sync) override {
    if (!status.ok()) return done_(status);
    done_(there_);
  }

 private:
  Catalogue& catalogue_;
  const DropAliasCommand command_;
  const Done<bool> done_;
  bool there_ = false;
};

class InstallOp final : public WriteOp {
 public:
  InstallOp(Catalogue& catalogue, size_t memories_max,
            std::vector<std::shared_ptr<Memory>> memories, std::vector<AliasInfo> aliases,
            Done<bool> done)
      : catalogue_(catalogue),
        memories_max_(memories_max),
        memories_(std::move(memories)),
        aliases_(std::move(aliases)),
        done_(std::move(done)) {}

  size_t bytes() const override { return 1'024 * memories_.size(); }

  absl::StatusOr<Prepared> Prepare(CommitGroup& group) override {
    for (const std::shared_ptr<Memory>& memory : memories_) {
      if (IsTouched(group, TouchName(memory->name()))) return Prepared::kNextGroup;
      MNEME_RETURN_IF_ERROR(catalogue_.CheckFree(memory->name()));
    }
    for (const AliasInfo& alias : aliases_) {
      if (IsTouched(group, TouchName(alias.alias))) return Prepared::kNextGroup;
    }
    if (catalogue_.size() + group.memories_created + memories_.size() > memories_max_)
      return OverLimit("memories", memories_max_);
    std::erase_if(aliases_, [this](const AliasInfo& alias) {
      return !catalogue_.CheckFree(alias.alias).ok() || IsInstalled(alias.alias);
    });
    for (const std::shared_ptr<Memory>& memory : memories_) {
      group.batch.PutMemory(memory->uid(), EncodeCatalogueEntry(memory->info()));
      group.touched.insert(TouchName(memory->name()));
    }
    for (const AliasInfo& alias : aliases_) {
      group.batch.PutAlias({alias.alias, alias.memory, alias.update_unix_nanos});
      group.touched.insert(TouchName(alias.alias));
    }
    group.memories_created += memories_.size();
    return Prepared::kReady;
  }

  void Apply() override { catalogue_.InsertAll(std::move(memories_), std::move(aliases_)); }

  void Finish(const absl::Status& status, Sync) override {
    if (!status.ok()) return done_(status);
    done_(true);
  }

 private:
  bool IsInstalled(std::string_view name) const {
    return std::any_of(memories_.begin(), memories_.end(),
                       [&](const auto& memory) { return memory->name() == name; });
  }

  Catalogue& catalogue_;
  const size_t memories_max_;
  std::vector<std::shared_ptr<Memory>> memories_;
  std::vector<AliasInfo> aliases_;
  const Done<bool> done_;
};

}  // namespace

std::unique_ptr<WriteOp> MakeSetAliasOp(Catalogue& catalogue, size_t aliases_max,
                                        SetAliasCommand command, Done<AliasInfo> done) {
  return std::make_unique<SetAliasOp>(catalogue, aliases_max, std::move(command), std::move(done));
}

std::unique_ptr<WriteOp> MakeDropAliasOp(Catalogue& catalogue, DropAliasCommand command,
                                         Done<bool> done) {
  return std::make_unique<DropAliasOp>(catalogue, std::move(command), std::move(done));
}

std::unique_ptr<WriteOp> MakeInstallOp(Catalogue& catalogue, size_t memories_max,
                                       std::vector<std::shared_ptr<Memory>> memories,
                                       std::vector<AliasInfo> aliases, Done<bool> done) {
  return std::make_unique<InstallOp>(catalogue, memories_max, std::move(memories),
                                     std::move(aliases), std::move(done));
}

absl::Status CheckNoAliases(const Catalogue& catalogue, std::string_view memory) {
  std::vector<std::string> aliases = catalogue.AliasesOf(memory);
  if (aliases.empty()) return absl::OkStatus();
  const size_t count = aliases.size();
  if (count > kNamedAliasesMax) aliases.resize(kNamedAliasesMax);
  std::string named = absl::StrJoin(aliases, ", ");
  if (count > kNamedAliasesMax) absl::StrAppend(&named, " and ", count - kNamedAliasesMax, " more");
  return FailedPrecondition(
      absl::StrFormat("memory '%s' has aliases: %s", AbslView(memory), named),
      {.reason = "HAS_ALIASES",
       .given = named,
       .expected = "a memory that no alias stands for",
       .next_step = "Point the aliases at another memory or delete them, then delete the memory."});
}

}  // namespace mneme::engine
