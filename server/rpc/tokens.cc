#include "server/rpc/tokens.h"

#include <charconv>

#include "absl/strings/escaping.h"
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

enum Kind : uint8_t { kRead = 'r', kItems = 'i', kNames = 'n', kJobs = 'o', kItemEtag = 'e' };

// kind, body, crc: so that what is not ours is told from what is.
std::string Seal(Kind kind, std::string_view body) {
  ByteWriter out;
  out.Put(kind);
  out.PutRaw(body);
  std::string bytes = out.Take();
  const uint32_t crc = Crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&crc), sizeof(crc));
  return bytes;
}

absl::Status BadToken(std::string_view what) {
  return InvalidArgument(absl::StrFormat("the %s is not one that this server made", AbslView(what)),
                         {.reason = "TOKEN",
                          .given = "other bytes",
                          .expected = absl::StrCat("a ", AbslView(what), ", unchanged"),
                          .next_step = "Pass tokens on as they came, or leave them out."});
}

absl::StatusOr<std::string_view> Open(Kind kind, std::string_view what, std::string_view bytes) {
  if (bytes.size() < 5 || bytes[0] != static_cast<char>(kind)) return BadToken(what);
  ByteReader tail(bytes.substr(bytes.size() - 4));
  const std::string_view sealed = bytes.substr(0, bytes.size() - 4);
  if (tail.Get<uint32_t>() != Crc32c(sealed)) return BadToken(what);
  return sealed.substr(1);
}

std::string ToText(std::string_view bytes) { return absl::WebSafeBase64Escape(AbslView(bytes)); }

absl::StatusOr<std::string> FromText(std::string_view what, std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(AbslView(text), &bytes)) return BadToken(what);
  return bytes;
}

}  // namespace

std::string EncodeReadToken(const engine::ReadToken& token) {
  ByteWriter out;
  out.Put(token.uid);
  out.Put(token.position);
  return Seal(kRead, out.Take());
}

absl::StatusOr<engine::ReadToken> DecodeReadToken(std::string_view bytes) {
  MNEME_ASSIGN_OR_RETURN(const std::string_view body, Open(kRead, "read token", bytes));
  ByteReader in(body);
  engine::ReadToken token{.uid = in.Get<uint64_t>(), .position = in.Get<uint64_t>()};
  if (!in.done()) return BadToken("read token");
  return token;
}

std::string EncodePageToken(const ItemPageToken& token) {
  ByteWriter out;
  out.Put(token.uid);
  out.Put(token.next_row);
  out.Put(token.options);
  out.Put(token.filter_hash);
  return ToText(Seal(kItems, out.Take()));
}

absl::StatusOr<ItemPageToken> DecodeItemPageToken(std::string_view text) {
  MNEME_ASSIGN_OR_RETURN(const std::string bytes, FromText("page token", text));
  MNEME_ASSIGN_OR_RETURN(const std::string_view body, Open(kItems, "page token", bytes));
  ByteReader in(body);
  ItemPageToken token;
  token.uid = in.Get<uint64_t>();
  token.next_row = in.Get<uint64_t>();
  token.options = in.Get<uint8_t>();
  token.filter_hash = in.Get<uint64_t>();
  if (!in.done()) return BadToken("page token");
  return token;
}

std::string EncodeNameToken(std::string_view last_name) { return ToText(Seal(kNames, last_name)); }

absl::StatusOr<std::string> DecodeNameToken(std::string_view text) {
  MNEME_ASSIGN_OR_RETURN(const std::string bytes, FromText("page token", text));
  MNEME_ASSIGN_OR_RETURN(const std::string_view body, Open(kNames, "page token", bytes));
  return std::string(body);
}

std::string EncodeJobToken(uint64_t last_number) {
  ByteWriter out;
  out.Put(last_number);
  return ToText(Seal(kJobs, out.Take()));
}

absl::StatusOr<uint64_t> DecodeJobToken(std::string_view text) {
  MNEME_ASSIGN_OR_RETURN(const std::string bytes, FromText("page token", text));
  MNEME_ASSIGN_OR_RETURN(const std::string_view body, Open(kJobs, "page token", bytes));
  ByteReader in(body);
  const uint64_t last_number = in.Get<uint64_t>();
  if (!in.done()) return BadToken("page token");
  return last_number;
}

std::string FormatUid(uint64_t uid) { return absl::StrCat(absl::Hex(uid, absl::kZeroPad16)); }

std::string FormatEtag(const engine::Etag& etag) {
  return absl::StrCat(etag.revision, "-", FormatUid(etag.uid));
}

absl::StatusOr<engine::Etag> ParseEtag(std::string_view text) {
  engine::Etag etag;
  const size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    std::from_chars(text.data(), text.data() + dash, etag.revision);
    std::from_chars(text.data() + dash + 1, text.data() + text.size(), etag.uid, 16);
  }
  if (FormatEtag(etag) == text) return etag;
  return Aborted(
      absl::StrFormat("'%s' is not an etag of this server", AbslView(text.substr(0, 80))),
      {.reason = "ETAG",
       .given = std::string(text.substr(0, 80)),
       .expected = "the etag of the memory as it is now",
       .next_step = "Read the memory again and use its etag."});
}

std::string FormatItemEtag(const engine::ItemEtag& etag) {
  ByteWriter out;
  out.Put(etag.uid);
  out.Put(etag.row);
  return ToText(Seal(kItemEtag, out.Take()));
}

absl::StatusOr<engine::ItemEtag> ParseItemEtag(std::string_view text, std::string_view what) {
  const absl::StatusOr<std::string> bytes = FromText(what, text);
  const absl::StatusOr<std::string_view> body =
      bytes.ok() ? Open(kItemEtag, what, *bytes) : bytes.status();
  if (body.ok()) {
    ByteReader in(*body);
    engine::ItemEtag etag;
    etag.uid = in.Get<uint64_t>();
    etag.row = in.Get<uint64_t>();
    if (in.done()) return etag;
  }
  return Aborted(absl::StrFormat("%s: '%s' is not an etag of an item", AbslView(what),
                                 AbslView(text.substr(0, 80))),
                 {.reason = "ETAG",
                  .given = std::string(text.substr(0, 80)),
                  .expected = "the etag of the item as it is now",
                  .next_step = "Read the item again and use its etag."});
}

}  // namespace mneme::server
