// GetItem and ListItems.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/call.h"
#include "server/rpc/convert.h"
#include "server/rpc/limits.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

constexpr uint32_t kPageDefault = 100;

enum PageOptions : uint8_t { kVectors = 1, kPayloads = 2 };

void EncodeItem(const engine::ItemRecord& item, engine::MemoryUid uid, v1::Item* to) {
  EncodeItemId(item.id, to->mutable_id());
  to->set_row(item.row);
  to->set_weight(item.weight);
  if (!item.key.empty())
    EncodeMatrix({item.key.data(), 1, item.key.size()}, v1::DTYPE_FLOAT32, to->mutable_key());
  if (!item.response.empty())
    EncodeMatrix({item.response.data(), 1, item.response.size()}, v1::DTYPE_FLOAT32,
                 to->mutable_response());
  to->set_payload(item.payload.payload);
  if (!item.payload.attributes.empty())
    to->mutable_attributes()->ParseFromString(item.payload.attributes);
  if (item.expire_unix_nanos != 0) {
    EncodeTimestamp(item.expire_unix_nanos, to->mutable_expire_time());
  }
  to->set_etag(FormatItemEtag({.uid = uid, .row = item.row}));
}

uint8_t OptionsOf(const v1::ListItemsRequest& request) {
  return static_cast<uint8_t>((request.include_vectors() ? kVectors : 0) |
                              (request.include_payloads() ? kPayloads : 0));
}

absl::StatusOr<engine::ListItemsCommand> DecodeList(const v1::ListItemsRequest& request,
                                                    DecodeArena&) {
  engine::ListItemsCommand command{.page_size = request.page_size() == 0
                                                    ? kPageDefault
                                                    : std::min(request.page_size(), kItemsPageMax),
                                   .filter = request.filter(),
                                   .vectors = request.include_vectors(),
                                   .payloads = request.include_payloads()};
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  if (request.page_token().empty()) return command;
  MNEME_ASSIGN_OR_RETURN(const ItemPageToken token, DecodeItemPageToken(request.page_token()));
  if (token.options != OptionsOf(request) || token.filter_hash != StableHash(request.filter())) {
    return InvalidArgument("the page token is of a listing with other options",
                           {.reason = "PAGE_TOKEN",
                            .given = "another filter, or other include_ fields",
                            .expected = "the same request but for the token",
                            .next_step = "Repeat the fields of the first page, or start again."});
  }
  command.uid = token.uid;
  command.first_row = token.next_row;
  return command;
}

struct GetItemCommand {
  std::string memory;
  ItemId id;
};

absl::StatusOr<GetItemCommand> DecodeGet(const v1::GetItemRequest& request, DecodeArena&) {
  GetItemCommand command;
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  MNEME_ASSIGN_OR_RETURN(command.id, DecodeItemId(request.id()));
  return command;
}

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::GetItem(Context* context,
                                                       const v1::GetItemRequest* request,
                                                       v1::Item* response) {
  return Serve<Verb::kRead>(
      bounds_, context, request, response, DecodeGet,
      [this](GetItemCommand command, engine::Done<engine::ItemRecord> done) {
        engine_.GetItem(std::move(command.memory), std::move(command.id), std::move(done));
      },
      [](const engine::ItemRecord& item, v1::Item* to) { EncodeItem(item, item.uid, to); });
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::ListItems(Context* context,
                                                         const v1::ListItemsRequest* request,
                                                         v1::ListItemsResponse* response) {
  return Serve<Verb::kRead>(
      bounds_, context, request, response, DecodeList,
      [this](engine::ListItemsCommand command, engine::Done<engine::ItemPage> done) {
        engine_.ListItems(std::move(command), std::move(done));
      },
      [request](const engine::ItemPage& page, v1::ListItemsResponse* to) {
        for (const engine::ItemRecord& item : page.items) {
          EncodeItem(item, page.uid, to->add_items());
        }
        if (!page.next_row.has_value()) return;
        to->set_next_page_token(EncodePageToken({.uid = page.uid,
                                                 .next_row = *page.next_row,
                                                 .options = OptionsOf(*request),
                                                 .filter_hash = StableHash(request->filter())}));
      });
}

}  // namespace mneme::server
