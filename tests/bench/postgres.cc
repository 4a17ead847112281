#include "tests/bench/postgres.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mneme::bench {
namespace {

// The folder of the newest installed version's programs, or none.
std::string ProgramsFolder() {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    const std::string folder = version.path().string() + "/bin";
    if (std::filesystem::exists(folder + "/initdb") &&
        std::filesystem::exists(folder + "/pgbench")) {
      found.push_back(folder);
    }
  }
  return found.empty() ? "" : *std::ranges::max_element(found);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Postgres>> Postgres::Start(std::string* missing) {
  const std::string programs = ProgramsFolder();
  if (programs.empty()) {
    *missing = "PostgreSQL: not installed (deploy/install-deps bench)";
    return nullptr;
  }
  std::unique_ptr<Postgres> out(new Postgres(programs));
  const std::string& folder = out->directory_.path();
  if (geteuid() == 0) {  // the server refuses to run as root
    const passwd* user = getpwnam("postgres");
    if (user == nullptr || chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
      *missing = "PostgreSQL: run as root, and there is no user postgres to run it as";
      return nullptr;
    }
  }
  MNEME_RETURN_IF_ERROR(
      out->Run(absl::StrCat(programs, "/initdb -D ", folder, "/data -U bench -A trust")).status());
  MNEME_RETURN_IF_ERROR(out->Run(absl::StrCat(programs, "/pg_ctl -D ", folder, "/data -l ", folder,
                                              "/log -w -o \"-k ", folder,
                                              " -c listen_addresses= -c shared_buffers=512MB ",
                                              "-c max_wal_size=8GB -c max_connections=200\" start"))
                            .status());
  out->running_ = true;
  MNEME_RETURN_IF_ERROR(
      out->Run(absl::StrCat(programs, "/psql -q -h ", folder, " -U bench -d postgres -c \"create ",
                            "table items (id bigserial primary key, key bytea)\""))
          .status());
  return out;
}

Postgres::~Postgres() {
  if (!running_) return;
  const auto ignored =
      Run(absl::StrCat(programs_, "/pg_ctl -D ", directory_.path(), "/data -m immediate stop"));
}

absl::StatusOr<double> Postgres::InsertsPerSecond(int clients, int seconds, size_t bytes) {
  const std::string& folder = directory_.path();
  const std::string script = folder + "/insert.sql";
  std::string hex;
  for (size_t i = 0; i < bytes; ++i) hex += "a7";
  std::ofstream(script) << "insert into items (key) values ('\\x" << hex << "');\n";
  MNEME_ASSIGN_OR_RETURN(
      const std::string said,
      Run(absl::StrCat(programs_, "/pgbench -n -M prepared -h ", folder, " -U bench -c ", clients,
                       " -j 2 -T ", seconds, " -f ", script, " postgres")));
  const size_t at = said.find("tps = ");
  double rate = 0;
  if (at == std::string::npos || std::sscanf(said.c_str() + at, "tps = %lf", &rate) != 1) {
    return Internal(absl::StrCat("pgbench says: ", said));
  }
  return rate;
}

absl::StatusOr<std::string> Postgres::Run(const std::string& command) const {
  // Single quotes would end the quoting of `su`; no command of ours has any.
  const std::string whole = absl::StrCat(
      "cd ", directory_.path(), " && ",
      geteuid() == 0 ? absl::StrCat("su postgres -s /bin/sh -c '", command, "'") : command,
      " 2>&1 </dev/null");
  FILE* pipe = popen(whole.c_str(), "r");
  if (pipe == nullptr) return Internal("no process can be started");
  std::string said;
  std::array<char, 4096> piece;
  for (size_t n = 0; (n = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
    said.append(piece.data(), n);
  }
  if (pclose(pipe) != 0) {
    return Unavailable(absl::StrCat("PostgreSQL says: ", said),
                       {.reason = "PEER",
                        .given = command,
                        .expected = "a command that works",
                        .next_step = "Run it by hand, or uninstall PostgreSQL to leave it out."});
  }
  return said;
}

}  // namespace mneme::bench
