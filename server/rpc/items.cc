// GetItem and ListItems.
#include <utility>

#include "core/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/memory_service.h"
#include "server/rpc/status.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

constexpr uint32_t kPageDefault = 100;
constexpr uint32_t kPageMax = 10'000;

enum PageOptions : uint8_t { kVectors = 1, kPayloads = 2 };

void EncodeItem(const engine::ItemRecord& item, v1::Item* to) {
  EncodeItemId(item.id, to->mutable_id());
  to->set_row(item.row);
  to->set_weight(item.weight);
  if (!item.key.empty())
    EncodeMatrix({item.key.data(), 1, item.key.size()}, false, to->mutable_key());
  if (!item.response.empty())
    EncodeMatrix({item.response.data(), 1, item.response.size()}, false, to->mutable_response());
  to->set_payload(item.payload.payload);
  if (!item.payload.attributes.empty())
    to->mutable_attributes()->ParseFromString(item.payload.attributes);
}

absl::StatusOr<engine::ListItemsCommand> DecodeList(const v1::ListItemsRequest& request,
                                                    uint8_t options) {
  engine::ListItemsCommand command{.page_size = request.page_size() == 0
                                                    ? kPageDefault
                                                    : std::min(request.page_size(), kPageMax),
                                   .vectors = request.include_vectors(),
                                   .payloads = request.include_payloads()};
  MNEME_ASSIGN_OR_RETURN(command.memory, DecodeMemoryName(request.memory(), "memory"));
  if (request.page_token().empty()) return command;
  MNEME_ASSIGN_OR_RETURN(const ItemPageToken token, DecodeItemPageToken(request.page_token()));
  if (token.options != options) {
    return InvalidArgument("the page token is of a listing with other options",
                           {.reason = "PAGE_TOKEN",
                            .given = "other include_ fields",
                            .expected = "the same request but for the token",
                            .next_step = "Repeat the fields of the first page, or start again."});
  }
  command.uid = token.uid;
  command.first_row = token.next_row;
  return command;
}

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::GetItem(Context* context,
                                                       const v1::GetItemRequest* request,
                                                       v1::Item* response) {
  Reactor* reactor = context->DefaultReactor();
  absl::StatusOr<std::string> memory = DecodeMemoryName(request->memory(), "memory");
  absl::StatusOr<ItemId> id = DecodeItemId(request->id());
  if (!memory.ok() || !id.ok()) {
    reactor->Finish(ToGrpc(memory.ok() ? id.status() : memory.status()));
    return reactor;
  }
  engine_.GetItem(*std::move(memory), *std::move(id),
                  [reactor, response](absl::StatusOr<engine::ItemRecord> item) {
                    if (item.ok()) EncodeItem(*item, response);
                    reactor->Finish(ToGrpc(item.status()));
                  });
  return reactor;
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::ListItems(Context* context,
                                                         const v1::ListItemsRequest* request,
                                                         v1::ListItemsResponse* response) {
  Reactor* reactor = context->DefaultReactor();
  const auto options = static_cast<uint8_t>((request->include_vectors() ? kVectors : 0) |
                                            (request->include_payloads() ? kPayloads : 0));
  absl::StatusOr<engine::ListItemsCommand> command = DecodeList(*request, options);
  if (!command.ok()) {
    reactor->Finish(ToGrpc(command.status()));
    return reactor;
  }
  engine_.ListItems(*std::move(command),
                    [reactor, response, options](absl::StatusOr<engine::ItemPage> page) {
                      if (page.ok()) {
                        for (const engine::ItemRecord& item : page->items)
                          EncodeItem(item, response->add_items());
                        if (page->next_row.has_value()) {
                          response->set_next_page_token(EncodePageToken(
                              {.uid = page->uid, .next_row = *page->next_row, .options = options}));
                        }
                      }
                      reactor->Finish(ToGrpc(page.status()));
                    });
  return reactor;
}

}  // namespace mneme::server
