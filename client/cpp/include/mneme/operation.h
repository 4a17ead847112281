// Long work on the server (a training, a copy, an index, an analysis, a backup, a restore), and how
// it is watched. Plain values, no protobuf.
//
//   auto begun = client.Train("words");
//   auto ended = client.WaitOperation(begun->name, {.observe = [](const Operation& now) { ... }});
//   if (ended.ok() && ended->error.ok()) Use(ended->memory->state.trained->certified);
//
// Threads: plain values.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_OPERATION_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_OPERATION_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "mneme/admin.h"
#include "mneme/analysis.h"
#include "mneme/memory.h"

namespace mneme::client {

// What a training minimises: softplus of minus the tail-average margin; cross-entropy of the
// softmax over the responses; 1/2 |response - W key|^2.
enum class TrainLoss { kDefault = 0, kTam = 1, kCrossEntropy = 2, kLeastSquares = 3 };
// How: monotone FISTA over all items (kTam only), or on batches.
enum class TrainOptimizer { kDefault = 0, kFista = 1, kOgd = 2, kAdam = 3, kMuon = 4 };

std::string Name(TrainLoss value);
std::string Name(TrainOptimizer value);

// How a training goes.
struct TrainProgress {
  std::string memory;
  std::string phase;    // "queued", "reading", "training", "certifying", "done"
  double progress = 0;  // share done, 0 to 1; an estimate
  uint32_t steps = 0;
  double loss = 0;
  Timestamp start_time;
  std::optional<Timestamp> expected_end_time;  // absent while unknown
};

// How a copy, the work on an index, an analysis, a backup or a restore goes.
struct AdminProgress {
  std::string kind;     // "clone", "index", "analyze", "backup", "restore"
  std::string subject;  // the memory or backup in question
  std::string phase;
  double progress = 0;  // share done, 0 to 1; an estimate
  Timestamp start_time;
  std::optional<Timestamp> expected_end_time;  // absent while unknown
};

// Long work. Once `done`, either `error` is not OK or the result of its kind is set.
struct Operation {
  std::string name;                       // "operations/..."
  std::optional<TrainProgress> training;  // absent for work of another kind
  std::optional<AdminProgress> admin;     // absent for a training
  bool done = false;
  absl::Status error;                    // why it failed, or CANCELLED
  std::optional<Memory> memory;          // with its new weights or index, or the copy
  std::optional<Backup> backup;          // that was made
  std::optional<Restored> restored;      // what came back
  std::optional<AnalysisReport> report;  // what an analysis found
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_OPERATION_H_
