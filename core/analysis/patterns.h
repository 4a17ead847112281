// The patterns of a simulation.
//
// Threads: plain functions; they ask through a Subject.
#ifndef MNEME_CORE_ANALYSIS_PATTERNS_H_
#define MNEME_CORE_ANALYSIS_PATTERNS_H_

#include <string>

#include "core/analysis/analysis.h"

namespace mneme::analysis {

struct Patterns {
  MatrixD rows;       // [N, key_dim]; the one that a run begins at comes first
  std::string start;  // what that one is, for people
};

struct PatternNeeds {
  enum class Entries { kSigns, kAny };  // kAny: any numbers of keys

  uint64_t copies = 1;  // that many times the bytes of the patterns are reserved
  uint64_t seed = 1;    // of generated ones
  Entries entries = Entries::kSigns;
};

// What is wrong with a source, before anything is read.
absl::Status CheckSource(const PatternSource& source, const models::MemorySpec& memory);

// Errors   FailedPrecondition (NO_ITEMS); InvalidArgument (NOT_BINARY): signs are needed, and a key
//          holds another number than +1 and -1; NotFound (ITEM_NOT_FOUND): the start; those of
//          subject and host.
// Cost     reads all rows of the memory.
absl::StatusOr<Patterns> LoadPatterns(Subject& subject, const PatternSource& source,
                                      const PatternNeeds& needs, Host& host);

}  // namespace mneme::analysis

#endif  // MNEME_CORE_ANALYSIS_PATTERNS_H_
