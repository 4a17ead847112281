#include "tests/sim/liar.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "core/federation/ball.h"
#include "core/federation/node.h"
#include "core/federation/tally.h"

namespace mneme::sim {
namespace {

using federation::Contributor;
using federation::Factor;
using federation::Frame;
using federation::GradUp;
using federation::Numbers;
using federation::ParamDown;
using federation::StatUp;
using federation::Tally;
using federation::WarmReply;

std::vector<Numbers*> NumbersOf(Frame& frame) {
  if (auto* up = std::get_if<GradUp>(&frame.body)) return {&up->values, &up->keys};
  if (auto* up = std::get_if<StatUp>(&frame.body)) return {&up->squares, &up->products};
  if (auto* down = std::get_if<ParamDown>(&frame.body)) {
    return {&down->memory, &down->change.errors, &down->change.keys};
  }
  if (auto* factor = std::get_if<Factor>(&frame.body)) {
    return {&factor->keys, &factor->responses, &factor->gates};
  }
  if (auto* reply = std::get_if<WarmReply>(&frame.body)) return {&reply->memory};
  return {};
}

Tally* TallyOf(Frame& frame) {
  if (auto* up = std::get_if<GradUp>(&frame.body)) return &up->tally;
  if (auto* up = std::get_if<StatUp>(&frame.body)) return &up->tally;
  return nullptr;
}

std::vector<float> Read(const Numbers& numbers) {
  std::vector<float> values(numbers.bytes.size() / WidthOf(numbers.type));
  Unpack(numbers, values);
  return values;
}

}  // namespace

Liar::Liar(LiarOptions options, const federation::Spec& spec, uint64_t seed)
    : options_(std::move(options)), spec_(spec), random_(seed, 3) {}

uint64_t Liar::Any(uint64_t most) {
  const auto bits = static_cast<uint64_t>(std::bit_width(most));
  return std::min(most,
                  random_.Below(uint64_t{1} << random_.Below(std::min<uint64_t>(bits, 63) + 1)));
}

std::vector<Frame> Liar::Say(const Frame& frame) {
  if (random_.Uniform() >= options_.share) {
    said_.push_back(frame);
    if (said_.size() > kRemembered) said_.pop_front();
    return {frame};
  }
  Frame lie = frame;
  switch (options_.lies[random_.Below(options_.lies.size())]) {
    case Lie::kWrongSizes:
      WrongSizes(lie);
      break;
    case Lie::kNotFinite:
      NotFinite(lie);
      break;
    case Lie::kLongSums:
      LongSums(lie);
      break;
    case Lie::kEpochsToCome:
      lie.header.epoch += 1 + Any(std::numeric_limits<uint64_t>::max() - lie.header.epoch - 1);
      return {lie, frame};
    case Lie::kRepeated: {
      if (said_.empty()) break;
      Frame again = said_[random_.Below(said_.size())];
      if (OneIn(2)) return {again, frame};
      again.header = frame.header;
      if (frame.header.edge_seq > 0) again.header.edge_seq += Any(2'000);
      return {again, frame};
    }
    case Lie::kStale:
      Stale(lie);
      break;
    case Lie::kWrongCounts:
      WrongCounts(lie);
      break;
  }
  // As if it had not been sent, or beside the truth.
  if (OneIn(2)) return {lie};
  if (frame.header.edge_seq > 0 && OneIn(2)) lie.header.edge_seq += 1 + Any(2'000);
  return {frame, lie};
}

void Liar::WrongSizes(Frame& frame) {
  for (Numbers* numbers : NumbersOf(frame)) {
    if (OneIn(2)) numbers->bytes.resize(Any(2 * numbers->bytes.size() + 8));
  }
  if (auto* up = std::get_if<GradUp>(&frame.body)) {
    if (OneIn(3)) up->rank = static_cast<uint32_t>(Any(std::numeric_limits<uint32_t>::max()));
    if (OneIn(3)) up->places.resize(Any(64));
    if (OneIn(3)) up->form = static_cast<federation::GradientForm>(random_.Below(6));
  } else if (auto* stat = std::get_if<StatUp>(&frame.body)) {
    if (OneIn(2)) stat->kind = static_cast<federation::StatKind>(random_.Below(5));
  } else if (auto* factor = std::get_if<Factor>(&frame.body)) {
    factor->count = static_cast<uint32_t>(Any(std::numeric_limits<uint32_t>::max()));
  } else if (auto* down = std::get_if<ParamDown>(&frame.body)) {
    if (OneIn(2)) {
      down->change.from = Any(100);
      down->change.steps.push_back({.scale = 1, .rank = static_cast<uint32_t>(Any(1U << 31))});
    }
    if (OneIn(2)) down->boosts.resize(Any(1'000));
  }
}

void Liar::NotFinite(Frame& frame) {
  constexpr float kBad[] = {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()};
  const float bad = kBad[random_.Below(3)];
  for (Numbers* numbers : NumbersOf(frame)) {
    const size_t width = WidthOf(numbers->type);
    if (numbers->bytes.size() < width) continue;
    const auto bits = std::bit_cast<uint32_t>(bad);
    const uint32_t stored = width == 4 ? bits : bits >> 16;  // little-endian
    const size_t at = width * random_.Below(numbers->bytes.size() / width);
    std::memcpy(numbers->bytes.data() + at, &stored, width);
  }
  if (Tally* tally = TallyOf(frame)) {
    double* const books[] = {&tally->norm_sum, &tally->loss_sum, &tally->weight_sum,
                             &tally->key_squared_max};
    *books[random_.Below(4)] = bad;
    if (!tally->contributors.empty() && OneIn(2)) tally->contributors[0].weight = bad;
  }
  if (auto* up = std::get_if<StatUp>(&frame.body)) up->energy = bad;
  if (auto* down = std::get_if<ParamDown>(&frame.body)) {
    down->eta = bad;
    for (federation::Boost& boost : down->boosts) boost.factor = bad;
  }
  if (auto* reply = std::get_if<WarmReply>(&frame.body)) reply->spread = bad;
}

void Liar::Lengthen(Numbers& numbers, double factor) {
  std::vector<float> values = Read(numbers);
  for (float& value : values) {
    const double longer = (value == 0 ? random_.Gaussian() : double{value}) * factor;
    value = static_cast<float>(std::clamp(longer, -3e38, 3e38));
  }
  numbers = Pack(values, numbers.type);
}

void Liar::LongSums(Frame& frame) {
  const double factor = (OneIn(2) ? -1 : 1) * std::pow(10.0, 30 * random_.Uniform());
  if (auto* down = std::get_if<ParamDown>(&frame.body)) {
    std::vector<float> memory = Read(down->memory);
    if (memory.empty()) return;
    for (float& value : memory) value = static_cast<float>(random_.Gaussian());
    const double norm = federation::Norm(std::span<const float>(memory));
    for (float& value : memory) {
      value = static_cast<float>(double{value} * 0.99 * federation::BallRadius(spec_) / norm);
    }
    down->memory = Pack(memory, down->memory.type);
  } else if (auto* reply = std::get_if<WarmReply>(&frame.body)) {
    const size_t numbers = size_t{spec_.d_k} * spec_.d_v;
    reply->steps = std::numeric_limits<uint64_t>::max();
    reply->spread = 1e300;
    const auto each = static_cast<float>(0.99 * federation::BallRadius(spec_) /
                                         std::sqrt(static_cast<double>(numbers)));
    reply->memory = Pack(std::vector<float>(numbers, each), spec_.wire.type);
  } else if (auto* factors = std::get_if<Factor>(&frame.body)) {
    // Keys and responses of unit length, as long as they may be.
    Lengthen(factors->keys, OneIn(2) ? -9e5 : 1);
    Lengthen(factors->responses, OneIn(2) ? -9e5 : 1);
  } else {
    for (Numbers* numbers : NumbersOf(frame)) Lengthen(*numbers, factor);
  }
  if (Tally* tally = TallyOf(frame); tally != nullptr && tally->items > 0) {
    tally->norm_sum = std::min(tally->norm_sum * std::abs(factor), federation::kTallySumMax);
    if (OneIn(2)) tally->norm_sum = federation::kTallySumMax;
    if (OneIn(2)) tally->key_squared_max = federation::kItemSquaredMax;
  }
}

void Liar::Stale(Frame& frame) {
  // Of a day at most: what lies further ahead is refused.
  const auto start = [&](uint64_t& incarnation) {
    incarnation = OneIn(2) ? incarnation - std::min(incarnation, Any(8))
                           : incarnation + Any(federation::kIncarnationAheadMax);
  };
  const auto number = [&](uint64_t& value) {
    value = OneIn(2) ? value - std::min(value, Any(1'000))
                     : value + Any(std::numeric_limits<uint64_t>::max() / 2 - value / 2);
  };
  if (OneIn(4)) return start(frame.header.incarnation);
  if (OneIn(8)) return start(frame.header.to_incarnation);
  if (auto* down = std::get_if<ParamDown>(&frame.body)) {
    if (OneIn(2)) return start(down->root_incarnation);
    number(down->tag);
    down->base_tag = std::min(down->base_tag, down->tag);
  } else if (auto* factor = std::get_if<Factor>(&frame.body)) {
    if (OneIn(2)) return start(factor->source_incarnation);
    number(factor->first_item);
  } else if (auto* stat = std::get_if<StatUp>(&frame.body);
             stat != nullptr && stat->kind == federation::StatKind::kFactors) {
    number(stat->first_item);
  }
  if (auto* up = std::get_if<GradUp>(&frame.body); up != nullptr && OneIn(3)) {
    if (OneIn(2)) return start(up->root_incarnation);
    return number(up->tag);
  }
  if (Tally* tally = TallyOf(frame)) {
    for (Contributor& one : tally->contributors) {
      if (OneIn(2)) start(one.incarnation);
      if (OneIn(2)) one.newest_tag += Any(std::numeric_limits<uint64_t>::max() - one.newest_tag);
      if (OneIn(2)) one.oldest_tag -= std::min(one.oldest_tag, Any(1'000));
      if (OneIn(4)) one.oldest_tag = one.newest_tag;
    }
  }
}

void Liar::WrongCounts(Frame& frame) {
  if (OneIn(6)) {
    frame.header.ack_seq += Any(100);
    return;
  }
  if (auto* stat = std::get_if<StatUp>(&frame.body);
      stat != nullptr && stat->kind == federation::StatKind::kFactors) {
    stat->count += Any(std::numeric_limits<uint64_t>::max() / 4);
  }
  Tally* tally = TallyOf(frame);
  if (tally == nullptr) return;
  tally->items = 0;
  tally->weight_sum = 0;
  for (Contributor& one : tally->contributors) {
    if (one.evaluations > 0) {
      one.items += Any(federation::kContributorItemsMax - one.items);
      if (OneIn(2)) one.weight *= federation::kBoostMax * random_.Uniform();
      if (OneIn(2)) {
        one.newest_evaluation += Any(std::numeric_limits<uint64_t>::max() - one.newest_evaluation);
      }
      if (OneIn(2)) {
        one.evaluations = std::min(one.items, 1 + one.newest_tag - one.oldest_tag);
        one.newest_evaluation = std::max(one.newest_evaluation, one.evaluations);
      }
    }
    tally->items += one.items;
    tally->weight_sum += one.weight;
  }
  if (OneIn(4)) ++tally->items;  // and then they do not add up
  if (OneIn(4)) tally->unnamed = Any(federation::kPlanNodesMax);
  if (OneIn(2)) tally->loss_sum = (OneIn(2) ? -1 : 1) * federation::kTallySumMax;
}

}  // namespace mneme::sim
