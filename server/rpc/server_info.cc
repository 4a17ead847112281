// GetServerInfo.
#include "core/engine/validate.h"
#include "server/rpc/convert.h"
#include "server/rpc/memory_service.h"

namespace mneme::server {

absl::Status MemoryServiceImpl::CheckMessageBytes(uint64_t bytes) const {
  const uint64_t most = engine_.limits().message_bytes_max;
  if (bytes <= most) return absl::OkStatus();
  return engine::OverLimit("bytes in one message", bytes, most,
                           "Split the batch into several requests.");
}

MemoryServiceImpl::Reactor* MemoryServiceImpl::GetServerInfo(Context* context,
                                                             const v1::GetServerInfoRequest*,
                                                             v1::ServerInfo* info) {
  info->set_version(facts_.version);
  EncodeTimestamp(facts_.start_unix_nanos, info->mutable_start_time());
  const int64_t up = clock_.NowUnixNanos() - facts_.start_unix_nanos;
  info->mutable_uptime()->set_seconds(up / 1'000'000'000);
  info->mutable_uptime()->set_nanos(static_cast<int>(up % 1'000'000'000));
  const engine::Limits& limits = engine_.limits();
  v1::Limits& to = *info->mutable_limits();
  to.set_rows_per_store_max(limits.rows_per_store_max);
  to.set_cues_max(limits.cues_max);
  to.set_list_size_max(limits.list_size_max);
  to.set_dimension_max(limits.dimension_max);
  to.set_payload_bytes_max(limits.payload_bytes_max);
  to.set_message_bytes_max(limits.message_bytes_max);
  to.set_memories_max(limits.memories_max);
  to.set_partitions_max(limits.partitions_max);
  const engine::EngineCounters counters = engine_.counters();
  v1::Counters& count = *info->mutable_counters();
  count.set_commits(counters.commits);
  count.set_syncs(counters.syncs);
  count.set_writes(counters.writes);
  count.set_group_writes_max(counters.group_writes_max);
  count.set_cues_inline(counters.cues_inline);
  count.set_cues_batched(counters.cues_batched);
  count.set_batches(counters.batches);
  uint64_t bytes = 0;
  const std::vector<engine::MemoryInfo> memories = engine_.ListMemories("", engine_.memory_count());
  for (const engine::MemoryInfo& memory : memories)
    bytes += memory.stats.fixed_bytes + memory.stats.row_bytes;
  info->set_memory_count(static_cast<uint32_t>(memories.size()));
  info->set_memory_bytes(bytes);
  info->set_instruction_set(facts_.instruction_set);
  info->set_blas_core(facts_.blas_core);
  info->set_scan_threads(static_cast<uint32_t>(engine_.scan_threads()));
  Reactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace mneme::server
