// CreateMemory, GetMemory, ListMemories, UpdateMemory, DeleteMemory.
#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/status.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

constexpr uint32_t kPageDefault = 50;
constexpr uint32_t kPageMax = 1'000;

absl::StatusOr<engine::CreateCommand> DecodeCreate(const v1::CreateMemoryRequest& request) {
  engine::CreateCommand command{.name = request.memory_id(), .request_id = request.request_id()};
  if (command.name.empty()) {
    MNEME_ASSIGN_OR_RETURN(command.name,
                           DecodeMemoryName(request.memory().name(), "memory_id, or memory.name"));
  }
  command.labels.description = request.memory().description();
  command.labels.labels = {request.memory().labels().begin(), request.memory().labels().end()};
  MNEME_ASSIGN_OR_RETURN(command.spec, DecodeSpec(request.memory()));
  // Maps have no order on the wire, so labels do not make another request.
  v1::Memory body = request.memory();
  body.clear_labels();
  body.clear_state();
  command.body_hash = BodyHash()
                          .Add(std::string_view(command.name))
                          .Add(std::string_view(body.SerializeAsString()))
                          .value();
  return command;
}

absl::StatusOr<engine::UpdateCommand> DecodeUpdate(const v1::UpdateMemoryRequest& request) {
  engine::UpdateCommand command;
  MNEME_ASSIGN_OR_RETURN(command.name, DecodeMemoryName(request.memory().name(), "memory.name"));
  if (!request.memory().etag().empty()) {
    MNEME_ASSIGN_OR_RETURN(command.etag, ParseEtag(request.memory().etag()));
  }
  bool description = request.update_mask().paths().empty();
  bool labels = description;
  for (const std::string& path : request.update_mask().paths()) {
    if (path == "description" || path == "*") description = true;
    if (path == "labels" || path == "*") labels = true;
    if (path != "description" && path != "labels" && path != "*") {
      return InvalidArgument(
          absl::StrFormat("'%s' cannot be updated", path),
          {.reason = "UPDATE_MASK",
           .given = path,
           .expected = "description, labels or *",
           .next_step = "A spec is fixed: create another memory and store into it."});
    }
  }
  if (description) command.description = request.memory().description();
  if (labels)
    command.labels.emplace(request.memory().labels().begin(), request.memory().labels().end());
  return command;
}

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::CreateMemory(Context* context,
                                                            const v1::CreateMemoryRequest* request,
                                                            v1::Memory* response) {
  Reactor* reactor = context->DefaultReactor();
  absl::StatusOr<engine::CreateCommand> command = DecodeCreate(*request);
  if (!command.ok()) {
    reactor->Finish(ToGrpc(command.status()));
    return reactor;
  }
  engine_.CreateMemory(*std::move(command), [=, this](absl::StatusOr<engine::MemoryInfo> info) {
    if (info.ok()) EncodeMemory(*info, engine_.MeterOf(*info), response);
    reactor->Finish(ToGrpc(info.status()));
  });
  return reactor;
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::GetMemory(Context* context,
                                                         const v1::GetMemoryRequest* request,
                                                         v1::Memory* response) {
  Reactor* reactor = context->DefaultReactor();
  const auto get = [&]() -> absl::Status {
    MNEME_ASSIGN_OR_RETURN(const std::string name, DecodeMemoryName(request->name(), "name"));
    MNEME_ASSIGN_OR_RETURN(const engine::MemoryInfo info, engine_.GetMemory(name));
    EncodeMemory(info, engine_.MeterOf(info), response);
    return absl::OkStatus();
  };
  reactor->Finish(ToGrpc(get()));
  return reactor;
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::ListMemories(Context* context,
                                                            const v1::ListMemoriesRequest* request,
                                                            v1::ListMemoriesResponse* response) {
  Reactor* reactor = context->DefaultReactor();
  const auto list = [&]() -> absl::Status {
    std::string after;
    if (!request->page_token().empty()) {
      MNEME_ASSIGN_OR_RETURN(after, DecodeNameToken(request->page_token()));
    }
    const uint32_t size =
        request->page_size() == 0 ? kPageDefault : std::min(request->page_size(), kPageMax);
    const std::vector<engine::MemoryInfo> memories = engine_.ListMemories(after, size + 1);
    for (size_t i = 0; i < std::min<size_t>(size, memories.size()); ++i)
      EncodeMemory(memories[i], std::nullopt, response->add_memories());
    if (memories.size() > size)
      response->set_next_page_token(EncodeNameToken(memories[size - 1].name));
    return absl::OkStatus();
  };
  reactor->Finish(ToGrpc(list()));
  return reactor;
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::UpdateMemory(Context* context,
                                                            const v1::UpdateMemoryRequest* request,
                                                            v1::Memory* response) {
  Reactor* reactor = context->DefaultReactor();
  absl::StatusOr<engine::UpdateCommand> command = DecodeUpdate(*request);
  if (!command.ok()) {
    reactor->Finish(ToGrpc(command.status()));
    return reactor;
  }
  engine_.UpdateMemory(*std::move(command), [=, this](absl::StatusOr<engine::MemoryInfo> info) {
    if (info.ok()) EncodeMemory(*info, engine_.MeterOf(*info), response);
    reactor->Finish(ToGrpc(info.status()));
  });
  return reactor;
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::DeleteMemory(Context* context,
                                                            const v1::DeleteMemoryRequest* request,
                                                            google::protobuf::Empty*) {
  Reactor* reactor = context->DefaultReactor();
  const auto decode = [&]() -> absl::StatusOr<engine::DropCommand> {
    engine::DropCommand command;
    MNEME_ASSIGN_OR_RETURN(command.name, DecodeMemoryName(request->name(), "name"));
    if (!request->etag().empty()) {
      MNEME_ASSIGN_OR_RETURN(command.etag, ParseEtag(request->etag()));
    }
    return command;
  };
  absl::StatusOr<engine::DropCommand> command = decode();
  if (!command.ok()) {
    reactor->Finish(ToGrpc(command.status()));
    return reactor;
  }
  engine_.DropMemory(*std::move(command), [reactor, allow_missing = request->allow_missing()](
                                              absl::StatusOr<bool> dropped) {
    const bool missing = absl::IsNotFound(dropped.status()) && allow_missing;
    reactor->Finish(missing ? grpc::Status::OK : ToGrpc(dropped.status()));
  });
  return reactor;
}

}  // namespace mneme::server
