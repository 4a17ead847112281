#include "core/federation/frame.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <tuple>

#include "core/base/status.h"
#include "core/federation/compress.h"
#include "core/federation/regret_meter.h"
#include "core/federation/tally.h"

namespace mneme::federation {
namespace {

// Weights are summed in another order than here.
constexpr double kWeightSlack = 1 + 1e-6;

absl::Status Bad(std::string_view message, std::string_view given, std::string_view expected) {
  return InvalidArgument(
      absl::StrCat("federation frame: ", AbslView(message)),
      {.reason = "FRAME",
       .given = std::string(given),
       .expected = std::string(expected),
       .next_step = "Check that both nodes run the same version and the same federation."});
}

absl::Status CheckNumbers(std::string_view what, const Numbers& numbers, size_t count) {
  if (Holds(numbers, count)) return absl::OkStatus();
  return Bad(absl::StrCat(AbslView(what), " does not hold the finite numbers that it should"),
             absl::StrCat(numbers.bytes.size(), " bytes"), absl::StrCat(count, " finite numbers"));
}

absl::Status CheckTree(const Plan& plan, uint32_t root) {
  if (root < plan.nodes.size() && FindTree(plan, root) != nullptr) return absl::OkStatus();
  return Bad("no tree of that root in this plan", absl::StrCat(root), "a root of the plan");
}

double WeightIn(const Tree& tree, uint32_t node) {
  for (const TreeNode& entry : tree.nodes) {
    if (entry.node == node) return entry.weight;
  }
  return -1;
}

absl::Status CheckContributor(const Contributor& contributor, const Tree& tree) {
  const double weight = WeightIn(tree, contributor.node);
  if (weight < 0 || contributor.node == tree.root) {
    return Bad("a contributor is not in the tree", absl::StrCat(contributor.node), "a node of it");
  }
  if (contributor.oldest_tag > contributor.newest_tag) {
    return Bad("a contributor's tags are the wrong way round", "oldest > newest",
               "oldest <= newest");
  }
  const uint64_t tags = contributor.newest_tag - contributor.oldest_tag;
  if (contributor.evaluations > 0 && (contributor.evaluations - 1 > tags ||
                                      contributor.newest_evaluation < contributor.evaluations)) {
    return Bad("a contributor counts more evaluations than tags",
               absl::StrCat(contributor.evaluations), absl::StrCat("at most ", tags, " + 1"));
  }
  const double most = weight * kBoostMax * static_cast<double>(contributor.evaluations);
  if (!(contributor.weight >= 0) || !(contributor.weight <= most * kWeightSlack)) {
    return Bad("a contributor's weight is more than the plan gives it",
               absl::StrCat(contributor.weight), absl::StrCat("at most ", most));
  }
  if ((contributor.items == 0) != (contributor.evaluations == 0) ||
      contributor.items < contributor.evaluations || contributor.items > kContributorItemsMax) {
    return Bad("a contributor's items and evaluations disagree", absl::StrCat(contributor.items),
               absl::StrCat("from ", contributor.evaluations, " to ", kContributorItemsMax));
  }
  return absl::OkStatus();
}

absl::Status CheckTally(const Tally& tally, const Tree& tree) {
  // NaN too.
  if (!(tally.norm_sum >= 0 && tally.norm_sum <= kTallySumMax) ||
      !(std::abs(tally.loss_sum) <= kTallySumMax) ||
      !(tally.weight_sum >= 0 && tally.weight_sum <= kTallySumMax) ||
      !(tally.key_squared_max >= 0 && tally.key_squared_max <= kItemSquaredMax) ||
      tally.items > kTallyItemsMax) {
    return Bad("its bookkeeping is not finite, negative, or too large", "",
               "sums of norms and weights");
  }
  if (tally.contributors.size() > kContributorsNamedMax ||
      tally.contributors.size() + tally.unnamed > 2 * kPlanNodesMax) {
    return Bad("too many contributors", absl::StrCat(tally.contributors.size(), " named"),
               absl::StrCat("at most ", kContributorsNamedMax));
  }
  uint64_t items = 0;
  double weight = 0;
  const Contributor* before = nullptr;
  for (const Contributor& contributor : tally.contributors) {
    MNEME_RETURN_IF_ERROR(CheckContributor(contributor, tree));
    if (before != nullptr && std::tie(before->node, before->incarnation) >=
                                 std::tie(contributor.node, contributor.incarnation)) {
      return Bad("its contributors are not in order", absl::StrCat(contributor.node), "ascending");
    }
    before = &contributor;
    items += contributor.items;
    weight += contributor.weight;
  }
  if (tally.unnamed == 0 &&
      (items != tally.items || std::abs(weight - tally.weight_sum) > 1e-6 * (1 + weight))) {
    return Bad("its contributors do not add up to its totals",
               absl::StrCat(items, " items, weight ", weight),
               absl::StrCat(tally.items, " items, weight ", tally.weight_sum));
  }
  return absl::OkStatus();
}

absl::Status CheckTransport(const Plan& plan, Transport transport, std::string_view what) {
  if (plan.spec.transport == transport) return absl::OkStatus();
  return Bad(absl::StrCat("a ", AbslView(what), " frame with another transport"),
             Name(plan.spec.transport), Name(transport));
}

size_t MatrixNumbers(const Spec& spec) { return size_t{spec.d_v} * spec.d_k; }

struct Checker {
  const Plan& plan;
  const Spec& spec;

