// Values of a coordinator's records (coordinator.h): text in lines, that a person can read in the
// engine; only a plan and a spec are bytes.
//
// Threads     plain values and pure functions.
// Invariants  1. Decode(Encode(value)) == value; equal values have equal text.
//             2. What a Decode returns is within its bounds: weights, delays, names, counts.
#ifndef MNEME_CORE_FEDERATION_RECORDS_H_
#define MNEME_CORE_FEDERATION_RECORDS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/federation/planner.h"

namespace mneme::federation {

inline constexpr int64_t kRoundMicrosMax = 3'600'000'000;

// What a federation is.
struct Description {
  Spec spec;
  int64_t round_micros = 50'000;
  Objective objective = Objective::kPerRoot;
  double interest_floor = 0;
  double items_per_round = 1;

  friend bool operator==(const Description&, const Description&) = default;
};

// A node that is in the federation, whether it is there now or not.
struct Membership {
  std::string memory;   // its name at that node's server
  std::string address;  // of its first announcement

  friend bool operator==(const Membership&, const Membership&) = default;
};

// A node that is there now.
struct Announcement {
  std::string address;
  uint64_t incarnation = 0;

  friend bool operator==(const Announcement&, const Announcement&) = default;
};

using InterestRow = std::map<std::string, double>;

// InvalidArgument (NAME): a name that no key can hold, or longer than kNodeNameBytesMax.
absl::Status CheckName(std::string_view what, std::string_view name);
// InvalidArgument: SPEC, OPTIONS.
absl::Status Check(const Description& description);
// InvalidArgument (INTEREST): a weight that is negative, not finite or above kWeightMax; too many.
absl::Status CheckInterest(const InterestRow& row);

std::string Encode(const Description& description);
std::string Encode(const Membership& membership);
std::string Encode(const Announcement& announcement);
std::string EncodeInterest(const InterestRow& row);
// Sorted, each pair once.
std::string EncodeLinks(const std::vector<NamedLink>& links);

// All: InvalidArgument (RECORD) of text that is none, and what the checks say.
absl::StatusOr<Description> DecodeDescription(std::string_view text);
absl::StatusOr<Membership> DecodeMembership(std::string_view text);
absl::StatusOr<Announcement> DecodeAnnouncement(std::string_view text);
absl::StatusOr<InterestRow> DecodeInterest(std::string_view text);
absl::StatusOr<std::vector<NamedLink>> DecodeLinks(std::string_view text);
absl::StatusOr<uint64_t> DecodeCount(std::string_view text);

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_RECORDS_H_
