// The cues of retrieve and query: from a file, stdin or the command line, sent in batches.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_CUES_H_
#define MNEME_CLIENT_CLI_CUES_H_

#include <CLI/App.hpp>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/context.h"
#include "mneme/client.h"

namespace mneme::cli {

struct CueFlags {
  std::string memory;
  std::string file;                  // .npy, .fvecs, .jsonl or "-"; or empty, then
  std::vector<std::string> numbers;  // each a cue like "0.1,0.2"
  std::string mask;
  std::string filter;
  std::optional<double> beta;
  bool payloads = false;
  client::Dtype dtype = client::Dtype::kFloat32;
  size_t shown_max = 20;
};

void AddCueFlags(CLI::App& command, CueFlags& flags);

// One batch: cue number `first` and those after it, with the bits of the mask that belong to them.
struct CueBatch {
  client::MatrixRef cues;
  uint64_t first = 0;
  std::span<const uint8_t> mask;
  client::Progress progress;
};

// Reads all cues and runs `send` for each batch. UsageError when there are none, or both a file and
// --cue.
absl::Status ForCues(const CueFlags& flags, Context& context, const std::string& label,
                     const std::function<absl::Status(const CueBatch&)>& send);

// An error with its cues counted from `first`, as in the file.
absl::Status CountCuesFrom(uint64_t first, const absl::Status& status);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_CUES_H_
