// CreateBackup, GetBackup, ListBackups, DeleteBackup, RestoreBackup.
#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/engine/validate.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/convert_admin.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

struct ListCommand {
  uint32_t before = ~uint32_t{0};  // backups with smaller numbers
  size_t size = 0;
};

absl::StatusOr<ListCommand> DecodeList(const v1::ListBackupsRequest& request, DecodeArena&) {
  ListCommand command{.size = PageSize(request.page_size())};
  if (request.page_token().empty()) return command;
  MNEME_ASSIGN_OR_RETURN(const std::string last, DecodeNameToken(request.page_token()));
  MNEME_ASSIGN_OR_RETURN(command.before, DecodeBackupName(last));
  return command;
}

// Of all backups, newest first, those of the page and one more.
absl::StatusOr<std::vector<engine::BackupInfo>> TakePage(
    absl::StatusOr<std::vector<engine::BackupInfo>> all, const ListCommand& command) {
  if (!all.ok()) return all;
  std::erase_if(*all, [&](const engine::BackupInfo& b) { return b.id >= command.before; });
  if (all->size() > command.size + 1) all->resize(command.size + 1);
  return all;
}

}  // namespace

AdminServiceImpl::Reactor* AdminServiceImpl::CreateBackup(
    Context* context, const v1::CreateBackupRequest* request,
    google::longrunning::Operation* response) {
  return ServeNow<Verb::kWrite>(
      bounds_, context, request, response,
      [this](const v1::CreateBackupRequest& from,
             google::longrunning::Operation* to) -> absl::Status {
        if (from.description().size() > engine::kDescriptionBytesMax) {
          return engine::OverLimit("bytes of description", from.description().size(),
                                   engine::kDescriptionBytesMax, "Shorten it.");
        }
        MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job, engine_.CreateBackup(from.description()));
        EncodeJob(job, to);
        return absl::OkStatus();
      });
}

AdminServiceImpl::Reactor* AdminServiceImpl::GetBackup(Context* context,
                                                       const v1::GetBackupRequest* request,
                                                       v1::Backup* response) {
  return Serve<Verb::kRead>(
      bounds_, context, request, response,
      [](const v1::GetBackupRequest& from, DecodeArena&) { return DecodeBackupName(from.name()); },
      [this](uint32_t id, engine::Done<engine::BackupInfo> done) {
        RunOnDisk<engine::BackupInfo>(std::move(done),
                                      [this, id] { return engine_.GetBackup(id); });
      },
      EncodeBackup);
}

AdminServiceImpl::Reactor* AdminServiceImpl::ListBackups(Context* context,
                                                         const v1::ListBackupsRequest* request,
                                                         v1::ListBackupsResponse* response) {
  using Backups = std::vector<engine::BackupInfo>;
  return Serve<Verb::kRead>(
      bounds_, context, request, response, DecodeList,
      [this](ListCommand command, engine::Done<Backups> done) {
        RunOnDisk<Backups>(std::move(done),
                           [this, command] { return TakePage(engine_.ListBackups(), command); });
      },
      [size = PageSize(request->page_size())](const Backups& page, v1::ListBackupsResponse* to) {
        for (size_t i = 0; i < std::min<size_t>(size, page.size()); ++i) {
          EncodeBackup(page[i], to->add_backups());
        }
        if (page.size() > size) {
          to->set_next_page_token(EncodeNameToken(FormatBackupName(page[size - 1].id)));
        }
      });
}

AdminServiceImpl::Reactor* AdminServiceImpl::DeleteBackup(Context* context,
                                                          const v1::DeleteBackupRequest* request,
                                                          google::protobuf::Empty* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response,
      [](const v1::DeleteBackupRequest& from, DecodeArena&) {
        return DecodeBackupName(from.name());
      },
      [this](uint32_t id, engine::Done<bool> done) {
        RunOnDisk<bool>(std::move(done), [this, id]() -> absl::StatusOr<bool> {
          MNEME_RETURN_IF_ERROR(engine_.DeleteBackup(id));
          return true;
        });
      },
      [](bool, google::protobuf::Empty*) {});
}

AdminServiceImpl::Reactor* AdminServiceImpl::RestoreBackup(
    Context* context, const v1::RestoreBackupRequest* request,
    google::longrunning::Operation* response) {
  return ServeNow<Verb::kWrite>(bounds_, context, request, response,
                                [this](const v1::RestoreBackupRequest& from,
                                       google::longrunning::Operation* to) -> absl::Status {
                                  engine::RestoreCommand command{.name = from.memory_id()};
                                  MNEME_ASSIGN_OR_RETURN(command.backup,
                                                         DecodeBackupName(from.name()));
                                  for (const std::string& memory : from.memories()) {
                                    MNEME_ASSIGN_OR_RETURN(command.memories.emplace_back(),
                                                           DecodeMemoryName(memory, "memories"));
                                  }
                                  MNEME_ASSIGN_OR_RETURN(const engine::JobInfo job,
                                                         engine_.RestoreBackup(std::move(command)));
                                  EncodeJob(job, to);
                                  return absl::OkStatus();
                                });
}

}  // namespace mneme::server
