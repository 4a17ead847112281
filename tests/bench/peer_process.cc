#include "tests/bench/peer_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

extern char** environ;

namespace mneme::bench {
namespace {

absl::Status Broken(std::string_view kind, std::string_view what) {
  return Unavailable(absl::StrCat("the peer ", AbslView(kind), " ", AbslView(what)),
                     {.reason = "PEER",
                      .given = std::string(kind),
                      .expected = "a peer that answers",
                      .next_step = "Run mneme-bench-peer by hand to see what it says."});
}

bool WriteFile(const std::string& path, const Matrix& matrix) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(matrix.data()),
             static_cast<std::streamsize>(matrix.bytes()));
  return file.flush().good();
}

}  // namespace

absl::StatusOr<std::unique_ptr<VectorFiles>> VectorFiles::Write(const Dataset& dataset) {
  auto out = std::make_unique<VectorFiles>();
  out->row_count_ = dataset.rows.rows();
  out->dim_ = dataset.rows.cols();
  out->l2_ = dataset.similarity == models::Similarity::kL2;
  if (!WriteFile(out->rows(), dataset.rows) || !WriteFile(out->cues(), dataset.cues)) {
    return ResourceExhausted("the vectors do not fit into the temporary folder",
                             {.reason = "FULL",
                              .given = absl::StrCat(dataset.rows.bytes(), " bytes"),
                              .expected = "room for them",
                              .next_step = "Set TMPDIR to a folder of another disk."});
  }
  return out;
}

absl::StatusOr<std::unique_ptr<PeerProcess>> PeerProcess::Start(const Context& context,
                                                                const VectorFiles& files,
                                                                const PeerOptions& options) {
  std::unique_ptr<PeerProcess> out(new PeerProcess);
  out->kind_ = options.kind;
  const size_t count = options.rows == 0 ? files.row_count() : options.rows;
  std::vector<std::string> words = {context.peer,
                                    options.kind,
                                    files.l2() ? "l2" : "ip",
                                    absl::StrCat(files.dim()),
                                    absl::StrCat(files.row_count()),
                                    absl::StrCat(options.threads),
                                    absl::StrCat(options.links),
                                    absl::StrCat(options.build_effort),
                                    files.rows(),
                                    absl::StrCat(count),
                                    files.cues(),
                                    out->directory_.path() + "/ids"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::array<int, 2> to{}, from{};
  if (pipe2(to.data(), O_CLOEXEC) != 0) return Broken(options.kind, "has no pipe");
  out->to_ = fdopen(to[1], "w");
  if (pipe2(from.data(), O_CLOEXEC) != 0) return Broken(options.kind, "has no pipe");
  out->from_ = fdopen(from[0], "r");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], 0);
  posix_spawn_file_actions_adddup2(&actions, from[1], 1);
  const int error =
      posix_spawn(&out->pid_, context.peer.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(to[0]);
  close(from[1]);
  if (error != 0) {
    out->pid_ = -1;
    return Broken(options.kind, absl::StrCat("does not start: there is no ", context.peer));
  }
  MNEME_ASSIGN_OR_RETURN(const std::string line, out->ReadLine());
  if (line == "missing") return nullptr;
  if (std::sscanf(line.c_str(), "ready %lf", &out->build_seconds_) != 1) {
    return Broken(options.kind, absl::StrCat("says '", line, "'"));
  }
  return out;
}

PeerProcess::~PeerProcess() {
  if (to_ != nullptr) std::fclose(to_);
  if (from_ != nullptr) std::fclose(from_);
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

absl::StatusOr<std::string> PeerProcess::ReadLine() {
  std::string line;
  for (int c = std::fgetc(from_); c != '\n'; c = std::fgetc(from_)) {
    if (c == EOF) return Broken(kind_, "ended");
    line.push_back(static_cast<char>(c));
  }
  return line;
}

absl::StatusOr<std::string> PeerProcess::Command(const std::string& line) {
  if (std::fprintf(to_, "%s\n", line.c_str()) < 0 || std::fflush(to_) != 0) {
    return Broken(kind_, "ended");
  }
  return ReadLine();
}

absl::StatusOr<double> PeerProcess::Search(const SearchOptions& options) {
  MNEME_ASSIGN_OR_RETURN(const std::string line,
                         Command(absl::StrCat("search ", options.first, " ", options.count, " ",
                                              options.k, " ", options.batch, " ", options.effort)));
  double seconds = 0;
  if (std::sscanf(line.c_str(), "ok %lf", &seconds) != 1) {
    return Broken(kind_, absl::StrCat("says '", line, "'"));
  }
  return static_cast<double>(options.count) / seconds;
}

absl::StatusOr<Lists> PeerProcess::Found(const SearchOptions& options) const {
  std::ifstream file(directory_.path() + "/ids", std::ios::binary);
  Lists out(options.count, std::vector<uint64_t>(options.k));
  for (std::vector<uint64_t>& list : out) {
    if (!file.read(reinterpret_cast<char*>(list.data()),
                   static_cast<std::streamsize>(list.size() * sizeof(uint64_t)))) {
      return Broken(kind_, "wrote too few answers");
    }
  }
  return out;
}

absl::StatusOr<PeerProcess::Mixed> PeerProcess::InsertAndAsk(double seconds, size_t k, int effort) {
  MNEME_ASSIGN_OR_RETURN(const std::string line,
                         Command(absl::StrCat("mixed ", seconds, " ", k, " ", effort)));
  unsigned long inserts = 0, answers = 0;
  double spent = 0;
  if (std::sscanf(line.c_str(), "ok %lu %lu %lf", &inserts, &answers, &spent) != 3) {
    return Broken(kind_, absl::StrCat("says '", line, "'"));
  }
  return Mixed{.inserts_per_second = static_cast<double>(inserts) / spent,
               .answers_per_second = static_cast<double>(answers) / spent};
}

}  // namespace mneme::bench
