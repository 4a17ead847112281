#include "server/observe/engine_metrics.h"

#include <algorithm>

namespace mneme::server {
namespace {

double Number(uint64_t value) { return static_cast<double>(value); }
double Seconds(uint64_t nanos) { return static_cast<double>(nanos) / 1e9; }

void AddWrites(const engine::EngineCounters& counters, MetricFamilies& out) {
  AddSample(AddCounter(out, "mneme_commits_total", "Groups of writes that were committed."),
            Number(counters.commits));
  AddSample(AddCounter(out, "mneme_commit_syncs_total", "Commits that were synced to the disk."),
            Number(counters.syncs));
  AddSample(AddCounter(out, "mneme_writes_total", "Writes that were committed."),
            Number(counters.writes));
  AddSample(AddCounter(out, "mneme_checkpoints_total", "Checkpoints written."),
            Number(counters.checkpoints));
  AddSample(AddGauge(out, "mneme_writes_waiting", "Writes that wait for the committer."),
            Number(counters.writes_waiting));
  AddSample(AddGauge(out, "mneme_writes_waiting_bytes", "Bytes of the writes that wait."),
            Number(counters.write_bytes_waiting));
  std::vector<double> seconds, writes;
  for (const int64_t nanos : engine::kCommitNanos)
    seconds.push_back(static_cast<double>(nanos) / 1e9);
  for (const uint64_t count : engine::kGroupWrites) writes.push_back(Number(count));
  AddSample(AddHistogram(out, "mneme_commit_seconds",
                         "Time of a commit until it is as safe as was asked for, with its fsync."),
            seconds, counters.commit_times, Seconds(counters.commit_nanos));
  AddSample(AddHistogram(out, "mneme_commit_group_writes", "Writes in one commit."), writes,
            counters.group_writes, Number(counters.writes));
}

void AddScans(const engine::EngineCounters& counters, int threads, MetricFamilies& out) {
  prometheus::MetricFamily& cues =
      AddCounter(out, "mneme_cues_total", "Cues answered: inline where they came in, or batched.");
  AddSample(cues, Number(counters.cues_inline), {{"path", "inline"}});
  AddSample(cues, Number(counters.cues_batched), {{"path", "batched"}});
  AddSample(AddCounter(out, "mneme_scan_batches_total", "Batches of the scan pool."),
            Number(counters.batches));
  AddSample(AddGauge(out, "mneme_scan_cues_waiting",
                     "Cues that wait for the scan pool, with those that it is at."),
            Number(counters.cues_waiting));
  AddSample(AddGauge(out, "mneme_scan_threads", "Threads of the scan pool."), threads);
}

void AddJobs(const engine::JobRunner& jobs, MetricFamilies& out) {
  constexpr std::pair<engine::JobKind, const char*> kKinds[] = {
      {engine::JobKind::kTrain, "train"},   {engine::JobKind::kClone, "clone"},
      {engine::JobKind::kBackup, "backup"}, {engine::JobKind::kRestore, "restore"},
      {engine::JobKind::kIndex, "index"},   {engine::JobKind::kAnalyze, "analyze"}};
  static_assert(std::size(kKinds) == engine::kJobKinds);
  prometheus::MetricFamily& pending = AddGauge(out, "mneme_jobs_pending", "Jobs that wait or run.");
  for (const auto& [kind, name] : kKinds)
    AddSample(pending, Number(jobs.CountPending(kind)), {{"kind", name}});
  prometheus::MetricFamily& ended = AddCounter(out, "mneme_jobs_ended_total", "Jobs that ended.");
  for (const auto& [kind, name] : kKinds) {
    const engine::JobEnds ends = jobs.CountEnded(kind);
    AddSample(ended, Number(ends.done), {{"kind", name}, {"end", "done"}});
    AddSample(ended, Number(ends.cancelled), {{"kind", name}, {"end", "cancelled"}});
    AddSample(ended, Number(ends.failed), {{"kind", name}, {"end", "failed"}});
  }
}

void AddStartup(const engine::Startup& startup, MetricFamilies& out) {
  AddSample(AddGauge(out, "mneme_startup_done", "1 once all memories have been read."),
            startup.done ? 1 : 0);
  AddSample(AddGauge(out, "mneme_startup_seconds", "Time that reading the memories took, so far."),
            static_cast<double>(startup.elapsed_nanos) / 1e9);
  AddSample(AddGauge(out, "mneme_startup_memories", "Memories to be read."),
            startup.memories_total);
  AddSample(AddGauge(out, "mneme_startup_memories_done", "Memories that have been read."),
            startup.memories_done);
}

void AddResources(const engine::Resources& resources, MetricFamilies& out) {
  AddSample(AddGauge(out, "mneme_main_memory_limit_bytes", "Limit of main memory; 0: none."),
            Number(resources.memory_bytes_max));
  AddSample(AddGauge(out, "mneme_main_memory_used_bytes", "Held and promised, of that limit."),
            Number(resources.memory_bytes_used));
  AddSample(AddGauge(out, "mneme_disk_free_bytes", "Free bytes of the data's disk."),
            Number(resources.disk_bytes_free));
  AddSample(AddGauge(out, "mneme_disk_reserve_bytes", "With fewer free bytes Stores are refused."),
            Number(resources.disk_bytes_reserve));
  AddSample(AddGauge(out, "mneme_disk_used_bytes", "Bytes of the data directory."),
            Number(resources.disk_bytes_used));
}

// A sample for each named memory and one for the sum of the others.
void AddPerMemory(std::span<const engine::MemoryInfo> memories, prometheus::MetricFamily& family,
                  double (*value)(const engine::MemoryInfo&)) {
  double others = 0;
  for (size_t i = 0; i < memories.size(); ++i) {
    if (i < kMemoriesNamedMax) {
      AddSample(family, value(memories[i]), {{"memory", memories[i].name}});
    } else {
      others += value(memories[i]);
    }
  }
  AddSample(family, others, {{"memory", kOtherMemories}});
}

// What a memory counts, and what may be added up over memories.
struct MemorySum {
  prometheus::MetricFamily& (*add)(MetricFamilies&, std::string_view name, std::string_view help);
  std::string_view name;
  std::string_view help;
  double (*value)(const engine::MemoryInfo&);
};

constexpr MemorySum kMemorySums[] = {
    {AddGauge, "mneme_memory_items", "Items.",
     [](const engine::MemoryInfo& m) { return Number(m.stats.items); }},
    {AddGauge, "mneme_memory_bytes", "Bytes of main memory.",
     [](const engine::MemoryInfo& m) { return Number(m.stats.fixed_bytes + m.stats.row_bytes); }},
    {AddCounter, "mneme_memory_log_records_total",
     "Log records of a memory: the position of its log.",
     [](const engine::MemoryInfo& m) { return Number(m.position); }},
    {AddGauge, "mneme_memory_log_records_uncovered", "Log records behind the newest checkpoint.",
     [](const engine::MemoryInfo& m) {
       return Number(m.position - std::min(m.position, m.checkpoint_position));
     }},
    {AddCounter, "mneme_memory_items_expired_total",
     "Items that went out because they were due, since the start.",
     [](const engine::MemoryInfo& m) { return Number(m.expired); }},
    {AddCounter, "mneme_memory_items_evicted_total",
     "Items that went out to make room, since the start.",
     [](const engine::MemoryInfo& m) { return Number(m.evicted); }},
    {AddGauge, "mneme_memory_items_suppressed",
     "Items that are never returned again, but not unlearned yet.",
     [](const engine::MemoryInfo& m) { return Number(m.stats.suppressed); }},
    {AddGauge, "mneme_memory_degraded", "1: its data is damaged, it does not serve.",
     [](const engine::MemoryInfo& m) { return m.health == engine::Health::kDegraded ? 1.0 : 0.0; }},
};

// What has no sum over memories: named ones only.
void AddQuality(const engine::Engine& engine, std::span<const engine::MemoryInfo> named,
                MetricFamilies& out) {
  prometheus::MetricFamily& load =
      AddGauge(out, "mneme_memory_load_ratio", "Linear: items for each number of its matrices.");
  for (const engine::MemoryInfo& m : named) {
    const std::optional<double> ratio =
        engine::LoadOf(m.spec, m.stats.items, std::max(1u, m.stats.partitions));
    if (ratio.has_value()) AddSample(load, *ratio, {{"memory", m.name}});
  }
  prometheus::MetricFamily& used =
      AddGauge(out, "mneme_memory_capacity_used_ratio",
               "Linear: items, as a share of those that theory says it recalls well.");
  for (const engine::MemoryInfo& m : named) {
    const std::optional<engine::LoadMeter> meter = engine.MeterOf(m);
    if (meter.has_value()) AddSample(used, meter->used, {{"memory", m.name}});
  }
  prometheus::MetricFamily& certified =
      AddGauge(out, "mneme_memory_trained_certified_ratio",
               "Share of the items trained on that the training certified.");
  for (const engine::MemoryInfo& m : named) {
    if (!m.stats.trained.has_value() || m.stats.trained->items == 0) continue;
    AddSample(certified, Number(m.stats.trained->certified) / Number(m.stats.trained->items),
              {{"memory", m.name}});
  }
  prometheus::MetricFamily& delta = AddGauge(out, "mneme_memory_trained_delta_items",
                                             "Items stored since the training: not learned yet.");
  for (const engine::MemoryInfo& m : named) {
    if (!m.stats.trained.has_value()) continue;
    AddSample(delta, Number(m.stats.trained->delta_items), {{"memory", m.name}});
  }
  MetricFamilies probes;
  prometheus::MetricFamily& time = AddGauge(probes, "mneme_memory_probe_timestamp_seconds",
                                            "When the newest probe was made, Unix time.");
  prometheus::MetricFamily& recall =
      AddGauge(out, "mneme_memory_probe_recall_ratio",
               "Newest probe: share of sampled items that are among the first 1 or 10.");
  for (const engine::MemoryInfo& m : named) {
    const std::shared_ptr<const engine::Probe> probe = engine.NewestProbe(m);
    if (probe == nullptr || probe->ranks.empty()) continue;
    for (const uint64_t first : {uint64_t{1}, uint64_t{10}}) {
      const auto within = std::upper_bound(probe->ranks.begin(), probe->ranks.end(), first);
      AddSample(recall,
                static_cast<double>(within - probe->ranks.begin()) / Number(probe->ranks.size()),
                {{"memory", m.name}, {"first", std::to_string(first)}});
    }
    AddSample(time, static_cast<double>(probe->time_unix_nanos) / 1e9, {{"memory", m.name}});
  }
  out.push_back(std::move(time));
}

}  // namespace

void AddEngineMetrics(engine::Engine& engine, MetricFamilies& families) {
  const engine::EngineCounters counters = engine.counters();
  AddWrites(counters, families);
  AddScans(counters, engine.scan_threads(), families);
  AddJobs(engine.jobs(), families);
  AddStartup(engine.startup(), families);
  AddResources(engine.resources(), families);
}

void AddMemoryMetrics(const engine::Engine& engine, MetricFamilies& families) {
  const std::vector<engine::MemoryInfo> memories = engine.ListMemories("", engine.memory_count());
  AddSample(AddGauge(families, "mneme_memories", "Memories."), Number(memories.size()));
  for (const MemorySum& sum : kMemorySums)
    AddPerMemory(memories, sum.add(families, sum.name, sum.help), sum.value);
  prometheus::MetricFamily& parts = AddGauge(families, "mneme_memory_part_bytes",
                                             "Bytes of main memory of all memories, by part.");
  std::map<std::string_view, uint64_t> bytes;
  for (const engine::MemoryInfo& memory : memories) {
    for (const models::ByteAccount& account : memory.stats.bytes)
      bytes[account.what] += account.bytes;
  }
  for (const auto& [part, sum] : bytes)
    AddSample(parts, Number(sum), {{"part", std::string(part)}});
  AddQuality(engine, std::span(memories).first(std::min(kMemoriesNamedMax, memories.size())),
             families);
}

}  // namespace mneme::server
