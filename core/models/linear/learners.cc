// Which class learns by which rule: one row a rule.
#include <algorithm>
#include <memory>
#include <variant>

#include "core/base/status.h"
#include "core/models/linear/federated_learner.h"
#include "core/models/linear/ordered_learner.h"
#include "core/models/linear/partition_learner.h"
#include "core/models/linear/rls_learner.h"
#include "core/models/linear/sums_learner.h"
#include "core/models/linear/tam_learner.h"

namespace mneme::models {
namespace {

template <typename Learner>
std::unique_ptr<PartitionLearner> Make(const MemorySpec& spec) {
  return std::make_unique<Learner>(spec);
}

struct RuleRow {
  LinearRule rule;
  Law law;
  std::unique_ptr<PartitionLearner> (*make)(const MemorySpec& spec);
};

constexpr RuleRow kRules[] = {
    {LinearRule::kCmm, Law::kStatesAdd, Make<CmmLearner>},
    {LinearRule::kRidge, Law::kStatesAdd, Make<RidgeLearner>},
    {LinearRule::kDecayed, Law::kOrdered, Make<DecayedLearner>},
    {LinearRule::kDelta, Law::kOrdered, Make<DeltaLearner>},
    {LinearRule::kGatedDelta, Law::kOrdered, Make<DeltaLearner>},
    {LinearRule::kRls, Law::kOrdered, Make<RlsLearner>},
    {LinearRule::kTam, Law::kTrained, Make<TamLearner>},
    {LinearRule::kFederated, Law::kOrdered, Make<FederatedLearner>},
};

const RuleRow& RowOf(LinearRule rule) {
  const auto* row = std::ranges::find(kRules, rule, &RuleRow::rule);
  MNEME_CHECK(row != std::end(kRules));
  return *row;
}

void Account(std::string_view what, uint64_t bytes, ModelStats& stats) {
  if (bytes == 0) return;
  const auto kind = std::ranges::find(stats.bytes, what, &ByteAccount::what);
  if (kind == stats.bytes.end()) {
    stats.bytes.push_back({.what = what, .bytes = bytes});
  } else {
    kind->bytes += bytes;
  }
}

}  // namespace

std::unique_ptr<PartitionLearner> MakeLearner(const MemorySpec& spec) {
  return RowOf(std::get<LinearSpec>(spec.model).rule).make(spec);
}

Law LawOf(LinearRule rule) { return RowOf(rule).law; }

void AddBytes(std::string_view what, uint64_t bytes, ModelStats& stats) {
  stats.fixed_bytes += bytes;
  Account(what, bytes, stats);
}

void AddRowBytes(std::string_view what, uint64_t bytes, ModelStats& stats) {
  stats.row_bytes += bytes;
  Account(what, bytes, stats);
}

}  // namespace mneme::models
