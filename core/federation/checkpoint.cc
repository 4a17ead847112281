#include "core/federation/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"

namespace mneme::federation {
namespace {

constexpr std::string_view kMagic = "MNFN";
constexpr uint32_t kVersion = 1;

template <typename T>
void PutVector(ByteWriter& out, const std::vector<T>& values) {
  static_assert(std::is_arithmetic_v<T>);
  out.Put(static_cast<uint64_t>(values.size()));
  out.PutRaw({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
}

template <typename T>
std::vector<T> GetVector(ByteReader& in) {
  const auto count = in.Get<uint64_t>();
  if (count > in.rest().size() / sizeof(T)) {
    in.GetRaw(in.rest().size() + 1);  // marks the reader as failed
    return {};
  }
  const std::string_view raw = in.GetRaw(static_cast<size_t>(count) * sizeof(T));
  std::vector<T> values(static_cast<size_t>(count));
  if (!values.empty()) std::memcpy(values.data(), raw.data(), raw.size());
  return values;
}

void Put(ByteWriter& out, const Checkpoint::Source& source) {
  out.PutBytes(source.node);
  out.Put(source.incarnation);
  out.Put(source.newest_evaluation);
  out.Put(source.received);
  out.Put(source.expected);
  out.Put(static_cast<uint32_t>(source.items.size()));
  for (const auto& [from, to] : source.items) {
    out.Put(from);
    out.Put(to);
  }
}

Checkpoint::Source GetSource(ByteReader& in) {
  Checkpoint::Source source;
  source.node = in.GetBytes();
  source.incarnation = in.Get<uint64_t>();
  source.newest_evaluation = in.Get<uint64_t>();
  source.received = in.Get<double>();
  source.expected = in.Get<double>();
  for (auto count = in.Get<uint32_t>(); count > 0 && in.ok(); --count) {
    const auto from = in.Get<uint64_t>();
    source.items.emplace_back(from, in.Get<uint64_t>());
  }
  return source;
}

void Put(ByteWriter& out, const RegretMeter::State& regret) {
  out.Put(regret.loss);
  out.Put(regret.weight);
  out.Put(regret.energy);
  PutVector(out, regret.squares);
  PutVector(out, regret.products);
  out.Put(static_cast<uint32_t>(regret.readings.size()));
  for (const RegretReading& point : regret.readings) {
    out.Put(point.round);
    out.Put(point.loss);
    out.Put(point.best_loss);
  }
}

RegretMeter::State GetRegret(ByteReader& in) {
  RegretMeter::State regret;
  regret.loss = in.Get<double>();
  regret.weight = in.Get<double>();
  regret.energy = in.Get<double>();
  regret.squares = GetVector<double>(in);
  regret.products = GetVector<double>(in);
  for (auto count = in.Get<uint32_t>(); count > 0 && in.ok(); --count) {
    RegretReading point;
    point.round = in.Get<uint64_t>();
    point.loss = in.Get<double>();
    point.best_loss = in.Get<double>();
    regret.readings.push_back(point);
  }
  return regret;
}

bool IsWhole(const Checkpoint::Source& source) {
  return source.received >= 0 && source.expected >= 0 && std::isfinite(source.received) &&
         std::isfinite(source.expected) && std::ranges::all_of(source.items, [](const auto& range) {
           return range.first < range.second;
         });
}

absl::Status Damaged(std::string_view what) {
  return DataLoss(absl::StrCat("federation checkpoint: ", AbslView(what)),
                  {.reason = "CHECKSUM",
                   .given = std::string(what),
                   .expected = "the bytes that were written",
                   .next_step = "Take the checkpoint before it."});
}

}  // namespace

std::string Encode(const Checkpoint& checkpoint) {
  ByteWriter out;
  out.PutRaw(kMagic);
  out.Put(kVersion);
  out.Put(checkpoint.spec_hash);
  out.Put(checkpoint.incarnation);
  out.Put(static_cast<uint8_t>(checkpoint.clean));
  out.Put(checkpoint.epoch);
  out.Put(checkpoint.round);
  PutVector(out, checkpoint.memory);
  out.Put(checkpoint.steps.steps);
  out.Put(checkpoint.steps.spread);
  out.Put(checkpoint.steps.key_squared_max);
  PutVector(out, checkpoint.steps.recent);
  out.Put(checkpoint.own_cursor);
  out.Put(checkpoint.multicast_cursor);
  out.Put(checkpoint.contribute_from);
  out.Put(static_cast<uint32_t>(checkpoint.cursors.size()));
  for (const auto& [node, cursor] : checkpoint.cursors) {
    out.PutBytes(node);
    out.Put(cursor);
  }
  out.Put(static_cast<uint32_t>(checkpoint.sources.size()));
  for (const Checkpoint::Source& source : checkpoint.sources) Put(out, source);
  Put(out, checkpoint.regret);
  for (const uint64_t count : checkpoint.drops) out.Put(count);
  std::string bytes = out.Take();
  const uint32_t crc = Crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&crc), sizeof(crc));
  return bytes;
}

absl::StatusOr<Checkpoint> DecodeCheckpoint(std::string_view bytes) {
  constexpr size_t kFrame = kMagic.size() + sizeof(kVersion) + sizeof(uint32_t);
  if (bytes.size() < kFrame || bytes.substr(0, kMagic.size()) != kMagic) {
    return Damaged("not one, or cut short");
  }
  const std::string_view checked = bytes.substr(0, bytes.size() - sizeof(uint32_t));
  ByteReader tail(bytes.substr(checked.size()));
  if (tail.Get<uint32_t>() != Crc32c(checked)) return Damaged("its checksum does not match");
  ByteReader in(checked.substr(kMagic.size()));
  if (const auto version = in.Get<uint32_t>(); version != kVersion) {
    return FailedPrecondition(absl::StrCat("federation checkpoint: version ", version),
                              {.reason = "VERSION",
                               .given = absl::StrCat(version),
                               .expected = absl::StrCat(kVersion),
                               .next_step = "Start the version of mneme that wrote it."});
  }
  Checkpoint out;
  out.spec_hash = in.Get<uint64_t>();
  out.incarnation = in.Get<uint64_t>();
  out.clean = in.Get<uint8_t>() != 0;
  out.epoch = in.Get<uint64_t>();
  out.round = in.Get<uint64_t>();
  out.memory = GetVector<float>(in);
  out.steps.steps = in.Get<uint64_t>();
  out.steps.spread = in.Get<double>();
  out.steps.key_squared_max = in.Get<double>();
  out.steps.recent = GetVector<double>(in);
  out.own_cursor = in.Get<uint64_t>();
  out.multicast_cursor = in.Get<uint64_t>();
  out.contribute_from = in.Get<uint64_t>();
  for (auto count = in.Get<uint32_t>(); count > 0 && in.ok(); --count) {
    std::string node(in.GetBytes());
    out.cursors.emplace_back(std::move(node), in.Get<uint64_t>());
  }
  for (auto count = in.Get<uint32_t>(); count > 0 && in.ok(); --count) {
    out.sources.push_back(GetSource(in));
  }
  out.regret = GetRegret(in);
  for (uint64_t& count : out.drops) count = in.Get<uint64_t>();
  if (!in.done()) return Damaged("its parts do not fill it");
  if (!std::ranges::all_of(out.sources, IsWhole)) return Damaged("numbers that none writes");
  return out;
}

}  // namespace mneme::federation
