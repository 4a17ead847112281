#include "server/observe/call_counters.h"

#include <sched.h>

#include <numeric>

namespace mneme::server {
namespace {

void Add(std::atomic<uint64_t>& counter, uint64_t count) {
  counter.fetch_add(count, std::memory_order_relaxed);
}

uint64_t Read(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

}  // namespace

uint64_t CallTotals::under_way() const {
  const uint64_t all = std::accumulate(ended.begin(), ended.end(), uint64_t{0});
  return begun > all ? begun - all : 0;
}

CallCounters::CallCounters(size_t methods) : methods_(methods), counters_(kShards * methods) {}

CallCounters::Counters& CallCounters::Mine(size_t method) {
  const int processor = sched_getcpu();
  return counters_[static_cast<size_t>(processor < 0 ? 0 : processor) % kShards * methods_ +
                   method];
}

void CallCounters::Begin(size_t method) { Add(Mine(method).begun, 1); }

void CallCounters::End(size_t method, int code, int64_t nanos, uint64_t bytes_in,
                       uint64_t bytes_out) {
  Counters& mine = Mine(method);
  const bool known = code >= 0 && static_cast<size_t>(code) < kCallCodes;
  Add(mine.ended[known ? static_cast<size_t>(code) : 2], 1);  // 2: UNKNOWN
  size_t bucket = 0;
  while (bucket < kCallNanos.size() && nanos > kCallNanos[bucket]) ++bucket;
  Add(mine.times[bucket], 1);
  Add(mine.nanos, nanos > 0 ? static_cast<uint64_t>(nanos) : 0);
  Add(mine.bytes_in, bytes_in);
  Add(mine.bytes_out, bytes_out);
}

CallTotals CallCounters::Totals(size_t method) const {
  CallTotals out;
  for (size_t shard = 0; shard < kShards; ++shard) {
    const Counters& from = counters_[shard * methods_ + method];
    out.begun += Read(from.begun);
    for (size_t i = 0; i < kCallCodes; ++i) out.ended[i] += Read(from.ended[i]);
    for (size_t i = 0; i < out.times.size(); ++i) out.times[i] += Read(from.times[i]);
    out.nanos += Read(from.nanos);
    out.bytes_in += Read(from.bytes_in);
    out.bytes_out += Read(from.bytes_out);
  }
  return out;
}

}  // namespace mneme::server
