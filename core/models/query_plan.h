// The way that a query went, told by the code that chose it: for explanations.
//
// Threads: plain values.
#ifndef MNEME_CORE_MODELS_QUERY_PLAN_H_
#define MNEME_CORE_MODELS_QUERY_PLAN_H_

#include <cstdint>

namespace mneme::models {

enum class QueryPath {
  kUnset,
  kFloatScan,        // dense: all keys
  kCodeScan,         // dense: the codes of all keys, and the keys that their bounds do not rule out
  kBinaryIndex,      // dense: what a binary index names
  kGraphIndex,       // dense: what a graph index names
  kLinearProduct,    // linear: W q
  kLinearRanking,    // linear: W q, and scores of responses with it
  kLinearCertified,  // linear: the same, for the certified list
  kFeatureDescent,   // feature: steps down the estimated energy
  kFeatureSweeps,    // feature: sweeps over the neurons of a quadratic memory
};

// Whether a dense scan read the codes of its keys, and why not.
enum class CodesUse {
  kNone,        // there are no codes to read: no scan
  kRead,        // they were
  kModel,       // the similarity or the separation has no bounds by codes
  kFewRows,     // so few keys are read in no time
  kCandidates,  // chosen items are listed: by their keys
  kMask,        // coordinates of the cues are unknown
  kCue,         // a cue has no code
  kSpread,      // most items weigh something in the answer: their keys are needed anyway
};

struct QueryPlan {
  QueryPath path = QueryPath::kUnset;
  CodesUse codes = CodesUse::kNone;
  uint64_t rows = 0;   // live ones, of a pass over the memory; 0: of no scan
  uint64_t tiles = 0;  // of a pass
  // What the scan pool gathered: cues that the same passes answered, and of how many callers. 0:
  // the query did not go through it.
  uint32_t batch_cues = 0;
  uint32_t batch_requests = 0;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_QUERY_PLAN_H_
