// The flags that say what kind of memory, of `memory create` and of `forecast --planned`.
//
// A flag that the model chosen does not use is an error: a value that changes nothing would be
// believed to change something.
//
// Threads: one.
#ifndef MNEME_CLIENT_CLI_SPEC_FLAGS_H_
#define MNEME_CLIENT_CLI_SPEC_FLAGS_H_

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/dense_flags.h"
#include "client/cli/feature_flags.h"
#include "mneme/client.h"

namespace mneme::cli {

// Which models there is a choice of: all, or those that have a forecast (linear at first).
enum class Models { kAll, kForecast };

class SpecFlags {
 public:
  explicit SpecFlags(Models models)
      : models_(models), model_(models == Models::kAll ? "dense" : "linear") {}
  SpecFlags(const SpecFlags&) = delete;
  SpecFlags& operator=(const SpecFlags&) = delete;

  // --retain, --model, and the flags of the models, each an error without `needed` (if not null).
  // `command` must outlive this.
  void AddTo(CLI::App& command, CLI::Option* needed = nullptr);

  // Fills `retain` and `model` of a spec whose dimensions are set, reading --key-mean. UsageError
  // when a flag was given that a memory of this model and rule does not use.
  absl::Status Fill(client::MemorySpec& spec) const;

 private:
  // An option, and the rules (and "dense", "feature") that use it.
  struct Use {
    CLI::Option* option;
    std::vector<std::string> kinds;
  };

  void AddDense(CLI::App& command);
  void AddSteps(CLI::App& command);
  void AddRule(CLI::App& command);
  void AddLoad(CLI::App& command);
  absl::Status CheckUse() const;
  absl::StatusOr<client::LinearSpec> MakeLinear(uint32_t key_dim) const;
  client::FeatureSpec MakeFeature() const;

  const Models models_;
  CLI::Option* retain_option_ = nullptr;
  std::vector<Use> uses_;
  std::string model_;
  std::string retain_ = "all";
  std::optional<double> beta_;
  DenseFlags dense_;
  FeatureFlags feature_;
  uint32_t steps_max_ = 0;
  double tolerance_ = 0;
  std::string rule_ = "ridge";
  std::optional<double> gamma_;
  std::optional<double> lambda_;
  std::optional<uint32_t> list_size_;
  std::optional<double> tail_fraction_;
  uint32_t partitions_ = 0;
  std::string key_normalization_ = "unit";
  std::string response_normalization_ = "unit";
  std::string key_mean_;
  std::string load_policy_ = "none";
  double load_limit_ = 0;
  bool fast_statistics_ = false;
};

// --list-size and --tail-fraction, which exclude each other.
client::Tail MakeTail(std::optional<uint32_t> list_size, std::optional<double> tail_fraction);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_SPEC_FLAGS_H_
