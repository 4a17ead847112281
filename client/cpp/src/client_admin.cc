// Aliases, copies, backups, and where the bytes are.
#include <utility>

#include "client/cpp/src/convert.h"
#include "client/cpp/src/impl.h"
#include "client/cpp/src/retry.h"
#include "client/cpp/src/status.h"
#include "mneme/client.h"

namespace mneme::client {
namespace {

namespace longrunning = google::longrunning;

constexpr std::string_view kBackups = "backups/";

// Sends a request that begins long work.
template <typename Impl, typename Method, typename Request>
absl::StatusOr<Operation> Begin(Impl& impl, const CallOptions& call, Method method,
                                const Request& request) {
  longrunning::Operation response;
  absl::Status status = impl.Call(call, Repeatable::kNo, method, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

template <typename Impl>
absl::StatusOr<MergeResult> Merge(Impl& impl, std::string_view into, v1::MergeSketchRequest request,
                                  const MergeOptions& options) {
  request.set_memory(ResourceName(into));
  request.set_durability(static_cast<v1::Durability>(options.durability));
  request.set_request_id(options.request_id.empty() ? MakeRequestId() : options.request_id);
  v1::MergeSketchResponse response;
  absl::Status status =
      impl.Call(options.call, Repeatable::kYes, &Impl::Admin::MergeSketch, request, response);
  if (!status.ok()) return status;
  return MergeResult{.merged = response.merged(),
                     .read_token = response.read_token(),
                     .position = response.position(),
                     .replayed = response.replayed(),
                     .item_count = response.item_count()};
}

}  // namespace

absl::StatusOr<Alias> Client::SetAlias(std::string_view alias, std::string_view memory,
                                       std::string_view expected_memory, const CallOptions& call) {
  v1::SetAliasRequest request;
  request.mutable_alias()->set_name(ResourceName(alias));
  request.mutable_alias()->set_memory(ResourceName(memory));
  if (!expected_memory.empty()) request.set_expected_memory(ResourceName(expected_memory));
  v1::Alias response;
  const Repeatable repeatable = expected_memory.empty() ? Repeatable::kYes : Repeatable::kNo;
  absl::Status status = impl_->Call(call, repeatable, &Impl::Admin::SetAlias, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::Status Client::DeleteAlias(std::string_view alias, bool allow_missing,
                                 const CallOptions& call) {
  v1::DeleteAliasRequest request;
  request.set_name(ResourceName(alias));
  request.set_allow_missing(allow_missing);
  google::protobuf::Empty response;
  return impl_->Call(call, allow_missing ? Repeatable::kYes : Repeatable::kNo,
                     &Impl::Admin::DeleteAlias, request, response);
}

absl::StatusOr<std::vector<Alias>> Client::ListAliases(const CallOptions& call) {
  std::vector<Alias> aliases;
  v1::ListAliasesRequest request;
  do {
    v1::ListAliasesResponse response;
    absl::Status status =
        impl_->Call(call, Repeatable::kYes, &Impl::Admin::ListAliases, request, response);
    if (!status.ok()) return status;
    for (const v1::Alias& alias : response.aliases()) aliases.push_back(FromWire(alias));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return aliases;
}

absl::StatusOr<MemoryUsage> Client::GetMemoryUsage(std::string_view memory,
                                                   const CallOptions& call) {
  v1::GetMemoryUsageRequest request;
  request.set_name(ResourceName(memory));
  v1::MemoryUsage response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Admin::GetMemoryUsage, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::StatusOr<Operation> Client::CloneMemory(std::string_view source, std::string_view name,
                                              const CallOptions& call) {
  constexpr std::string_view kMemories = "memories/";
  v1::CloneMemoryRequest request;
  request.set_source(ResourceName(source));
  request.set_memory_id(
      std::string(name.starts_with(kMemories) ? name.substr(kMemories.size()) : name));
  return Begin(*impl_, call, &Impl::Admin::CloneMemory, request);
}

absl::StatusOr<Operation> Client::CalibrateIndex(std::string_view memory, const CallOptions& call) {
  v1::CalibrateIndexRequest request;
  request.set_memory(ResourceName(memory));
  return Begin(*impl_, call, &Impl::Admin::CalibrateIndex, request);
}

absl::StatusOr<Sketch> Client::ExportSketch(std::string_view memory, const CallOptions& call) {
  v1::ExportSketchRequest request;
  request.set_memory(ResourceName(memory));
  v1::ExportSketchResponse response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Admin::ExportSketch, request, response);
  if (!status.ok()) return status;
  return Sketch{.bytes = std::move(*response.mutable_sketch()),
                .item_count = response.item_count(),
                .epoch = FromWire(response.epoch())};
}

absl::StatusOr<MergeResult> Client::MergeSketch(std::string_view into, std::string_view sketch,
                                                const MergeOptions& options) {
  v1::MergeSketchRequest request;
  request.set_sketch(std::string(sketch));
  return Merge(*impl_, into, std::move(request), options);
}

absl::StatusOr<MergeResult> Client::MergeMemory(std::string_view into, std::string_view from,
                                                const MergeOptions& options) {
  v1::MergeSketchRequest request;
  request.set_from(ResourceName(from));
  return Merge(*impl_, into, std::move(request), options);
}

absl::StatusOr<Operation> Client::CreateBackup(std::string_view description,
                                               const CallOptions& call) {
  v1::CreateBackupRequest request;
  request.set_description(std::string(description));
  return Begin(*impl_, call, &Impl::Admin::CreateBackup, request);
}

absl::StatusOr<Operation> Client::RestoreBackup(std::string_view backup,
                                                const RestoreOptions& options) {
  v1::RestoreBackupRequest request;
  request.set_name(ResourceName(backup, kBackups));
  for (const std::string& memory : options.memories) request.add_memories(ResourceName(memory));
  request.set_memory_id(options.name);
  return Begin(*impl_, options.call, &Impl::Admin::RestoreBackup, request);
}

absl::StatusOr<Backup> Client::GetBackup(std::string_view backup, const CallOptions& call) {
  v1::GetBackupRequest request;
  request.set_name(ResourceName(backup, kBackups));
  v1::Backup response;
  absl::Status status =
      impl_->Call(call, Repeatable::kYes, &Impl::Admin::GetBackup, request, response);
  if (!status.ok()) return status;
  return FromWire(response);
}

absl::StatusOr<std::vector<Backup>> Client::ListBackups(const CallOptions& call) {
  std::vector<Backup> backups;
  v1::ListBackupsRequest request;
  do {
    v1::ListBackupsResponse response;
    absl::Status status =
        impl_->Call(call, Repeatable::kYes, &Impl::Admin::ListBackups, request, response);
    if (!status.ok()) return status;
    for (const v1::Backup& backup : response.backups()) backups.push_back(FromWire(backup));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return backups;
}

absl::Status Client::DeleteBackup(std::string_view backup, const CallOptions& call) {
  v1::DeleteBackupRequest request;
  request.set_name(ResourceName(backup, kBackups));
  google::protobuf::Empty response;
  return impl_->Call(call, Repeatable::kNo, &Impl::Admin::DeleteBackup, request, response);
}

absl::StatusOr<ReloadReport> Client::ReloadConfig(const CallOptions& call) {
  v1::ReloadConfigResponse response;
  absl::Status status = impl_->Call(call, Repeatable::kYes, &Impl::Admin::ReloadConfig,
                                    v1::ReloadConfigRequest(), response);
  if (!status.ok()) return status;
  const auto changes = [](const google::protobuf::RepeatedPtrField<v1::ConfigChange>& from) {
    std::vector<ConfigChange> out;
    for (const v1::ConfigChange& one : from) out.push_back({one.name(), one.was(), one.now()});
    return out;
  };
  return ReloadReport{.changed = changes(response.changed()),
                      .needs_restart = changes(response.needs_restart()),
                      .parts = {response.parts().begin(), response.parts().end()}};
}

}  // namespace mneme::client
