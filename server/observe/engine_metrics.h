// What the engine counts, and how its memories stand, as families of metrics: asked of the engine
// when somebody asks for metrics, counted nowhere twice.
#ifndef MNEME_SERVER_OBSERVE_ENGINE_METRICS_H_
#define MNEME_SERVER_OBSERVE_ENGINE_METRICS_H_

#include "core/engine/engine.h"
#include "server/observe/families.h"

namespace mneme::server {

// Memories that have series of their own, the first by name; the others add up to one more, under
// kOtherMemories, which no memory is called.
inline constexpr size_t kMemoriesNamedMax = 100;
inline constexpr char kOtherMemories[] = "_other";

// Commits, scans, jobs, start-up, main memory and disk.
void AddEngineMetrics(engine::Engine& engine, MetricFamilies& families);
// Of each memory: items, bytes, load, positions, recall by its newest probe, training.
void AddMemoryMetrics(const engine::Engine& engine, MetricFamilies& families);

}  // namespace mneme::server

#endif  // MNEME_SERVER_OBSERVE_ENGINE_METRICS_H_
