// Tokens and etags as a client may send them: any bytes.
#include "server/rpc/tokens.h"

#include "core/base/status.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

using absl::StatusCode;

bool Same(const engine::ReadToken& a, const engine::ReadToken& b) {
  return a.uid == b.uid && a.position == b.position;
}
bool Same(const server::ItemPageToken& a, const server::ItemPageToken& b) {
  return a.uid == b.uid && a.next_row == b.next_row && a.options == b.options &&
         a.filter_hash == b.filter_hash;
}
bool Same(const std::string& a, const std::string& b) { return a == b; }
bool Same(uint64_t a, uint64_t b) { return a == b; }
bool Same(const engine::Etag& a, const engine::Etag& b) { return a == b; }
bool Same(const engine::ItemEtag& a, const engine::ItemEtag& b) { return a == b; }

absl::StatusOr<engine::ItemEtag> ParseItemEtag(std::string_view bytes) {
  return server::ParseItemEtag(bytes, "etag");
}

// Whatever is taken for a token is one: made again from what it says, it says the same.
template <typename Encode, typename Decode>
void CheckDecode(std::string_view bytes, StatusCode refusal, Encode encode, Decode decode) {
  const auto token = decode(bytes);
  if (!token.ok()) return CheckError(token.status(), {refusal});
  const auto again = decode(encode(*token));
  MNEME_CHECK(again.ok() && Same(*again, *token));
}

// One changed bit is found out (or, in base64, changes nothing).
template <typename Token, typename Encode, typename Decode>
void CheckSealed(const Token& token, uint32_t bit, Encode encode, Decode decode) {
  std::string bytes = encode(token);
  const auto back = decode(bytes);
  MNEME_CHECK(back.ok() && Same(*back, token));
  bit %= static_cast<uint32_t>(8 * bytes.size());
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  const auto changed = decode(bytes);
  MNEME_CHECK(!changed.ok() || Same(*changed, token));
}

}  // namespace

void TestOne(std::string_view bytes) {
  CheckDecode(bytes, StatusCode::kInvalidArgument, server::EncodeReadToken,
              server::DecodeReadToken);
  CheckDecode(bytes, StatusCode::kInvalidArgument, server::EncodePageToken,
              server::DecodeItemPageToken);
  CheckDecode(bytes, StatusCode::kInvalidArgument, server::EncodeNameToken,
              server::DecodeNameToken);
  CheckDecode(bytes, StatusCode::kInvalidArgument, server::EncodeJobToken, server::DecodeJobToken);
  CheckDecode(bytes, StatusCode::kAborted, server::FormatEtag, server::ParseEtag);
  CheckDecode(bytes, StatusCode::kAborted, server::FormatItemEtag, ParseItemEtag);
  if (const auto etag = server::ParseEtag(bytes); etag.ok()) {
    MNEME_CHECK(server::FormatEtag(*etag) == bytes);  // one spelling each
  }

  Input in(bytes);
  const auto bit = in.Number<uint32_t>();
  const auto uid = in.Number<uint64_t>();
  const auto number = in.Number<uint64_t>();
  CheckSealed(engine::ReadToken{.uid = uid, .position = number}, bit, server::EncodeReadToken,
              server::DecodeReadToken);
  CheckSealed(engine::ItemEtag{.uid = uid, .row = number}, bit, server::FormatItemEtag,
              ParseItemEtag);
  CheckSealed(number, bit, server::EncodeJobToken, server::DecodeJobToken);
  CheckSealed(
      server::ItemPageToken{
          .uid = uid, .next_row = number, .options = in.Byte(), .filter_hash = number ^ uid},
      bit, server::EncodePageToken, server::DecodeItemPageToken);
  CheckSealed(std::string(in.rest()), bit, server::EncodeNameToken, server::DecodeNameToken);
}

std::vector<Seed> Seeds() {
  constexpr uint64_t kUid = 0x0123456789abcdef;
  return {{"read", server::EncodeReadToken({.uid = kUid, .position = 42})},
          {"page",
           server::EncodePageToken({.uid = kUid, .next_row = 17, .options = 3, .filter_hash = 5})},
          {"item_etag", server::FormatItemEtag({.uid = kUid, .row = 4})},
          {"name", server::EncodeNameToken("faces")},
          {"job", server::EncodeJobToken(12)},
          {"etag", server::FormatEtag({.uid = kUid, .revision = 7})},
          {"empty", ""}};
}

}  // namespace mneme::fuzz
