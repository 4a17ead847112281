// mnemectl auth make-key
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/commands.h"
#include "client/cli/json.h"

namespace mneme::cli {
namespace {

constexpr size_t kSecretBytes = 32;
constexpr int kDaysMax = 36'500;
constexpr size_t kNameBytesMax = 128;

struct KeyFlags {
  std::string name;
  std::string role = "reader";
  std::vector<std::string> memories = {"*"};
  int days = 0;
  std::string key_file;
};

struct Key {
  std::string secret;
  std::string sha256;     // in hexadecimal
  std::string not_after;  // empty: for ever
};

absl::StatusOr<Key> MakeKey(int days) {
  std::array<unsigned char, kSecretBytes> random;
  std::array<unsigned char, 32> digest;
  Key key;
  const bool drawn = RAND_bytes(random.data(), static_cast<int>(random.size())) == 1;
  const std::string bytes(random.begin(), random.end());
  key.secret = absl::StrCat("mneme_", absl::WebSafeBase64Escape(bytes));
  const bool hashed = EVP_Q_digest(nullptr, "SHA256", nullptr, key.secret.data(), key.secret.size(),
                                   digest.data(), nullptr) == 1;
  if (!drawn || !hashed) return absl::InternalError("OpenSSL gave no random key");
  key.sha256 = absl::BytesToHexString(std::string(digest.begin(), digest.end()));
  if (days > 0) {
    key.not_after = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now() + absl::Hours(24) * days,
                                     absl::UTCTimeZone());
  }
  return key;
}

// Between quotes: a name may hold whatever YAML takes for something else.
std::string Quoted(const std::string& text) { return Dump(nlohmann::ordered_json(text)); }

std::string EntryOf(const KeyFlags& flags, const Key& key) {
  std::string entry =
      absl::StrCat("  - name: ", Quoted(flags.name), "\n    sha256: ", key.sha256, "\n");
  if (!key.not_after.empty()) absl::StrAppend(&entry, "    not_after: ", key.not_after, "\n");
  absl::StrAppend(&entry, "    grants:\n");
  for (const std::string& memory : flags.memories) {
    absl::StrAppend(&entry, "      - {role: ", flags.role, ", memories: ", Quoted(memory), "}\n");
  }
  return entry;
}

// For its owner alone; never over a key that is there.
absl::Status SaveKey(const std::string& path, const std::string& secret) {
  const std::string line = secret + "\n";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool saved =
      file >= 0 && write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  if (file >= 0 && close(file) == 0 && saved) return absl::OkStatus();
  return UsageError(absl::StrCat("the key cannot be written to '", path, "'"), path,
                    "a new file in a folder that can be written", "Choose another file.");
}

absl::Status PrintKey(const KeyFlags& flags, const Context& context) {
  if (flags.name.empty() || flags.name.size() > kNameBytesMax) {
    return UsageError("the name is empty or too long", absl::StrCat(flags.name.size(), " bytes"),
                      absl::StrCat("1 to ", kNameBytesMax, " bytes"), "Choose another name.");
  }
  const absl::StatusOr<Key> key = MakeKey(flags.days);
  if (!key.ok()) return key.status();
  const std::string entry = EntryOf(flags, *key);
  const bool is_saved = !flags.key_file.empty();
  if (is_saved) {
    if (absl::Status saved = SaveKey(flags.key_file, key->secret); !saved.ok()) return saved;
  }
  if (context.json) {
    context.io.out << Dump({{"name", flags.name},
                            {"key", is_saved ? "" : key->secret},
                            {"sha256", key->sha256},
                            {"not_after", key->not_after},
                            {"entry", entry}})
                   << "\n";
    return absl::OkStatus();
  }
  if (is_saved) {
    context.io.out << entry;
    return absl::OkStatus();
  }
  // The key alone on standard output, so that `> file` keeps it and the entry is still seen.
  context.io.out << key->secret << "\n";
  context.io.err << "The key is printed once. The server knows it by this entry under `keys:` of "
                    "its auth.file:\n\n"
                 << entry << "\nThen reload the server.\n";
  return absl::OkStatus();
}

}  // namespace

void AddAuthCommands(CLI::App& app, Context& context) {
  CLI::App* auth = app.add_subcommand("auth", "Keys to call a server with");
  auth->require_subcommand(1);
  CLI::App* make = auth->add_subcommand(
      "make-key", "Make a random key; print it, and its entry for the server's auth.file");
  make->footer(
      "No server is asked.\n\n"
      "Example:\n"
      "  mnemectl auth make-key ingest --role writer --memories 'faces-*'\n"
      "  mnemectl auth make-key ingest --key-file ingest.key >> auth.yaml\n"
      "  mnemectl --api-key-file ingest.key store faces-2026 keys.npy");
  auto flags = std::make_shared<KeyFlags>();
  make->add_option("NAME", flags->name, "Who will call with it; stands in the audit log")
      ->required();
  make->add_option("--role", flags->role, "What it may do")
      ->check(CLI::IsMember({"reader", "writer", "trainer", "admin"}));
  make->add_option("--memories", flags->memories,
                   "On which memories: names, with * for any characters")
      ->expected(1, -1);
  make->add_option("--days", flags->days, "Valid for so many days; 0: for ever")
      ->check(CLI::Range(0, kDaysMax));
  make->add_option("--key-file", flags->key_file,
                   "Write the key into this new file, and print the entry alone");
  make->callback([&context, flags] {
    context.action = [&context, flags] { return PrintKey(*flags, context); };
  });
}

}  // namespace mneme::cli
