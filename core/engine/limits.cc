#include "core/engine/limits.h"

#include "core/analysis/analysis.h"
#include "core/analysis/sample_ring.h"
#include "core/engine/jobs.h"
#include "core/filter/filter.h"
#include "core/filter/filter_cache.h"
#include "core/models/features/feature_spec.h"

namespace mneme::engine {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;

void AddConfigured(const Limits& limits, std::vector<NamedLimit>& out) {
  const auto add = [&out](std::string_view name, uint64_t value, std::string_view unit,
                          std::string_view description) {
    out.push_back({name, value, unit, description, /*configurable=*/true});
  };
  add("limits.rows_per_store_max", limits.rows_per_store_max, "rows",
      "Rows in one Store or DeleteItems.");
  add("limits.cues_max", limits.cues_max, "cues", "Cues in one query.");
  add("limits.list_size_max", limits.list_size_max, "items", "Items in a list.");
  add("limits.dimension_max", limits.dimension_max, "numbers", "Numbers in a key or response.");
  add("limits.payload_bytes_max", limits.payload_bytes_max, "bytes",
      "Payload of an item, and its attributes.");
  add("limits.message_bytes_max", limits.message_bytes_max, "bytes", "One request or answer.");
  add("limits.memories_max", limits.memories_max, "memories", "Memories on this server.");
  add("limits.partitions_max", limits.partitions_max, "partitions",
      "Partitions of a linear memory when it is created.");
  add("limits.fixed_bytes_max", limits.fixed_bytes_max, "bytes",
      "Matrices of one memory, whatever its items.");
}

// Of requests.
constexpr NamedLimit kRequestLimits[] = {
    {"ttl_seconds_max", kTtlNanosMax / kNanosPerSecond, "s", "Lifetime of an item."},
    {"steps_max", kStepsMax, "steps", "Steps of the dynamics that a request may ask for."},
    {"inline_steps_max", kInlineStepsMax, "steps",
     "A request that may take more of them is queued, however small it is."},
    {"recall_bytes_max", kRecallBytesMax, "bytes",
     "Recalls of all partitions for the cues of one request."},
    {"train_bytes_max", kTrainBytesMax, "bytes", "Keys and responses of one training."},
    {"train_steps_max", kTrainStepsMax, "steps", "Steps of one training."},
    {"feature_numbers_max", models::kFrequencyNumbersMax, "numbers",
     "Features of a feature memory times the dimension of its keys."},
    {"orthogonal_products_max", models::kOrthogonalProductsMax, "products",
     "The same times the smaller of the two, where features are orthogonal."},
    {"forecast_lists_max", kForecastListsMax, "lists", "List sizes in one forecast."},
    {"forecast_curve_max", kForecastCurveMax, "points", "Points of a forecast's curve."},
    {"probe_items_max", kProbeItemsMax, "items", "Items that a forecast's probe recalls."},
    {"analysis_bytes_max", analysis::kAnalysisBytesMax, "bytes",
     "Numbers that one analysis holds in main memory."},
    {"basin_items_max", analysis::kBasinItemsMax, "items",
     "Items that an analysis of basins recalls."},
    {"basin_probes_max", analysis::kBasinProbesMax, "recalls",
     "Recalls that it begins between items."},
    {"trace_cues_max", analysis::kTraceCuesMax, "cues", "Cues whose energies are traced."},
    {"trace_steps_max", analysis::kTraceStepsMax, "steps", "Steps of such a trace."},
    {"capacity_seeds_max", analysis::kCapacitySeedsMax, "seeds", "Repeats of a capacity probe."},
    {"capacity_load_max", analysis::kCapacityLoadMax, "patterns", "Largest load that it tries."},
    {"simulation_steps_max", analysis::kSimulationStepsMax, "steps", "Steps of one simulation."},
    {"description_bytes_max", kDescriptionBytesMax, "bytes", "Description of a memory."},
    {"labels_max", kLabelsMax, "labels", "Labels of a memory."},
    {"label_bytes_max", kLabelBytesMax, "bytes", "Key or value of a label."},
    {"request_id_bytes_max", kRequestIdBytesMax, "bytes", "A request id."},
    {"filter_bytes_max", filter::kFilterBytesMax, "bytes", "Text of a filter."},
    {"filter_terms_max", filter::kFilterTermsMax, "comparisons", "Comparisons in a filter."},
    {"filter_depth_max", filter::kFilterDepthMax, "levels",
     "Parentheses inside parentheses in a filter."},
};

// Of queues, batches and caches.
constexpr NamedLimit kInnerLimits[] = {
    {"pending_writes_max", kPendingWritesMax, "writes",
     "Writes waiting for the committer; further ones are refused with BUSY."},
    {"pending_write_bytes_max", kPendingWriteBytesMax, "bytes",
     "Their bytes; less where main memory is limited."},
    {"group_writes_max", kGroupWritesMax, "writes", "Writes in one commit."},
    {"group_bytes_max", kGroupBytesMax, "bytes", "Bytes in one commit."},
    {"pending_cues_max", kPendingCuesMax, "cues",
     "Cues waiting for the scan pool; further ones are refused with BUSY."},
    {"cues_per_batch_max", kCuesPerBatchMax, "cues",
     "Cues of several requests that one scan answers."},
    {"active_batches_max", kActiveBatchesMax, "batches", "Scans under way at once."},
    {"pending_reads_max", kPendingReadsMax, "reads",
     "Reads of items waiting for a thread; further ones are refused with BUSY."},
    {"job_waiters_max", kJobWaitersMax, "callers",
     "Callers waiting for operations to end; further ones are refused with BUSY."},
    {"analyses_kept", kAnalysesKept, "analyses",
     "Analyses that ended and whose reports can still be read."},
    {"samples_kept", analysis::kSamplesKept, "samples",
     "Newest samples of an analysis that a watcher finds."},
    {"samples_per_run", analysis::kSamplesPerRun, "samples",
     "Samples that one analysis gives; steps between them are left out."},
    {"watchers_max", analysis::kWatchersMax, "watchers",
     "Watchers that wait for the next sample of one analysis."},
    {"rows_per_sweep", kRowsPerSweep, "rows", "Expired items that one commit takes out."},
    {"evicted_max", kEvictedMax, "rows", "Items that one Store evicts above those that it brings."},
    {"usage_entries_max", kUsageEntriesMax, "items",
     "Items of a memory whose last use is known, for eviction of the least used."},
    {"requests_expired_max", kRequestsExpiredMax, "outcomes",
     "Outcomes of requests that are dropped at a time."},
    {"filter_cache_bytes_max", filter::kFilterCacheBytesMax, "bytes",
     "What a memory keeps of the results of filters."},
};

}  // namespace

std::vector<NamedLimit> AllLimits(const Limits& limits) {
  std::vector<NamedLimit> out;
  AddConfigured(limits, out);
  out.insert(out.end(), std::begin(kRequestLimits), std::end(kRequestLimits));
  out.insert(out.end(), std::begin(kInnerLimits), std::end(kInnerLimits));
  return out;
}

}  // namespace mneme::engine
