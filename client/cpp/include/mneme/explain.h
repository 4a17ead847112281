// How a query was answered. Plain values, no protobuf. Fields mean what their namesakes in
// proto/mneme/v1/memory_service.proto mean.
//
// Threads: plain values.
#ifndef MNEME_CLIENT_CPP_INCLUDE_MNEME_EXPLAIN_H_
#define MNEME_CLIENT_CPP_INCLUDE_MNEME_EXPLAIN_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mneme/types.h"

namespace mneme::client {

// The way that a query went.
enum class QueryPath {
  kUnspecified = 0,
  kFloatScan = 1,
  kCodeScan = 2,
  kBinaryIndex = 3,
  kGraphIndex = 4,
  kLinearProduct = 5,
  kLinearRanking = 6,
  kLinearCertified = 7,
  kFeatureDescent = 8,
  kFeatureSweeps = 9,
};

std::string Name(QueryPath value);

// Something that was chosen on the way, and why.
struct ExplainChoice {
  std::string subject;  // "codes", "index", "certificates", "place"
  std::string reason;   // stable, as in "FEW_ROWS"
  std::string message;
  std::string next_step;
};

// A stretch of the query's way; they follow one another without a gap.
struct ExplainStage {
  std::string name;
  std::chrono::nanoseconds start{0};  // since the call began
  std::chrono::nanoseconds elapsed{0};
  uint64_t parts = 0;
  uint64_t bytes = 0;
  uint32_t threads = 0;
};

// What became of a cue, in short.
struct ExplainCue {
  absl::Status error;  // not OK: this cue alone could not be answered
  AnswerStatus status = AnswerStatus::kUnspecified;
  uint32_t steps = 0;
  uint32_t listed = 0;
  std::optional<ScoredItem> best;
  uint64_t rows_survived = 0;
  uint64_t rows_rescored = 0;
};

struct Explanation {
  std::string memory;  // its own name
  std::string model;
  std::string kernel;
  uint64_t items = 0;
  QueryPath path = QueryPath::kUnspecified;
  std::vector<ExplainChoice> choices;
  Exactness exactness = Exactness::kUnspecified;
  ExactnessProof proof = ExactnessProof::kUnspecified;
  CertificateState certificates = CertificateState::kUnspecified;
  std::optional<IndexReport> index;
  Epoch epoch;
  uint64_t rows = 0;
  uint64_t tiles = 0;
  uint64_t items_scored = 0;
  uint32_t cues = 0;
  uint32_t batch_cues = 0;
  uint32_t batch_requests = 0;
  std::chrono::nanoseconds estimate{0};  // 0: none was made
  uint32_t scan_threads = 0;
  std::string instruction_set;
  std::string blas_core;
  std::vector<ExplainStage> stages;
  std::chrono::nanoseconds elapsed{0};
  uint64_t answer_bytes = 0;
  std::vector<ExplainCue> answers;  // one a cue
  std::vector<Warning> advice;
};

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_INCLUDE_MNEME_EXPLAIN_H_
