// GetServerInfo.
#include <cmath>

#include "core/base/status.h"
#include "server/observe/process.h"
#include "server/rpc/convert.h"
#include "server/rpc/limits.h"
#include "server/rpc/memory_service.h"

namespace mneme::server {
namespace {

void EncodeLimits(const engine::Limits& limits, v1::Limits* to) {
  to->set_rows_per_store_max(limits.rows_per_store_max);
  to->set_cues_max(limits.cues_max);
  to->set_list_size_max(limits.list_size_max);
  to->set_dimension_max(limits.dimension_max);
  to->set_payload_bytes_max(limits.payload_bytes_max);
  to->set_message_bytes_max(limits.message_bytes_max);
  to->set_memories_max(limits.memories_max);
  to->set_partitions_max(limits.partitions_max);
}

void EncodeNamed(const std::vector<engine::NamedLimit>& limits,
                 google::protobuf::RepeatedPtrField<v1::NamedLimit>* to) {
  for (const engine::NamedLimit& limit : limits) {
    v1::NamedLimit& out = *to->Add();
    out.set_name(std::string(limit.name));
    out.set_value(limit.value);
    out.set_unit(std::string(limit.unit));
    out.set_description(std::string(limit.description));
    out.set_configurable(limit.configurable);
  }
}

std::vector<engine::NamedLimit> PortLimits(const ServerFacts& facts) {
  if (facts.connections_max == 0) return {};
  return {{"server.connections_max", facts.connections_max, "connections",
           "Connections of gRPC at once; further ones are closed.", /*configurable=*/true},
          {"server.connections_per_address_max", facts.connections_per_address_max, "connections",
           "The same from one IPv4 address, or one /64 of IPv6.", /*configurable=*/true}};
}

// What the caller's own entry in auth.file allows.
std::vector<engine::NamedLimit> LimitsOf(const Caller& caller) {
  if (caller.identity() == nullptr || caller.identity()->limiter == nullptr) return {};
  const RateLimits& rates = caller.identity()->limiter->limits();
  std::vector<engine::NamedLimit> out;
  const auto add = [&out](std::string_view name, double rate, std::string_view unit,
                          std::string_view description) {
    if (rate <= 0) return;
    out.push_back({name, static_cast<uint64_t>(std::ceil(rate)), unit, description,
                   /*configurable=*/true});
  };
  add("auth.calls_per_second", rates.calls_per_second, "calls/s",
      "Your calls a second; over it: RATE, with the time to wait.");
  add("auth.bytes_per_second", rates.bytes_per_second, "bytes/s",
      "Bytes of your requests and answers a second; over it: RATE.");
  return out;
}

void EncodeCounters(const engine::EngineCounters& counters, v1::Counters* to) {
  to->set_commits(counters.commits);
  to->set_syncs(counters.syncs);
  to->set_writes(counters.writes);
  to->set_group_writes_max(counters.group_writes_max);
  to->set_cues_inline(counters.cues_inline);
  to->set_cues_batched(counters.cues_batched);
  to->set_batches(counters.batches);
}

// Of those that the caller may read: how many others there are is not for him to know.
void CountMemories(const engine::Engine& engine, const Caller& caller, v1::ServerInfo* to) {
  uint64_t bytes = 0;
  uint32_t count = 0;
  for (const engine::MemoryInfo& memory : engine.ListMemories("", engine.memory_count())) {
    if (!caller.MayDo(v1::ROLE_READER, memory.name)) continue;
    ++count;
    bytes += memory.stats.fixed_bytes + memory.stats.row_bytes;
  }
  to->set_memory_count(count);
  to->set_memory_bytes(bytes);
}

// How much there is to read in all is for those who may read all.
void EncodeStartup(const engine::Startup& startup, const Caller& caller, v1::Startup* to) {
  to->set_done(startup.done);
  to->set_recovery_mode(startup.recovery_mode);
  if (caller.MayDoOnAll(v1::ROLE_READER)) {
    to->set_memories_done(startup.memories_done);
    to->set_memories_total(startup.memories_total);
    to->set_rows_done(startup.rows_done);
    to->set_rows_total(startup.rows_total);
  }
  if (!startup.memory.empty() && caller.MayDo(v1::ROLE_READER, startup.memory))
    to->set_memory(FormatMemoryName(startup.memory));
  EncodeDuration(startup.elapsed_nanos, to->mutable_elapsed());
  if (startup.remaining_nanos.has_value()) {
    EncodeDuration(*startup.remaining_nanos, to->mutable_remaining());
  }
}

void EncodeResources(const engine::Resources& resources, v1::Resources* to) {
  to->set_memory_bytes_max(resources.memory_bytes_max);
  to->set_memory_bytes_used(resources.memory_bytes_used);
  to->set_resident_bytes(ResidentBytes());
  to->set_disk_bytes_free(resources.disk_bytes_free);
  to->set_disk_bytes_reserve(resources.disk_bytes_reserve);
  to->set_disk_bytes_used(resources.disk_bytes_used);
}

}  // namespace

MemoryServiceImpl::Reactor* MemoryServiceImpl::GetServerInfo(
    Context* context, const v1::GetServerInfoRequest* request, v1::ServerInfo* response) {
  return ServeNow(
      bounds_, context, request, response,
      [this](const v1::GetServerInfoRequest&, v1::ServerInfo* info, const Caller& caller) {
        info->set_version(facts_.version);
        EncodeTimestamp(facts_.start_unix_nanos, info->mutable_start_time());
        EncodeDuration(clock_.NowUnixNanos() - facts_.start_unix_nanos, info->mutable_uptime());
        EncodeLimits(engine_.limits(), info->mutable_limits());
        EncodeNamed(engine::AllLimits(engine_.limits()), info->mutable_all_limits());
        EncodeNamed(ServerLimits(bounds_), info->mutable_all_limits());
        EncodeNamed(PortLimits(facts_), info->mutable_all_limits());
        EncodeNamed(LimitsOf(caller), info->mutable_all_limits());
        EncodeCounters(engine_.counters(), info->mutable_counters());
        CountMemories(engine_, caller, info);
        info->set_instruction_set(facts_.instruction_set);
        info->set_blas_core(facts_.blas_core);
        info->set_scan_threads(static_cast<uint32_t>(engine_.scan_threads()));
        EncodeStartup(engine_.startup(), caller, info->mutable_startup());
        EncodeResources(engine_.resources(), info->mutable_resources());
        info->mutable_resources()->set_memory_limit_source(facts_.memory_limit_source);
        return absl::OkStatus();
      });
}

}  // namespace mneme::server
