// What the benchmarks share.
#ifndef MNEME_TESTS_BENCH_BENCH_H_
#define MNEME_TESTS_BENCH_BENCH_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mneme::bench {

struct Environment {
  std::string mnemed;  // path of the daemon
  bool json = false;
};

// Sorts the sample; p in [0, 1].
double Percentile(std::vector<double>& sample, double p);
// Microseconds of a monotonic clock.
double NowMicros();

struct LatencyOptions {
  int items = 100;
  int dim = 128;
  int rounds = 40;
  int calls = 250;  // of each kind, a round
};
int RunLatency(const Environment& environment, const LatencyOptions& options);

struct GroupCommitOptions {
  int stores = 1000;
  int clients = 64;
  int dim = 128;
};
int RunGroupCommit(const Environment& environment, const GroupCommitOptions& options);

struct LinearOptions {
  int rounds = 15;
  double round_us = 20000;  // of each of the two, a round, at the least
};
int RunLinear(const Environment& environment, const LinearOptions& options);

// Serves Echo until killed; writes its port to the file.
int RunEchoServer(const std::string& port_file);

// Prints `report` as JSON, or `text` for people.
void Print(const Environment& environment, const nlohmann::json& report, const std::string& text);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_BENCH_H_
