// Federations, plans and what nodes say of themselves, on the wire.
//
// Threads     pure functions.
#ifndef MNEME_SERVER_PEER_CONVERT_FEDERATION_H_
#define MNEME_SERVER_PEER_CONVERT_FEDERATION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mneme/v1/federation_service.pb.h"
#include "server/peer/federation_host.h"

namespace mneme::server {

// "federations/digits" -> "digits". InvalidArgument (NAME).
absl::StatusOr<std::string> DecodeFederationName(std::string_view resource);
std::string FormatFederationName(std::string_view name);

// InvalidArgument: SPEC for a number that cannot be or an enum that is not known, OPTIONS.
absl::StatusOr<federation::Description> DecodeDescription(const v1::CreateFederationRequest& from);

void EncodeFederation(const FederationInfo& from, v1::Federation* to);
void EncodePlan(const federation::Plan& from, v1::FederationPlan* to);
// All but the name.
void EncodeStatus(const RunnerStatus& from, const std::vector<federation::RegretReading>& regret,
                  v1::FederationStatus* to);

// Slope of regret against rounds, log-log, over the last decade of rounds; nullopt where it has
// fewer than 8 points of positive regret.
std::optional<double> RegretSlope(const std::vector<federation::RegretReading>& points);

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_CONVERT_FEDERATION_H_