  absl::Status operator()(const Hello&) const { return absl::OkStatus(); }
  absl::Status operator()(const Ack&) const { return absl::OkStatus(); }
  absl::Status operator()(const Probe&) const { return absl::OkStatus(); }
  absl::Status operator()(const ProbeReply&) const { return absl::OkStatus(); }
  absl::Status operator()(const Nack&) const { return absl::OkStatus(); }
  absl::Status operator()(const WarmAsk&) const { return absl::OkStatus(); }

  absl::Status operator()(const WarmReply& reply) const {
    if (!(reply.spread >= 0) || !std::isfinite(reply.spread)) {
      return Bad("its spread is not finite, or negative", absl::StrCat(reply.spread), "at least 0");
    }
    return CheckNumbers("memory", reply.memory, reply.steps > 0 ? MatrixNumbers(spec) : 0);
  }

  absl::Status operator()(const ParamDown& down) const {
    MNEME_RETURN_IF_ERROR(CheckTree(plan, down.root));
    MNEME_RETURN_IF_ERROR(CheckChange(down));
    const bool whole =
        spec.transport == Transport::kGradient && !down.unchanged && down.change.steps.empty();
    MNEME_RETURN_IF_ERROR(CheckNumbers("memory", down.memory, whole ? MatrixNumbers(spec) : 0));
    if (down.base_tag > down.tag) {
      return Bad("its base is still to come", absl::StrCat(down.base_tag), absl::StrCat(down.tag));
    }
    if (down.boosts.size() > plan.nodes.size() || !std::isfinite(down.eta)) {
      return Bad("too many boosts, or a step size that is none", absl::StrCat(down.boosts.size()),
                 absl::StrCat("at most ", plan.nodes.size()));
    }
    for (const Boost& boost : down.boosts) {
      if (boost.node >= plan.nodes.size() || !(boost.factor >= 1) ||
          !(boost.factor <= kBoostMax * kWeightSlack)) {
        return Bad("a boost is out of range", absl::StrCat(boost.factor),
                   absl::StrCat("1 to ", kBoostMax));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckChange(const ParamDown& down) const {
    const MemoryChange& change = down.change;
    if (change.steps.empty()) {
      if (change.errors.bytes.empty() && change.keys.bytes.empty()) return absl::OkStatus();
      return Bad("factors of no step", absl::StrCat(change.keys.bytes.size(), " bytes"), "none");
    }
    if (spec.transport != Transport::kGradient || down.unchanged ||
        spec.wire.compression != Compression::kLowRank || change.from >= down.base_tag ||
        !IsChange(change, spec.d_v, spec.d_k)) {
      return Bad("a change of a memory that cannot be",
                 absl::StrCat(change.steps.size(), " steps of rank ", change.rank(), " from round ",
                              change.from, " to ", down.base_tag),
                 "fewer numbers than a memory has, with the compression low_rank");
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const GradUp& up) const {
    MNEME_RETURN_IF_ERROR(CheckTree(plan, up.root));
    MNEME_RETURN_IF_ERROR(CheckTransport(plan, Transport::kGradient, "gradient"));
    MNEME_RETURN_IF_ERROR(CheckTally(up.tally, *FindTree(plan, up.root)));
    if ((up.form == GradientForm::kNone) != (up.tally.items == 0)) {
      return Bad("a sum without items, or items without a sum", Name(up.form), "both or neither");
    }
    return CheckForm(up);
  }

  absl::Status CheckForm(const GradUp& up) const {
    const size_t numbers = MatrixNumbers(spec);
    size_t values = 0;
    size_t keys = 0;
    size_t places = 0;
    if (up.form == GradientForm::kDense) {
      values = numbers;
    } else if (up.form == GradientForm::kLowRank) {
      // The factors of a sum show its items one by one.
      if (!SumsMayBeFactors(spec) || up.rank == 0 ||
          size_t{up.rank} * (spec.d_k + spec.d_v) > numbers) {
        return Bad("factors where sums are promised, or more of them than a sum is long",
                   absl::StrCat("rank ", up.rank), "a dense sum");
      }
      values = size_t{up.rank} * spec.d_v;
      keys = size_t{up.rank} * spec.d_k;
    } else if (up.form == GradientForm::kSparse) {
      std::vector<uint32_t> unpacked;
      if (!UnpackPlaces(up.places, numbers, unpacked)) {
        return Bad("its places are out of range or out of order", "",
                   absl::StrCat("below ", numbers, ", ascending"));
      }
      places = unpacked.size();
      values = places;
    } else if (up.form != GradientForm::kNone) {
      return Bad("an unknown form of gradient", absl::StrCat(static_cast<int>(up.form)), "0 to 3");
    }
    if (up.places.size() != places * sizeof(uint32_t) ||
        (up.form != GradientForm::kLowRank && up.rank != 0)) {
      return Bad("parts of another form", absl::StrCat(up.places.size()), "none");
    }
    MNEME_RETURN_IF_ERROR(CheckNumbers("gradient", up.values, values));
    return CheckNumbers("keys of a gradient", up.keys, keys);
  }

  absl::Status operator()(const StatUp& up) const {
    MNEME_RETURN_IF_ERROR(CheckTree(plan, up.root));
    const Tree& tree = *FindTree(plan, up.root);
    if (up.kind == StatKind::kFactors) {
      MNEME_RETURN_IF_ERROR(CheckTransport(plan, Transport::kFactor, "factor sum"));
      if (up.count == 0 || up.first_item + up.count < up.first_item ||
          !up.tally.contributors.empty()) {
        return Bad("a sum of no factors", absl::StrCat(up.count), "at least 1");
      }
    } else if (up.kind == StatKind::kSum) {
      MNEME_RETURN_IF_ERROR(CheckTransport(plan, Transport::kStatistic, "statistic"));
      MNEME_RETURN_IF_ERROR(CheckTally(up.tally, tree));
    } else if (up.kind == StatKind::kProbe) {
      MNEME_RETURN_IF_ERROR(CheckTally(up.tally, tree));
    } else {
      return Bad("an unknown kind of statistic", absl::StrCat(static_cast<int>(up.kind)), "0 to 2");
    }
    const bool empty = up.kind != StatKind::kFactors && up.tally.items == 0;
    if (!std::isfinite(up.energy) || up.energy < 0) {
      return Bad("its energy is not finite, or negative", absl::StrCat(up.energy), "at least 0");
    }
    MNEME_RETURN_IF_ERROR(
        CheckNumbers("squares", up.squares, empty ? 0 : TriangleNumbers(spec.d_k)));
    return CheckNumbers("products", up.products, empty ? 0 : MatrixNumbers(spec));
  }

  absl::Status operator()(const Factor& factor) const {
    MNEME_RETURN_IF_ERROR(CheckTree(plan, factor.source));
    MNEME_RETURN_IF_ERROR(CheckTransport(plan, Transport::kFactor, "factor"));
    if (factor.count > kBatchItemsMax || factor.first_item + factor.count < factor.first_item) {
      return Bad("too many items", absl::StrCat(factor.count),
                 absl::StrCat("at most ", kBatchItemsMax));
    }
    MNEME_RETURN_IF_ERROR(CheckNumbers("keys", factor.keys, size_t{factor.count} * spec.d_k));
    MNEME_RETURN_IF_ERROR(
        CheckNumbers("responses", factor.responses, size_t{factor.count} * spec.d_v));
    return CheckNumbers("gates", factor.gates, factor.gates.bytes.empty() ? 0 : factor.count);
  }
};

struct PayloadCounter {
  size_t operator()(const ParamDown& down) const {
    return down.memory.bytes.size() + down.change.errors.bytes.size() +
           down.change.keys.bytes.size();
  }
  size_t operator()(const WarmReply& reply) const { return reply.memory.bytes.size(); }
  size_t operator()(const GradUp& up) const {
    return up.values.bytes.size() + up.keys.bytes.size() + up.places.size();
  }
  size_t operator()(const StatUp& up) const {
    return up.squares.bytes.size() + up.products.bytes.size();
  }
  size_t operator()(const Factor& factor) const {
    return factor.keys.bytes.size() + factor.responses.bytes.size() + factor.gates.bytes.size();
  }
  template <typename Other>
  size_t operator()(const Other&) const {
    return 0;
  }
};

}  // namespace

size_t MemoryChange::rank() const {
  size_t sum = 0;
  for (const ChangeStep& step : steps) sum += step.rank;
  return sum;
}

bool IsChange(const MemoryChange& change, size_t d_v, size_t d_k) {
  // Each step has a rank, so there are not more of them than a sum of ranks that is smaller.
  if (change.steps.empty() || change.steps.size() > std::min(d_v, d_k)) return false;
  const bool steps = std::ranges::all_of(change.steps, [](const ChangeStep& step) {
    return step.rank > 0 && step.scale >= 0 && step.scale <= 1;
  });
  const size_t rank = change.rank();
  return steps && FactorsAreSmaller(rank, d_v, d_k) && Holds(change.errors, rank * d_v) &&
         Holds(change.keys, rank * d_k);
}

size_t PayloadBytes(const Frame& frame) { return std::visit(PayloadCounter{}, frame.body); }

size_t PayloadBytesMax(const Spec& spec) {
  const size_t matrix = MatrixNumbers(spec);
  const size_t width = WidthOf(WireType::kFloat32);
  size_t most = (width + sizeof(uint32_t)) * matrix;  // a gradient with the places of its numbers
  if (spec.transport != Transport::kGradient || spec.d_k <= kRegretKeyDimensionMax) {
    most = std::max(most, width * (TriangleNumbers(spec.d_k) + matrix));
  }
  const size_t item = size_t{spec.d_k} + spec.d_v + 1;
  return std::max(most, spec.privacy.share_items ? width * kBatchItemsMax * item : 0);
}

uint32_t LaneWindow(const Spec& spec, uint32_t frames) {
  const EdgeNumbers numbers = NumbersPerEdge(spec, spec.transport, spec.b_max);
  const size_t bytes = WidthOf(spec.wire.type) * std::max(numbers.up, numbers.down);
  return static_cast<uint32_t>(std::clamp<size_t>(kLaneBytesMax / bytes, 1, frames));
}

absl::Status Check(const Tally& tally, const Tree& tree) { return CheckTally(tally, tree); }

absl::Status Check(const Frame& frame, const Plan& plan) {
  return std::visit(Checker{plan, plan.spec}, frame.body);
}

}  // namespace mneme::federation
