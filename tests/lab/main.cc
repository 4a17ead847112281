// mneme-lab: every figure of the design notes is one call.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "tests/lab/command_line.h"
#include "tests/lab/experiment.h"
#include "tests/lab/plot.h"
#include "tests/lab/progress.h"
#include "tests/lab/report.h"
#include "tests/lab/runner.h"

namespace mneme::lab {
namespace {

enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kDataAbsent = 3, kInterrupted = 130 };

// Nothing to save: an interrupted run leaves at once, whatever it computes, and the terminal clean.
void LeaveAtOnce(int) {
  constexpr char kWipe[] = "\r\x1b[Kmneme-lab: interrupted\n";
  const ssize_t ignored = write(STDERR_FILENO, kWipe, sizeof(kWipe) - 1);
  static_cast<void>(ignored);
  _exit(kInterrupted);
}

int Fail(const absl::Status& status) {
  const auto detail = GetErrorDetail(status);
  std::string text(status.message());
  if (!text.ends_with('?')) text += '.';
  if (detail) text += " " + detail->next_step;
  std::fprintf(stderr, "mneme-lab: %s\n", text.c_str());
  if (detail && detail->reason == "DATA_ABSENT") return kDataAbsent;
  return status.code() == absl::StatusCode::kInvalidArgument ? kUsage : kFailed;
}

int Print(const std::string& text) {
  return std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? kFailed : kDone;
}

int RunExperiment(const std::vector<std::string>& words) {
  const size_t threads = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kThreadsMax);
  const absl::StatusOr<Command> command = ParseCommand(words, Experiments(), threads);
  if (!command.ok()) return Fail(command.status());
  absl::StatusOr<Results> results;
  {
    ProgressBar bar(Clock::Real(), isatty(STDERR_FILENO) == 1);
    results = RunCommand(*command, [&](double share) { bar.Show(share); });
  }
  if (!results.ok()) return Fail(results.status());
  if (!command->plot.empty()) {
    const absl::StatusOr<std::string> picture = SvgPlot(*command, *results);
    if (!picture.ok()) return Fail(picture.status());
    const absl::Status written = WriteFile(command->plot, *picture);
    if (!written.ok()) return Fail(written);
  }
  return Print(command->json ? JsonReport(*command, *results) : TextReport(*command, *results));
}

int Main(const std::vector<std::string>& words) {
  const std::string verb = words.empty() ? "help" : words[0];
  if (verb == "list" && words.size() == 1) return Print(ListText(Experiments()));
  if (verb == "help" || verb == "--help" || verb == "-h") {
    if (words.size() < 2) return Print(UsageText());
    const absl::StatusOr<const Experiment*> experiment = FindExperiment(words[1], Experiments());
    return experiment.ok() ? Print(HelpText(**experiment)) : Fail(experiment.status());
  }
  return RunExperiment(words);
}

}  // namespace
}  // namespace mneme::lab

int main(int argc, char** argv) {
  signal(SIGINT, mneme::lab::LeaveAtOnce);
  unsetenv("OPENBLAS_CORETYPE");  // or an inherited one could halve the speed
  mneme::math::ReselectBlasKernels();
  mneme::math::SetBlasThreads(1);  // our threads run whole executions
  return mneme::lab::Main(std::vector<std::string>(argv + 1, argv + argc));
}
