#include "mneme/tls.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/src/status.h"
#include "grpcpp/security/credentials.h"

namespace mneme::client {
namespace {

constexpr size_t kKeyBytesMax = 7 * 1024;  // of a token, as the server takes it

absl::StatusOr<std::string> ReadAll(const std::string& path, const char* reason, const char* what) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file.is_open() && file.peek() != std::ifstream::traits_type::eof()) text << file.rdbuf();
  if (!text.str().empty()) return text.str();
  return MakeError({.code = absl::StatusCode::kInvalidArgument,
                    .reason = reason,
                    .message = absl::StrCat("'", path, "' cannot be read, or is empty"),
                    .given = path,
                    .expected = what,
                    .next_step = "Correct the path, or the permissions of the file."});
}

absl::Status Unpaired(const TlsFiles& files) {
  const bool has_key = !files.key.empty();
  return MakeError(
      {.code = absl::StatusCode::kInvalidArgument,
       .reason = "TLS_FILES",
       .message = has_key ? "a key without its certificate" : "a certificate without its key",
       .given = has_key ? files.key : files.certificate,
       .expected = "both, or none of them",
       .next_step = "Name the files of one pair."});
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeTlsCredentials(
    const TlsFiles& files) {
  if (files.certificate.empty() != files.key.empty()) return Unpaired(files);
  grpc::SslCredentialsOptions options;
  const struct {
    const std::string& path;
    std::string& text;
  } reads[] = {{files.ca, options.pem_root_certs},
               {files.certificate, options.pem_cert_chain},
               {files.key, options.pem_private_key}};
  for (const auto& read : reads) {
    if (read.path.empty()) continue;
    absl::StatusOr<std::string> text = ReadAll(read.path, "TLS_FILES", "a PEM file");
    if (!text.ok()) return text.status();
    read.text = *std::move(text);
    if (absl::StrContains(read.text, "-----BEGIN ")) continue;
    return MakeError({.code = absl::StatusCode::kInvalidArgument,
                      .reason = "TLS_FILES",
                      .message = absl::StrCat("'", read.path, "' is no PEM file"),
                      .given = read.path,
                      .expected = "-----BEGIN ... and what follows it",
                      .next_step = "Convert it with openssl, or name another file."});
  }
  return grpc::SslCredentials(options);
}

absl::StatusOr<std::string> ReadApiKey(const std::string& path) {
  const absl::StatusOr<std::string> text =
      ReadAll(path, "API_KEY", "a file with the key or the token in it");
  if (!text.ok()) return text.status();
  const std::string key(absl::StripAsciiWhitespace(*text));
  const auto is_printable = [](unsigned char c) { return c > 0x20 && c < 0x7f; };
  if (!key.empty() && key.size() <= kKeyBytesMax &&
      std::all_of(key.begin(), key.end(), is_printable))
    return key;
  return MakeError({.code = absl::StatusCode::kInvalidArgument,
                    .reason = "API_KEY",
                    .message = absl::StrCat("'", path, "' does not hold one key or token"),
                    .given = absl::StrCat(text->size(), " bytes"),
                    .expected = "the line that `mnemectl auth make-key` printed, or one token",
                    .next_step = "Put it alone into the file."});
}

bool IsLocal(std::string_view target) {
  for (const std::string_view prefix :
       {"127.", "localhost:", "[::1]:", "ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:"}) {
    if (target.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace mneme::client
