// What an abuser costs the others: one client reads without pause, in turns without and with each
// kind of abuse beside it, of one daemon. Prints a table; asserts nothing.
//
//   faults_abuse_cost [--repeats=5] [--seconds=2] [--bursts=50] [NAME...]
//
// The abuser is a process of its own at nice 19 that sends at most `bursts` bursts a second (of 100
// calls, of some 120 KB of headers, of 1,000 frames and more; see Floods) and comes back ten times
// a second once it is cut off. Each turn has an address of its own, so that a penalty for the last
// one spares nobody.
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "tests/faults/abuse.h"

namespace mneme::test {
namespace {

using std::chrono::steady_clock;

constexpr int kDim = 64;
constexpr int kRows = 500;
constexpr int kIdle = 5'000;
constexpr int kSlow = 500;
// What the machine itself does to the figures: they are worth nothing where this row is not calm.
constexpr char kNobody[] = "nobody";
constexpr char kIdleCrowd[] = "5,000 idle connections";
constexpr char kSlowPreface[] = "500 slow prefaces";
constexpr auto kPauseOnceCut = std::chrono::milliseconds(100);

struct Settings {
  int repeats = 5;
  double seconds = 2;
  int bursts = 50;
  std::vector<std::string> names;
  std::string abuser, source;  // of the abuser's own process
  int port = 0;
};

void Pause(std::chrono::nanoseconds time) {
  poll(nullptr, 0, static_cast<int>(time / std::chrono::milliseconds(1)));
}

[[noreturn]] void Flood(const Abuse& abuse, const Settings& settings) {
  const auto between = std::chrono::nanoseconds(1'000'000'000 / settings.bursts);
  while (true) {
    RawConnection connection(settings.port, settings.source);
    bool open = connection.Send(Preface() + abuse.opening);
    auto due = steady_clock::now();
    for (uint64_t number = 0; open; ++number) {
      open = connection.Send(abuse.burst(number));
      due += between;
      Pause(due - steady_clock::now());
    }
    Pause(kPauseOnceCut);
  }
}

// Opens connections, each with `first`, then sends a byte of `rest` on each now and then.
[[noreturn]] void Crowd(int count, const std::string& first, const std::string& rest,
                        const Settings& settings) {
  std::vector<RawConnection> crowd;
  for (int i = 0; i < count; ++i) {
    crowd.emplace_back(settings.port, settings.source).Send(first);
    if (i % 50 == 0) Pause(std::chrono::milliseconds(10));  // 5,000 a second
  }
  for (size_t at = 0;; ++at) {
    Pause(std::chrono::milliseconds(500));
    for (RawConnection& each : crowd) {
      if (at < rest.size()) each.Send(rest.substr(at, 1));
    }
  }
}

std::vector<std::string> AllNames() {
  std::vector<std::string> out = {kNobody};
  for (const Abuse& abuse : Floods()) out.push_back(abuse.name);
  out.insert(out.end(), {kIdleCrowd, kSlowPreface});
  return out;
}

[[noreturn]] void RunAbuser(const Settings& settings) {
  while (settings.abuser == kNobody) Pause(std::chrono::seconds(1));
  if (settings.abuser == kIdleCrowd) Crowd(kIdle, Preface(), "", settings);
  if (settings.abuser == kSlowPreface) Crowd(kSlow, "P", Preface().substr(1), settings);
  for (const Abuse& abuse : Floods()) {
    if (abuse.name == settings.abuser) Flood(abuse, settings);
  }
  std::exit(2);
}

class Abuser {
 public:
  Abuser(const std::string& name, int port, int turn, int bursts) : pid_(fork()) {
    if (pid_ != 0) return;
    setpriority(PRIO_PROCESS, 0, 19);
    const std::string arguments[] = {
        "--abuser=" + name, absl::StrCat("--port=", port), absl::StrCat("--bursts=", bursts),
        absl::StrCat("--source=127.0.", 1 + turn / 250, ".", 1 + turn % 250)};
    execl("/proc/self/exe", "abuser", arguments[0].c_str(), arguments[1].c_str(),
          arguments[2].c_str(), arguments[3].c_str(), nullptr);
    _exit(127);
  }
  pid_t pid() const { return pid_; }
  ~Abuser() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Abuser(const Abuser&) = delete;

 private:
  const pid_t pid_;
};

// That a process has used, in seconds.
double CpuOf(pid_t pid) {
  clockid_t clock = {};
  timespec used = {};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

struct Sample {
  double rate = 0, p50 = 0, p99 = 0;  // a second, ms
  double cpu = 0;                     // of the server and of what `other` is, in % of a core
  double other_cpu = 0;
  uint64_t failed = 0;
};

Sample Measure(const Daemon& daemon, double seconds, pid_t other = -1) {
  Reader reader(daemon, "memories/read", kDim);
  const auto start = steady_clock::now();
  const double cpu = CpuOf(daemon.pid());
  Pause(std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9)));
  reader.Stop();
  const double taken = std::chrono::duration<double>(steady_clock::now() - start).count();
  return {.rate = static_cast<double>(reader.times().count()) / taken,
          .p50 = reader.times().Quantile(0.5),
          .p99 = reader.times().Quantile(0.99),
          .cpu = 100 * (CpuOf(daemon.pid()) - cpu) / taken,
          .other_cpu = other < 0 ? 0 : 100 * CpuOf(other) / taken,
          .failed = reader.failed()};
}

std::string MedianAndSpread(std::vector<double> values, const char* format) {
  std::sort(values.begin(), values.end());
  char text[96];
  const std::string whole = absl::StrCat(format, " (", format, " to ", format, ")");
  std::snprintf(text, sizeof(text), whole.c_str(), values[values.size() / 2], values.front(),
                values.back());
  return text;
}

std::vector<double> Each(const std::vector<Sample>& samples, double Sample::*field) {
  std::vector<double> out;
  for (const Sample& sample : samples) out.push_back(sample.*field);
  return out;
}

void Compare(const std::string& name, const Daemon& daemon, const Settings& settings, int* turn) {
  std::vector<Sample> calm, abused;
  std::vector<double> ratios;
  uint64_t failed = 0;
  for (int i = 0; i < settings.repeats; ++i) {
    calm.push_back(Measure(daemon, settings.seconds));
    const Abuser abuser(name, daemon.port(), (*turn)++, settings.bursts);
    abused.push_back(Measure(daemon, settings.seconds, abuser.pid()));
    ratios.push_back(100 * abused.back().rate / calm.back().rate);
    failed += abused.back().failed + calm.back().failed;
  }
  std::printf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %llu |\n", name.c_str(),
              MedianAndSpread(ratios, "%.0f").c_str(),
              MedianAndSpread(Each(calm, &Sample::p50), "%.2f").c_str(),
              MedianAndSpread(Each(abused, &Sample::p50), "%.2f").c_str(),
              MedianAndSpread(Each(calm, &Sample::p99), "%.2f").c_str(),
              MedianAndSpread(Each(abused, &Sample::p99), "%.2f").c_str(),
              MedianAndSpread(Each(calm, &Sample::cpu), "%.0f").c_str(),
              MedianAndSpread(Each(abused, &Sample::cpu), "%.0f").c_str(),
              MedianAndSpread(Each(abused, &Sample::other_cpu), "%.0f").c_str(),
              static_cast<unsigned long long>(failed));  // NOLINT(google-runtime-int)
  std::fflush(stdout);
}

Settings Parse(int argc, char** argv) {
  Settings out;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    bool good = true;
    if (absl::ConsumePrefix(&argument, "--repeats=")) {
      good = absl::SimpleAtoi(argument, &out.repeats) && out.repeats > 0;
    } else if (absl::ConsumePrefix(&argument, "--seconds=")) {
      good = absl::SimpleAtod(argument, &out.seconds) && out.seconds > 0;
    } else if (absl::ConsumePrefix(&argument, "--bursts=")) {
      good = absl::SimpleAtoi(argument, &out.bursts) && out.bursts > 0;
    } else if (absl::ConsumePrefix(&argument, "--port=")) {
      good = absl::SimpleAtoi(argument, &out.port);
    } else if (absl::ConsumePrefix(&argument, "--abuser=")) {
      out.abuser = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--source=")) {
      out.source = std::string(argument);
    } else {
      out.names.emplace_back(argument);
    }
    if (!good) {
      std::fprintf(stderr, "%s: not a number that makes sense\n", argv[i]);
      std::exit(2);
    }
  }
  const std::vector<std::string> known = AllNames();
  for (const std::string& name : out.names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::fprintf(stderr, "%s: no abuse of that name; there are: %s\n", name.c_str(),
                 absl::StrJoin(known, ", ").c_str());
    std::exit(2);
  }
  return out;
}

int Main(int argc, char** argv) {
  Settings settings = Parse(argc, argv);
  if (!settings.abuser.empty()) RunAbuser(settings);
  if (settings.names.empty()) settings.names = AllNames();
  const TemporaryDirectory directory;
  const auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), {"--log.level=error"});
  if (daemon->port() == 0) return 1;
  MakeReadMemory(*v1::MemoryService::NewStub(daemon->Connect()), "read", kDim, kRows);
  std::printf(
      "| abuse | rate, %% of calm | p50 calm, ms | p50 abused | p99 calm | p99 abused | server "
      "calm, "
      "%% of a core | server abused | abuser | failed |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  int turn = 1;
  for (const std::string& name : settings.names) Compare(name, *daemon, settings, &turn);
  return daemon->running() ? 0 : 1;
}

}  // namespace
}  // namespace mneme::test

int main(int argc, char** argv) { return mneme::test::Main(argc, argv); }
