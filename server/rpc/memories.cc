// CreateMemory, GetMemory, ListMemories, UpdateMemory, DeleteMemory.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/call.h"
#include "server/rpc/convert.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/tokens.h"
#include "server/rpc/visible.h"

namespace mneme::server {
namespace {

absl::StatusOr<engine::CreateCommand> DecodeCreate(const v1::CreateMemoryRequest& request,
                                                   DecodeArena&) {
  engine::CreateCommand command{.name = request.memory_id(), .request_id = request.request_id()};
  if (command.name.empty()) {
    MNEME_ASSIGN_OR_RETURN(command.name,
                           DecodeMemoryName(request.memory().name(), "memory_id, or memory.name"));
  }
  command.labels.description = request.memory().description();
  command.labels.labels = {request.memory().labels().begin(), request.memory().labels().end()};
  MNEME_ASSIGN_OR_RETURN(command.spec, DecodeSpec(request.memory()));
  MNEME_ASSIGN_OR_RETURN(command.item_policy, DecodeItemPolicy(request.memory().item_policy()));
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

absl::StatusOr<engine::DropCommand> DecodeDrop(const v1::DeleteMemoryRequest& request,
                                               DecodeArena&) {
  engine::DropCommand command;
  MNEME_ASSIGN_OR_RETURN(command.name, DecodeMemoryName(request.name(), "name"));
  if (!request.etag().empty()) {
    MNEME_ASSIGN_OR_RETURN(command.etag, ParseEtag(request.etag()));
  }
  return command;
}

}  // namespace

MemoryServiceImpl::MemoryServiceImpl(engine::Engine& engine, const Clock& clock, ServerFacts facts,
                                     CallBounds& bounds)
    : engine_(engine), clock_(clock), facts_(std::move(facts)), bounds_(bounds) {
  Guard(bounds, this, &MemoryServiceImpl::CreateMemory, &MemoryServiceImpl::GetMemory,
        &MemoryServiceImpl::ListMemories, &MemoryServiceImpl::UpdateMemory,
        &MemoryServiceImpl::DeleteMemory, &MemoryServiceImpl::Store,
        &MemoryServiceImpl::DeleteItems, &MemoryServiceImpl::GetItem, &MemoryServiceImpl::ListItems,
        &MemoryServiceImpl::Retrieve, &MemoryServiceImpl::ListwiseQuery,
        &MemoryServiceImpl::Explain, &MemoryServiceImpl::Train, &MemoryServiceImpl::Forecast,
        &MemoryServiceImpl::GetServerInfo);
  GuardStream<v1::StoreStreamRequest>(this, &MemoryServiceImpl::OpenStoreStream);
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::CreateMemory(Context* context,
                                                            const v1::CreateMemoryRequest* request,
                                                            v1::Memory* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response, DecodeCreate,
      [this](engine::CreateCommand command, engine::Done<engine::MemoryInfo> done) {
        engine_.CreateMemory(std::move(command), std::move(done));
      },
      [this](const engine::MemoryInfo& info, v1::Memory* to) {
        EncodeMemory(info, engine_.MeterOf(info), to);
      });
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::GetMemory(Context* context,
                                                         const v1::GetMemoryRequest* request,
                                                         v1::Memory* response) {
  return ServeNow(bounds_, context, request, response,
                  [this](const v1::GetMemoryRequest& from, v1::Memory* to) -> absl::Status {
                    MNEME_ASSIGN_OR_RETURN(const std::string name,
                                           DecodeMemoryName(from.name(), "name"));
                    MNEME_ASSIGN_OR_RETURN(const engine::MemoryInfo info, engine_.GetMemory(name));
                    EncodeMemory(info, engine_.MeterOf(info), to);
                    return absl::OkStatus();
                  });
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::ListMemories(Context* context,
                                                            const v1::ListMemoriesRequest* request,
                                                            v1::ListMemoriesResponse* response) {
  return ServeNow(bounds_, context, request, response,
                  [this](const v1::ListMemoriesRequest& from, v1::ListMemoriesResponse* to,
                         const Caller& caller) -> absl::Status {
                    std::string after;
                    if (!from.page_token().empty()) {
                      MNEME_ASSIGN_OR_RETURN(after, DecodeNameToken(from.page_token()));
                    }
                    const uint32_t size = PageSize(from.page_size());
                    const std::vector<engine::MemoryInfo> memories = ListVisible(
                        std::move(after), size + 1,
                        [this](const std::string& last, size_t most) {
                          return engine_.ListMemories(last, most);
                        },
                        [](const engine::MemoryInfo& info) { return info.name; },
                        [&](const engine::MemoryInfo& info) {
                          return caller.MayDo(v1::ROLE_READER, info.name);
                        });
                    for (size_t i = 0; i < std::min<size_t>(size, memories.size()); ++i)
                      EncodeMemory(memories[i], std::nullopt, to->add_memories());
                    if (memories.size() > size)
                      to->set_next_page_token(EncodeNameToken(memories[size - 1].name));
                    return absl::OkStatus();
                  });
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::UpdateMemory(Context* context,
                                                            const v1::UpdateMemoryRequest* request,
                                                            v1::Memory* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response,
      [](const v1::UpdateMemoryRequest& from, DecodeArena&) { return DecodeUpdate(from); },
      [this](engine::UpdateCommand command, engine::Done<engine::MemoryInfo> done) {
        engine_.UpdateMemory(std::move(command), std::move(done));
      },
      [this](const engine::MemoryInfo& info, v1::Memory* to) {
        EncodeMemory(info, engine_.MeterOf(info), to);
      });
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::DeleteMemory(Context* context,
                                                            const v1::DeleteMemoryRequest* request,
                                                            google::protobuf::Empty* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response, DecodeDrop,
      [this, missing_is_fine = request->allow_missing()](engine::DropCommand command,
                                                         engine::Done<bool> done) {
        engine_.DropMemory(std::move(command),
                           [missing_is_fine, done = std::move(done)](absl::StatusOr<bool> dropped) {
                             if (missing_is_fine && absl::IsNotFound(dropped.status()))
                               dropped = false;
                             done(std::move(dropped));
                           });
      },
      [](bool, google::protobuf::Empty*) {});
}

}  // namespace mneme::server
