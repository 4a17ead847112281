// Own items, evaluated for the roots that want them.
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/federation/ball.h"
#include "core/federation/losses.h"
#include "core/federation/node.h"
#include "core/federation/tally.h"

namespace mneme::federation {
namespace {

constexpr double kNormMax = 1e30;  // of a weighted gradient: sums of many stay finite in float32

}  // namespace

Node::Toward& Node::TowardRoot(NodeIndex root) {
  return toward_.try_emplace(NameOf(root), Toward{.cursor = contribute_from_}).first->second;
}

void Node::TakeBatch(uint64_t& cursor) {
  if (cursor < items_.tail()) drops_.Add(Drop::kItemsBehind, items_.tail() - cursor);
  items_.Take(cursor, spec_.b_max, spec_.lag_max, random_, batch_);
  cursor = std::max(cursor, batch_.to);
}

double Node::KeySquaredMax(const Batch& batch) const {
  double most = 0;
  for (size_t i = 0; i < batch.count; ++i) {
    const double norm = Norm(std::span<const float>(batch.keys).subspan(i * spec_.d_k, spec_.d_k));
    most = std::max(most, norm * norm * static_cast<double>(batch.gates[i]));
  }
  return std::min(most, kItemSquaredMax);
}

std::optional<Node::Evaluation> Node::Evaluate(const Batch& batch, std::span<const float> memory) {
  Evaluation out(spec_.d_v, spec_.d_k);
  const auto count = static_cast<double>(batch.count);
  errors_.resize(batch.count * spec_.d_v);
  out.loss = WeightedErrors(spec_, memory.data(), batch.keys.data(), batch.responses.data(),
                            std::span<const float>(batch.gates), batch.count, errors_.data()) /
             count;
  for (float& error : errors_) error = static_cast<float>(error / count);
  out.gradient.AddFactors(errors_, batch.keys, true);
  out.norm = out.gradient.Norm();
  if (!std::isfinite(out.loss) || !std::isfinite(out.norm) || !out.gradient.Finite()) {
    drops_.Add(Drop::kNotFinite);
    return std::nullopt;
  }
  if (spec_.clip > 0 && out.norm > spec_.clip) {
    out.gradient.Scale(static_cast<float>(spec_.clip / out.norm));
    out.norm = spec_.clip;
    ++clipped_;
  }
  if (spec_.decay > 0) {
    const double norm = Norm(memory);
    out.loss += spec_.decay / 2 * norm * norm;
  }
  out.key_squared_max = KeySquaredMax(batch);
  return out;
}

Contributor Node::NewEntry(uint64_t tag) const {
  return {
      .node = place_.me, .incarnation = options_.incarnation, .oldest_tag = tag, .newest_tag = tag};
}

void Node::CountEvaluation(const ServedTree& tree, uint64_t tag, double weight,
                           Contributor& entry) {
  const NodeIndex root = tree.role.root;
  entry.items = batch_.count;
  entry.weight = weight;
  entry.evaluations = 1;
  entry.newest_evaluation = ++TowardRoot(root).evaluations;
  Note({.kind = Trace::Kind::kEvaluated,
        .root = NameOf(root),
        .epoch = epoch_,
        .tag = tag,
        .evaluation = entry.newest_evaluation,
        .items = batch_.count,
        .items_from = batch_.from,
        .items_to = batch_.to});
}

// Answers the newest parameters of a root with the items since its last ones.
void Node::EvaluateGradient(ServedTree& tree) {
  PendingSum* pending = &tree.sum;
  if (spec_.combine == Combine::kBarrier) {
    pending = &OpenNewTag(tree, tree.param.tag);
    pending->mine = true;
  }
  pending->root_incarnation = tree.param.root_incarnation;
  if (tree.role.weight == 0) return;
  TakeBatch(TowardRoot(tree.role.root).cursor);
  Contributor entry = NewEntry(tree.param.tag);
  std::optional<Evaluation> made;
  if (batch_.count > 0) {
    if (spec_.wire.compression == Compression::kLowRank) {
      made = Evaluate(batch_, tree.memory);
    } else {
      scratch_.resize(memory_->size());
      Unpack(tree.param.memory, scratch_);
      made = Evaluate(batch_, scratch_);
    }
  }
  const double weight = tree.role.weight * static_cast<double>(tree.boost);
  if (made.has_value() && weight * made->norm > kNormMax) {
    drops_.Add(Drop::kNotFinite);
    made.reset();
  }
  if (made.has_value() && spec_.noise.clip > 0) AddNoise(*made);
  if (made.has_value()) {
    CountEvaluation(tree, pending->tag, weight, entry);
    AddProbe(tree, entry, made->loss);
    pending->tally.norm_sum += weight * made->norm;
    pending->length += weight * made->norm;
    pending->tally.loss_sum += tree.role.weight * made->loss;
    pending->tally.key_squared_max =
        std::max(pending->tally.key_squared_max, made->key_squared_max);
    made->gradient.Scale(static_cast<float>(weight));
    AddCompressed(tree, made->gradient, weight, pending->gradient);
  }
  Add(entry, pending->tally);
}

// What leaves this node of its items: no longer than the clip, and noise of a size that depends on
// the clip alone. Its mean is zero, so that sums stay unbiased.
void Node::AddNoise(Evaluation& made) {
  const NoiseSpec& noise = spec_.noise;
  if (made.norm > noise.clip) {
    made.gradient.Scale(static_cast<float>(noise.clip / made.norm));
    made.norm = noise.clip;
    ++clipped_;
  }
  if (noise.sigma == 0) return;
  std::vector<float> drawn(memory_->size());
  for (float& value : drawn)
    value = static_cast<float>(noise.sigma * noise.clip * random_.Gaussian());
  made.gradient.AddDense(drawn);
  made.norm = made.gradient.Norm();
}

void Node::AddCompressed(ServedTree& tree, const GradientSum& gradient, double weight,
                         GradientSum& sum) {
  if (!tree.residual.has_value()) return sum.Add(gradient, SumsMayBeFactors(spec_));
  std::vector<float> dense(memory_->size());
  gradient.AddTo(1.0F, dense);
  Sparse<float> sparse;
  tree.residual->Compress(dense, TopKCount(spec_.wire.topk_share, dense.size()),
                          spec_.wire.type == WireType::kBfloat16, sparse);
  // What was left before may make it longer than one gradient may be.
  const double norm = Norm(std::span<const float>(sparse.values));
  if (spec_.clip > 0 && norm > spec_.clip * weight) {
    for (float& value : sparse.values) {
      value = static_cast<float>(static_cast<double>(value) * (spec_.clip * weight / norm));
    }
    ++clipped_;
  }
  sum.AddSparse(sparse);
}

// What the regret of the root is measured with: the same items, without boosts.
void Node::AddProbe(ServedTree& tree, const Contributor& entry, double loss) {
  // The sums that regret is measured with show items without noise.
  if (!meter_.measures() || spec_.noise.clip > 0) return;
  PendingSum& probe = tree.probe;
  if (probe.root_incarnation != tree.param.root_incarnation) {
    probe.Clear();
    probe.root_incarnation = tree.param.root_incarnation;
  }
  Contributor plain = entry;
  plain.weight = tree.role.weight;
  probe.stat.AddBatch(batch_, plain.weight);
  probe.tally.loss_sum += plain.weight * loss;
  Add(plain, probe.tally);
}

void Node::EvaluateStatistic(ServedTree& tree) {
  if (tree.role.weight == 0) return;
  TakeBatch(TowardRoot(tree.role.root).cursor);
  Contributor entry = NewEntry(round_);
  if (batch_.count > 0) {
    StatSum stat(spec_.d_v, spec_.d_k);
    const double weight = tree.role.weight * static_cast<double>(tree.boost);
    stat.AddBatch(batch_, weight);
    if (stat.Finite()) {
      CountEvaluation(tree, 0, weight, entry);
      tree.sum.tally.key_squared_max =
          std::max(tree.sum.tally.key_squared_max, KeySquaredMax(batch_));
      tree.sum.stat.Add(stat);
    } else {
      drops_.Add(Drop::kNotFinite);
    }
  }
  Add(entry, tree.sum.tally);
}

// Own items, as they are, to all that this node's tree reaches.
void Node::MulticastFactors() {
  const auto tree = trees_.find(place_.me);
  if (tree == trees_.end() || tree->second.role.children.empty()) return;
  if (items_.head() - std::min(items_.head(), multicast_cursor_) > spec_.lag_max) {
    // Items go by number, so they cannot be sampled: the oldest are left out.
    const uint64_t next = items_.head() - spec_.lag_max;
    drops_.Add(Drop::kItemsBehind, next - multicast_cursor_);
    multicast_cursor_ = next;
  }
  TakeBatch(multicast_cursor_);
  Factor factor{.source = place_.me,
                .source_incarnation = options_.incarnation,
                .first_item = batch_.to - batch_.count,
                .count = static_cast<uint32_t>(batch_.count)};
  if (batch_.count > 0) {
    factor.keys = Pack(batch_.keys, spec_.wire.type);
    factor.responses = Pack(batch_.responses, spec_.wire.type);
    if (std::ranges::any_of(batch_.gates, [](float gate) { return gate != 1; })) {
      factor.gates = Pack(batch_.gates, WireType::kFloat32);
    }
    return ForwardFactors(place_.me, factor);
  }
  for (const NodeIndex child : tree->second.role.children) {
    if (Edge* edge = EdgeOf(child); edge != nullptr && Usable(*edge)) SendPlain(*edge, factor);
  }
}

}  // namespace mneme::federation
