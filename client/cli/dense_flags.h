// The flags of a dense memory's spec, but for --beta, --steps-max and --tolerance, which other
// models use too.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_DENSE_FLAGS_H_
#define MNEME_CLIENT_CLI_DENSE_FLAGS_H_

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/index_flags.h"
#include "mneme/client.h"

namespace mneme::cli {

class DenseFlags {
 public:
  // Gives all of them. `command` must outlive this.
  std::vector<CLI::Option*> AddTo(CLI::App& command);

  // What was left out is the server's to choose. UsageError when flags do not go together.
  absl::StatusOr<client::DenseSpec> Make(std::optional<double> beta, uint32_t steps_max,
                                         double tolerance) const;

 private:
  std::string similarity_, separation_, state_, no_support_, encoder_;
  uint32_t power_ = 0;
  std::optional<double> radius_;
  IndexFlags index_;
};

// False where recalls do not depend on beta: powers, argmax.
bool TakesBeta(const client::DenseSpec& spec);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_DENSE_FLAGS_H_
