// TLS for a Client, from PEM files.
//
//   auto credentials = mneme::client::MakeTlsCredentials({.ca = "ca.pem"});
//   if (!credentials.ok()) ...
//   mneme::client::Client client({.target = "db.example.org:7411",
//                                 .credentials = *credentials, .api_key = key});
//
// Threads: pure functions but for the files.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_TLS_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_TLS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace grpc {
class ChannelCredentials;
}  // namespace grpc

namespace mneme::client {

struct TlsFiles {
  std::string ca;           // who signs the server's certificate; empty: the system's authorities
  std::string certificate;  // of this client, for a server that asks for one
  std::string key;          // of that certificate
};

// InvalidArgument (TLS_FILES): a file that cannot be read, a certificate without its key.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeTlsCredentials(const TlsFiles& files);

// The key that a file holds: its one line. InvalidArgument (API_KEY): unreadable, empty, more
// lines.
absl::StatusOr<std::string> ReadApiKey(const std::string& path);

// The target is this machine: what is sent there in plain text is not seen on the way.
bool IsLocal(std::string_view target);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_TLS_H_
