#include "client/cli/connection_flags.h"

#include <CLI/CLI.hpp>

namespace mneme::cli {

void AddConnectionFlags(CLI::App& app, Context& context) {
  app.add_option("--server,-s", context.server, "Where mnemed listens: HOST:PORT or unix:PATH")
      ->envname("MNEME_SERVER");
  app.add_option("--timeout", context.timeout, "Time for each request, retries included");
  app.add_flag("--tls", context.tls,
               "Connect by TLS, to a server whose certificate the system's authorities signed");
  app.add_option("--tls-ca", context.tls_ca,
                 "Connect by TLS; PEM file of who signed the server's certificate")
      ->envname("MNEME_TLS_CA");
  app.add_option("--tls-certificate", context.tls_certificate,
                 "PEM file of a certificate to show to the server");
  app.add_option("--tls-key", context.tls_key, "PEM file of its key");
  CLI::Option* key =
      app.add_option("--api-key-file", context.api_key_file,
                     "File with the key to call with; without it the key in MNEME_API_KEY");
  app.add_option("--token-file", context.token_file,
                 "File with a token of an identity provider to call with; without it the token in "
                 "MNEME_TOKEN")
      ->excludes(key);
  app.add_flag("--allow-plaintext-key", context.allow_plaintext_key,
               "Send the key or the token to another machine without TLS");
}

}  // namespace mneme::cli
