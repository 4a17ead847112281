// A node's state on disk: what it needs to go on after a restart, as one checked block of bytes.
//
// Not in it: sums of others and frames in flight. They are lost with the process, which is what
// makes everything happen at most once.
//
// Layout   magic "MNFN", version u32, body, CRC-32C of all before it u32; little-endian.
//
// Threads     plain values and pure functions.
// Invariants  1. Decode(Encode(x)) == x.
//             2. Bytes that were cut short or changed anywhere are refused: the caller takes the
//                checkpoint before.
#ifndef MNEME_CORE_FEDERATION_CHECKPOINT_H_
#define MNEME_CORE_FEDERATION_CHECKPOINT_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/drops.h"
#include "core/federation/regret_meter.h"
#include "core/federation/steps.h"

namespace mneme::federation {

struct Checkpoint {
  struct Source {
    std::string node;
    uint64_t incarnation = 0;
    uint64_t newest_evaluation = 0;
    double received = 0;  // ArrivalShare
    double expected = 0;
    std::vector<std::pair<uint64_t, uint64_t>> items;  // Ranges

    friend bool operator==(const Source&, const Source&) = default;
  };

  uint64_t spec_hash = 0;
  uint64_t incarnation = 0;  // that wrote it
  bool clean = false;        // written at Stop: nothing happened behind it
  uint64_t epoch = 0;
  uint64_t round = 0;
  std::vector<float> memory;
  StepState steps;
  uint64_t own_cursor = 0;
  uint64_t multicast_cursor = 0;
  uint64_t contribute_from = 0;
  std::vector<std::pair<std::string, uint64_t>> cursors;  // towards other roots
  std::vector<Source> sources;
  RegretMeter::State regret;
  std::array<uint64_t, kDropReasons> drops = {};

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

std::string Encode(const Checkpoint& checkpoint);
// DataLoss (CHECKSUM) of bytes that were damaged, FailedPrecondition (VERSION) of another version.
absl::StatusOr<Checkpoint> DecodeCheckpoint(std::string_view bytes);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_CHECKPOINT_H_
