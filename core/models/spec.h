// The spec of a memory: which model, with which constants. Fixed at creation.
#ifndef MNEME_CORE_MODELS_SPEC_H_
#define MNEME_CORE_MODELS_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "absl/status/status.h"

namespace mneme::models {

enum class Similarity { kDot, kCosine, kL2, kL1 };
enum class Retain { kStatistics, kResponses, kAll };
enum class LinearRule { kCmm, kRidge };

std::string_view Name(Similarity similarity);
std::string_view Name(Retain retain);
std::string_view Name(LinearRule rule);

// Log-sum-exp memory (dense-memory.md, row D). Law: answers add.
struct DenseSpec {
  Similarity similarity = Similarity::kL2;  // kL1 is not offered to users yet (no GEMM form)
  std::optional<double> beta;               // absent: automatic
  int steps_max = 8;
  double tolerance = 1e-5;
};

// Matrix memory (linear-memory.md). Law: states add.
struct LinearSpec {
  LinearRule rule = LinearRule::kRidge;
  std::optional<double> lambda;  // absent: 1e-3 * 2^floor(log2 n) / key_dim
  uint32_t partitions = 1;
  bool normalize_keys = true;
  bool normalize_responses = true;
};

struct MemorySpec {
  size_t key_dim = 0;
  size_t response_dim = 0;  // 0: auto-association (dense only)
  Retain retain = Retain::kAll;
  std::variant<DenseSpec, LinearSpec> model;

  size_t answer_dim() const { return response_dim == 0 ? key_dim : response_dim; }
};

// InvalidArgument (reason SPEC) naming the field, what was given and what is allowed; limits are
// the engine's business.
absl::Status ValidateSpec(const MemorySpec& spec);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_SPEC_H_
