// Opaque tokens: a client passes them back, nothing else. A token that was cut, changed or made up
// is INVALID_ARGUMENT.
#ifndef MNEME_SERVER_RPC_TOKENS_H_
#define MNEME_SERVER_RPC_TOKENS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/engine/types.h"

namespace mneme::server {

std::string EncodeReadToken(const engine::ReadToken& token);
absl::StatusOr<engine::ReadToken> DecodeReadToken(std::string_view bytes);

// Where a listing goes on, and what it listed: a token with other options is refused.
struct ItemPageToken {
  uint64_t uid = 0;
  uint64_t next_row = 0;
  uint8_t options = 0;
  uint64_t filter_hash = 0;
};
std::string EncodePageToken(const ItemPageToken& token);
absl::StatusOr<ItemPageToken> DecodeItemPageToken(std::string_view text);

// Of ListMemories: the last name of the page before.
std::string EncodeNameToken(std::string_view last_name);
absl::StatusOr<std::string> DecodeNameToken(std::string_view text);

// Of ListOperations: the number of the page's last job (engine/jobs.h).
std::string EncodeJobToken(uint64_t last_number);
absl::StatusOr<uint64_t> DecodeJobToken(std::string_view text);

// Memory.uid and Memory.etag.
std::string FormatUid(uint64_t uid);
std::string FormatEtag(const engine::Etag& etag);
// Aborted (ETAG) when it is not one of ours: it cannot be the present one.
absl::StatusOr<engine::Etag> ParseEtag(std::string_view etag);

// Item.etag. Opaque, sealed like a token.
std::string FormatItemEtag(const engine::ItemEtag& etag);
// Aborted (ETAG) when it is not one of ours: no item has it. `what` names the field.
absl::StatusOr<engine::ItemEtag> ParseItemEtag(std::string_view etag, std::string_view what);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_TOKENS_H_
