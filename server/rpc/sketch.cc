// ExportSketch and MergeSketch.
#include <memory>
#include <utility>

#include "core/base/status.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/convert.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

absl::StatusOr<engine::MergeCommand> DecodeMerge(const v1::MergeSketchRequest& from, DecodeArena&) {
  engine::MergeCommand to{.request_id = from.request_id()};
  MNEME_ASSIGN_OR_RETURN(to.memory, DecodeMemoryName(from.memory(), "memory"));
  MNEME_ASSIGN_OR_RETURN(to.sync, DecodeDurability(from.durability()));
  switch (from.source_case()) {
    case v1::MergeSketchRequest::kSketch:
      to.sketch = from.sketch();
      break;
    case v1::MergeSketchRequest::kFrom: {
      MNEME_ASSIGN_OR_RETURN(to.from, DecodeMemoryName(from.from(), "from"));
      break;
    }
    case v1::MergeSketchRequest::SOURCE_NOT_SET:
      return InvalidArgument("there is nothing to merge",
                             {.reason = "SKETCH",
                              .given = "neither sketch nor from",
                              .expected = "one of them",
                              .next_step = "Send the bytes of ExportSketch, or name a memory."});
  }
  if (!to.request_id.empty()) {
    BodyHash hash;
    hash.Add(std::string_view("merge"))
        .Add(std::string_view(to.sketch))
        .Add(std::string_view(to.from));
    to.body_hash = hash.value();
  }
  return to;
}

void EncodeMerged(const engine::WriteReply& reply, v1::MergeSketchResponse* to) {
  to->set_merged(reply.stored);
  to->set_read_token(EncodeReadToken({.uid = reply.uid, .position = reply.position}));
  to->set_position(reply.position);
  to->set_durability(EncodeDurability(reply.sync));
  to->set_replayed(reply.replayed);
  to->set_item_count(reply.item_count);
}

void EncodeSketch(const engine::SketchReply& reply, v1::ExportSketchResponse* to) {
  to->set_sketch(reply.sketch);
  to->set_item_count(reply.items);
  to->mutable_epoch()->set_uid(FormatUid(reply.uid));
  to->mutable_epoch()->set_position(reply.position);
}

}  // namespace

AdminServiceImpl::Reactor* AdminServiceImpl::ExportSketch(Context* context,
                                                          const v1::ExportSketchRequest* request,
                                                          v1::ExportSketchResponse* response) {
  return Serve<Verb::kRead>(
      bounds_, context, request, response,
      [](const v1::ExportSketchRequest& from, DecodeArena&) {
        return DecodeMemoryName(from.memory(), "memory");
      },
      [this](std::string name, engine::Done<engine::SketchReply> done) {
        RunOnDisk<engine::SketchReply>(
            std::move(done), [this, name = std::move(name)] { return engine_.ExportSketch(name); });
      },
      EncodeSketch);
}

AdminServiceImpl::Reactor* AdminServiceImpl::MergeSketch(Context* context,
                                                         const v1::MergeSketchRequest* request,
                                                         v1::MergeSketchResponse* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response, DecodeMerge,
      [this](engine::MergeCommand command, engine::Done<engine::WriteReply> done) {
        // Another memory's sums are copied first.
        auto shared = std::make_shared<engine::MergeCommand>(std::move(command));
        const absl::Status queued =
            disk_.Submit([this, shared, done] { engine_.MergeSketch(std::move(*shared), done); });
        if (!queued.ok()) done(queued);
      },
      EncodeMerged);
}

}  // namespace mneme::server
