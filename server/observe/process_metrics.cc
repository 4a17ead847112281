#include "server/observe/process_metrics.h"

#include <sys/resource.h>

#include <filesystem>
#include <iterator>
#include <system_error>

#include "server/observe/process.h"

namespace mneme::server {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// 0 where /proc does not tell.
double OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  if (error) return 0;
  return static_cast<double>(std::distance(begin(files), end(files)));
}

}  // namespace

void AddProcessMetrics(const ProcessFacts& facts, MetricFamilies& families) {
  AddSample(AddGauge(families, "mneme_build_info", "1; the version is a label."), 1,
            {{"version", facts.version}});
  AddSample(AddGauge(families, "mneme_start_timestamp_seconds", "Start of the server, Unix time."),
            static_cast<double>(facts.start_unix_nanos) / 1e9);
  AddSample(AddGauge(families, "mneme_process_resident_bytes", "Resident main memory."),
            static_cast<double>(ResidentBytes()));
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  prometheus::MetricFamily& cpu =
      AddCounter(families, "mneme_process_cpu_seconds_total", "Time on processors.");
  AddSample(cpu, Seconds(usage.ru_utime), {{"mode", "user"}});
  AddSample(cpu, Seconds(usage.ru_stime), {{"mode", "system"}});
  AddSample(AddGauge(families, "mneme_process_open_files", "Open file descriptors."), OpenFiles());
}

}  // namespace mneme::server
