// The flags of `memory create` and `forecast --planned` that say what a feature memory is made of,
// and how it is told to people.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_FEATURE_FLAGS_H_
#define MNEME_CLIENT_CLI_FEATURE_FLAGS_H_

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "mneme/client.h"

namespace mneme::cli {

class FeatureFlags {
 public:
  FeatureFlags() = default;
  FeatureFlags(const FeatureFlags&) = delete;
  FeatureFlags& operator=(const FeatureFlags&) = delete;

  // Gives the options that it adds. `command` must outlive this.
  std::vector<CLI::Option*> AddTo(CLI::App& command);
  // Without beta, gamma, steps_max and tolerance, whose flags other models have too.
  client::FeatureSpec Make() const;

 private:
  std::string kind_ = "trig";
  client::FeatureSpec spec_;
};

// "feature: TRIGONOMETRIC, 8,000 features, beta 10, ...".
std::string FeatureText(const client::FeatureSpec& spec);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_FEATURE_FLAGS_H_
