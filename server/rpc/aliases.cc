// SetAlias, DeleteAlias, ListAliases.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/convert_admin.h"
#include "server/rpc/tokens.h"
#include "server/rpc/visible.h"

namespace mneme::server {
namespace {

absl::StatusOr<engine::SetAliasCommand> DecodeSet(const v1::SetAliasRequest& request,
                                                  DecodeArena&) {
  engine::SetAliasCommand command;
  MNEME_ASSIGN_OR_RETURN(command.alias, DecodeMemoryName(request.alias().name(), "alias.name"));
  MNEME_ASSIGN_OR_RETURN(command.memory,
                         DecodeMemoryName(request.alias().memory(), "alias.memory"));
  if (!request.expected_memory().empty()) {
    MNEME_ASSIGN_OR_RETURN(command.expected_memory,
                           DecodeMemoryName(request.expected_memory(), "expected_memory"));
  }
  return command;
}

absl::StatusOr<engine::DropAliasCommand> DecodeDrop(const v1::DeleteAliasRequest& request,
                                                    DecodeArena&) {
  engine::DropAliasCommand command{.allow_missing = request.allow_missing()};
  MNEME_ASSIGN_OR_RETURN(command.alias, DecodeMemoryName(request.name(), "name"));
  return command;
}

}  // namespace

AdminServiceImpl::Reactor* AdminServiceImpl::SetAlias(Context* context,
                                                      const v1::SetAliasRequest* request,
                                                      v1::Alias* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response, DecodeSet,
      [this](engine::SetAliasCommand command, engine::Done<engine::AliasInfo> done) {
        engine_.SetAlias(std::move(command), std::move(done));
      },
      EncodeAlias);
}

AdminServiceImpl::Reactor* AdminServiceImpl::DeleteAlias(Context* context,
                                                         const v1::DeleteAliasRequest* request,
                                                         google::protobuf::Empty* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response, DecodeDrop,
      [this](engine::DropAliasCommand command, engine::Done<bool> done) {
        engine_.DropAlias(std::move(command), std::move(done));
      },
      [](bool, google::protobuf::Empty*) {});
}

AdminServiceImpl::Reactor* AdminServiceImpl::ListAliases(Context* context,
                                                         const v1::ListAliasesRequest* request,
                                                         v1::ListAliasesResponse* response) {
  return ServeNow(bounds_, context, request, response,
                  [this](const v1::ListAliasesRequest& from, v1::ListAliasesResponse* to,
                         const Caller& caller) -> absl::Status {
                    std::string after;
                    if (!from.page_token().empty()) {
                      MNEME_ASSIGN_OR_RETURN(after, DecodeNameToken(from.page_token()));
                    }
                    const size_t size = PageSize(from.page_size());
                    const std::vector<engine::AliasInfo> aliases = ListVisible(
                        std::move(after), size + 1,
                        [this](const std::string& last, size_t most) {
                          return engine_.ListAliases(last, most);
                        },
                        [](const engine::AliasInfo& info) { return info.alias; },
                        [&](const engine::AliasInfo& info) {
                          return caller.MayDo(v1::ROLE_READER, info.alias) &&
                                 caller.MayDo(v1::ROLE_READER, info.memory);
                        });
                    for (size_t i = 0; i < std::min(size, aliases.size()); ++i) {
                      EncodeAlias(aliases[i], to->add_aliases());
                    }
                    if (aliases.size() > size) {
                      to->set_next_page_token(EncodeNameToken(aliases[size - 1].alias));
                    }
                    return absl::OkStatus();
                  });
}

}  // namespace mneme::server
