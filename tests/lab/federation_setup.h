// From the flags of `federation` to a simulated run.
#ifndef MNEME_TESTS_LAB_FEDERATION_SETUP_H_
#define MNEME_TESTS_LAB_FEDERATION_SETUP_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/federation/names.h"
#include "core/federation/portable_data.h"
#include "core/federation/simulation_options.h"
#include "core/federation/topology.h"
#include "tests/lab/parameters.h"

namespace mneme::lab {

// Of a flag whose choices are the names of an enum.
template <typename Enum>
Enum Chosen(const Parameters& parameters, std::string_view flag) {
  return *federation::FromName<Enum>(parameters.Text(flag));
}
template <typename Enum>
std::vector<std::string_view> ChoicesOf() {
  return {federation::kNames<Enum>.begin(), federation::kNames<Enum>.end()};
}

// Ways over which the nodes talk: per_root, congestion, shared, bytes, or snake.
//
// Units    capacity: trees over one directed link that wait for nothing; 0: any number.
federation::Routes RoutesFor(std::string_view planner, const federation::Graph& graph,
                             const federation::Weights& weights, size_t capacity);

// All flags of the experiment.
std::vector<Flag> FederationFlags();
absl::Status CheckFederationFlags(const Parameters& parameters);

absl::StatusOr<federation::SimulationOptions> FederationOptions(const Parameters& parameters,
                                                                uint64_t seed);
federation::PortableDataOptions FederationData(const Parameters& parameters, uint64_t seed);

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_FEDERATION_SETUP_H_
