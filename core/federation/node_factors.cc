// Items on their way to those who want them, and what stands for them where a peer is slow.
#include <algorithm>
#include <iterator>
#include <utility>

#include "core/federation/ball.h"
#include "core/federation/node.h"

namespace mneme::federation {
namespace {

constexpr double kNormSlack = 1.02;  // of rows that were rounded on the wire

struct ItemRange {
  uint64_t first = 0;
  uint64_t end = 0;
};
ItemRange RangeOf(const Body& body) {
  if (const auto* factor = std::get_if<Factor>(&body)) {
    return {factor->first_item, factor->first_item + factor->count};
  }
  const auto& sum = std::get<StatUp>(body);
  return {sum.first_item, sum.first_item + sum.count};
}

size_t BytesOf(const Body& body) { return PayloadBytes(Frame{.header = {}, .body = body}); }

}  // namespace

void Node::TakeFactorSums(const StatUp& up) {
  Source& source = HearFrom(NameOf(up.root));
  const uint64_t to = up.first_item + up.count;
  // A sum cannot be taken apart: part of it has come, or all of it counts.
  if (source.items.Touches(up.first_item, to)) return drops_.Add(Drop::kDuplicate);
  const uint64_t end = source.items.end();
  source.items.Add(up.first_item, to);
  ForwardFactors(up.root, up);
  ArrivedFactors arrived{
      .source = NameOf(up.root), .stat = {spec_.d_v, spec_.d_k}, .items = up.count};
  arrived.stat.Read(up);
  CountItems(source, up.count, end);
  QueueArrived(std::move(arrived));
}

// A source numbers its items upwards, and what is on its way when an epoch ends is let go. So where
// the first that it says in an epoch begins below what came before, and it has not started again,
// somebody on the way made those numbers up; nobody would ever hear of the real ones.
void Node::ForgetItemsToCome(Source& source, const Factor& factor) {
  const uint64_t before = std::exchange(source.incarnation_before, 0);
  const uint64_t least = plan_->nodes[factor.source].incarnation;
  if (factor.source_incarnation < least || factor.source_incarnation > before) return;
  source.items.ForgetFrom(factor.first_item);
}

void Node::CountItems(Source& source, uint64_t count, uint64_t end_before) {
  const uint64_t end = source.items.end();
  // The first ones tell nothing of what came before.
  const uint64_t expected = end_before == 0 ? count : end - std::min(end, end_before);
  source.share.Add(count, expected);
  source.items_arrived += count;
}

void Node::QueueArrived(ArrivedFactors arrived) {
  const auto index = FindNode(*plan_, arrived.source);
  if (!index.has_value() || trees_.at(*index).role.weight == 0) return;  // a relay only
  const size_t rows = std::max<size_t>(arrived.batch.count, 1);
  if (factor_rows_ + rows > kArrivedFactorRowsMax) return drops_.Add(Drop::kQueueFull, rows);
  factor_rows_ += rows;
  factors_.push_back(std::move(arrived));
}

bool Node::ReadRows(const Factor& factor, Batch& batch) const {
  batch.count = factor.count;
  batch.from = factor.first_item;
  batch.to = factor.first_item + factor.count;
  batch.keys.resize(size_t{factor.count} * spec_.d_k);
  batch.responses.resize(size_t{factor.count} * spec_.d_v);
  batch.gates.assign(factor.count, 1.0F);
  if (!Unpack(factor.keys, batch.keys) || !Unpack(factor.responses, batch.responses)) return false;
  if (!factor.gates.bytes.empty() && !Unpack(factor.gates, batch.gates)) return false;
  for (size_t i = 0; i < batch.count; ++i) {
    const double key = Norm(std::span<const float>(batch.keys).subspan(i * spec_.d_k, spec_.d_k));
    const double response =
        Norm(std::span<const float>(batch.responses).subspan(i * spec_.d_v, spec_.d_v));
    // Rounding on the wire may lengthen them a little.
    if (key * key > kNormSlack * kItemSquaredMax ||
        response * response > kNormSlack * kItemSquaredMax || batch.gates[i] < 0 ||
        batch.gates[i] > kGateMax) {
      return false;
    }
  }
  return true;
}

void Node::KeepRows(const std::vector<Ranges::Range>& fresh, Batch& batch) const {
  size_t kept = 0;
  for (const auto& [from, to] : fresh) {
    for (uint64_t at = from; at < to; ++at, ++kept) {
      const auto row = static_cast<size_t>(at - batch.from);
      std::copy_n(batch.keys.begin() + static_cast<ptrdiff_t>(row * spec_.d_k), spec_.d_k,
                  batch.keys.begin() + static_cast<ptrdiff_t>(kept * spec_.d_k));
      std::copy_n(batch.responses.begin() + static_cast<ptrdiff_t>(row * spec_.d_v), spec_.d_v,
                  batch.responses.begin() + static_cast<ptrdiff_t>(kept * spec_.d_v));
      batch.gates[kept] = batch.gates[row];
    }
  }
  batch.count = kept;
  batch.keys.resize(kept * spec_.d_k);
  batch.responses.resize(kept * spec_.d_v);
  batch.gates.resize(kept);
}

void Node::ForwardFactors(NodeIndex source, const Body& body) {
  for (const NodeIndex child : trees_.at(source).role.children) {
    if (Edge* edge = EdgeOf(child); edge != nullptr) {
      edge->factors.push_back({.source = source, .body = body, .bytes = BytesOf(body)});
      edge->factor_bytes += edge->factors.back().bytes;
      FlushFactors(*edge);
      BoundFactors(*edge);
    }
  }
}

void Node::PutBack(Edge& edge, NodeIndex source, Body body) {
  const size_t bytes = BytesOf(body);
  edge.factors.push_front({.source = source, .body = std::move(body), .bytes = bytes});
  edge.factor_bytes += bytes;
  BoundFactors(edge);
}

void Node::FlushFactors(Edge& edge) {
  if (!Usable(edge)) return;
  for (auto it = edge.factors.begin(); it != edge.factors.end();) {
    const Lane lane{.kind = LaneKind::kFactor, .root = it->source};
    if (edge.out.InFlight(lane) >= spec_.wire.edge_queue_frames) {
      ++it;
      continue;
    }
    edge.factor_bytes -= it->bytes;
    Body body = std::move(it->body);
    it = edge.factors.erase(it);
    SendKept(edge, lane, std::move(body));
  }
}

// Above the bound the factors of a source become one sum; where that is no smaller, or the loss
// knows no such sum, the oldest are dropped.
void Node::BoundFactors(Edge& edge) {
  if (edge.factor_bytes > spec_.wire.factor_queue_bytes && spec_.loss != Loss::kHuber) {
    SumFactors(edge);
  }
  while (edge.factor_bytes > spec_.wire.factor_queue_bytes && edge.factors.size() > 1) {
    edge.factor_bytes -= edge.factors.front().bytes;
    edge.factors.pop_front();
    drops_.Add(Drop::kQueueFull);
  }
}

void Node::SumFactors(Edge& edge) {
  const size_t sum_bytes =
      WidthOf(spec_.wire.type) * (TriangleNumbers(spec_.d_k) + size_t{spec_.d_v} * spec_.d_k);
  std::ranges::stable_sort(edge.factors, [](const QueuedFactors& a, const QueuedFactors& b) {
    return std::pair(a.source, RangeOf(a.body).first) < std::pair(b.source, RangeOf(b.body).first);
  });
  std::deque<QueuedFactors> summed;
  size_t from = 0;
  while (from < edge.factors.size()) {
    size_t to = from + 1;
    size_t bytes = edge.factors[from].bytes;
    while (to < edge.factors.size() && Continues(edge.factors[to - 1], edge.factors[to])) {
      bytes += edge.factors[to++].bytes;
    }
    if (to - from > 1 && bytes > sum_bytes) {
      summed.push_back(SumOf(edge.factors, from, to));
    } else {
      std::move(edge.factors.begin() + static_cast<ptrdiff_t>(from),
                edge.factors.begin() + static_cast<ptrdiff_t>(to), std::back_inserter(summed));
    }
    from = to;
  }
  edge.factors = std::move(summed);
  edge.factor_bytes = 0;
  for (const QueuedFactors& queued : edge.factors) edge.factor_bytes += queued.bytes;
}

bool Node::Continues(const QueuedFactors& before, const QueuedFactors& after) {
  return before.source == after.source && RangeOf(before.body).end == RangeOf(after.body).first;
}

QueuedFactors Node::SumOf(const std::deque<QueuedFactors>& queued, size_t from, size_t to) const {
  StatSum sum(spec_.d_v, spec_.d_k);
  Batch batch;
  for (size_t i = from; i < to; ++i) {
    if (const auto* factor = std::get_if<Factor>(&queued[i].body)) {
      if (ReadRows(*factor, batch)) sum.AddBatch(batch, 1);
    } else {
      StatSum more(spec_.d_v, spec_.d_k);
      more.Read(std::get<StatUp>(queued[i].body));
      sum.Add(more);
    }
  }
  if (spec_.loss == Loss::kInnerProduct) sum.ForgetSquares();
  StatUp up{.kind = StatKind::kFactors,
            .root = queued[from].source,
            .first_item = RangeOf(queued[from].body).first};
  up.count = RangeOf(queued[to - 1].body).end - up.first_item;
  sum.Write(spec_.wire.type, up);
  QueuedFactors out{.source = queued[from].source, .body = std::move(up), .bytes = 0};
  out.bytes = BytesOf(out.body);
  return out;
}

}  // namespace mneme::federation
