#include "client/cpp/src/convert.h"

#include <type_traits>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/matrix.h"
#include "client/cpp/src/status.h"

namespace mneme::client {
namespace {

void SetValue(const AttributeValue& value, v1::AttributeValue* out) {
  std::visit(
      [out](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>) {
          out->set_string_value(v);
        } else if constexpr (std::is_same_v<T, int64_t>) {
          out->set_int64_value(v);
        } else if constexpr (std::is_same_v<T, double>) {
          out->set_double_value(v);
        } else if constexpr (std::is_same_v<T, bool>) {
          out->set_bool_value(v);
        } else if constexpr (std::is_same_v<T, Timestamp>) {
          *out->mutable_timestamp_value() = MakeTime(v);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          out->mutable_string_list()->mutable_values()->Assign(v.begin(), v.end());
        } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
          out->mutable_int64_list()->mutable_values()->Assign(v.begin(), v.end());
        } else {
          static_assert(std::is_same_v<T, std::vector<double>>);
          out->mutable_double_list()->mutable_values()->Assign(v.begin(), v.end());
        }
      },
      value);
}

AttributeValue GetValue(const v1::AttributeValue& wire) {
  switch (wire.kind_case()) {
    case v1::AttributeValue::kStringValue:
      return wire.string_value();
    case v1::AttributeValue::kInt64Value:
      return wire.int64_value();
    case v1::AttributeValue::kDoubleValue:
      return wire.double_value();
    case v1::AttributeValue::kBoolValue:
      return wire.bool_value();
    case v1::AttributeValue::kTimestampValue:
      return FromWire(wire.timestamp_value());
    case v1::AttributeValue::kStringList:
      return std::vector<std::string>(wire.string_list().values().begin(),
                                      wire.string_list().values().end());
    case v1::AttributeValue::kInt64List:
      return std::vector<int64_t>(wire.int64_list().values().begin(),
                                  wire.int64_list().values().end());
    case v1::AttributeValue::kDoubleList:
      return std::vector<double>(wire.double_list().values().begin(),
                                 wire.double_list().values().end());
    case v1::AttributeValue::KIND_NOT_SET:
      break;
  }
  return std::string();
}

absl::StatusOr<std::vector<float>> GetNumbers(const v1::Matrix& wire) {
  std::vector<float> numbers(static_cast<size_t>(wire.rows()) * wire.cols());
  if (absl::Status status = CopyNumbers(wire, numbers.data()); !status.ok()) return status;
  return numbers;
}

Certificate GetCertificate(const v1::Certificate& wire) {
  Certificate certificate{.certified = wire.certified(),
                          .radius = wire.radius(),
                          .inside_radius = wire.inside_radius()};
  if (wire.has_distance()) certificate.distance = wire.distance();
  return certificate;
}

Startup GetStartup(const v1::Startup& wire) {
  Startup startup{.done = wire.done(),
                  .recovery_mode = wire.recovery_mode(),
                  .memories_done = wire.memories_done(),
                  .memories_total = wire.memories_total(),
                  .rows_done = wire.rows_done(),
                  .rows_total = wire.rows_total(),
                  .memory = wire.memory(),
                  .elapsed = FromWire(wire.elapsed())};
  if (wire.has_remaining()) startup.remaining = FromWire(wire.remaining());
  return startup;
}

Resources GetResources(const v1::Resources& wire) {
  return {.memory_bytes_max = wire.memory_bytes_max(),
          .memory_limit_source = wire.memory_limit_source(),
          .memory_bytes_used = wire.memory_bytes_used(),
          .resident_bytes = wire.resident_bytes(),
          .disk_bytes_free = wire.disk_bytes_free(),
          .disk_bytes_reserve = wire.disk_bytes_reserve(),
          .disk_bytes_used = wire.disk_bytes_used()};
}

std::vector<ScoredItem> GetScoredItems(google::protobuf::RepeatedPtrField<v1::ScoredItem>* wire) {
  std::vector<ScoredItem> items;
  items.reserve(wire->size());
  for (v1::ScoredItem& item : *wire) items.push_back(FromWire(std::move(item)));
  return items;
}

}  // namespace

std::string ResourceName(std::string_view name, std::string_view collection) {
  if (name.starts_with(collection)) return std::string(name);
  return std::string(collection).append(name);
}

google::protobuf::Timestamp MakeTime(Timestamp time) {
  const int64_t nanos = time.time_since_epoch().count();
  int64_t seconds = nanos / 1'000'000'000;
  int64_t rest = nanos % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  google::protobuf::Timestamp wire;
  wire.set_seconds(seconds);
  wire.set_nanos(static_cast<int32_t>(rest));
  return wire;
}

google::protobuf::Duration MakeDuration(std::chrono::nanoseconds duration) {
  google::protobuf::Duration wire;
  wire.set_seconds(duration.count() / 1'000'000'000);
  wire.set_nanos(static_cast<int32_t>(duration.count() % 1'000'000'000));
  return wire;
}

std::chrono::nanoseconds FromWire(const google::protobuf::Duration& wire) {
  return std::chrono::seconds(wire.seconds()) + std::chrono::nanoseconds(wire.nanos());
}

Timestamp FromWire(const google::protobuf::Timestamp& wire) {
  return Timestamp(std::chrono::seconds(wire.seconds()) + std::chrono::nanoseconds(wire.nanos()));
}

void SetId(const ItemId& id, v1::ItemId* out) {
  if (id.is_text()) {
    out->set_text(std::string(id.text()));
  } else {
    out->set_number(id.number());
  }
}

void SetAttributes(const Attributes& attributes, v1::Attributes* out) {
  for (const auto& [name, value] : attributes) SetValue(value, &(*out->mutable_values())[name]);
}

size_t WireBytes(const ItemId& id) { return 16 + id.text().size(); }

size_t WireBytes(const Attributes& attributes) {
  v1::Attributes wire;
  SetAttributes(attributes, &wire);
  return 8 + wire.ByteSizeLong();
}

ItemId FromWire(const v1::ItemId& wire) {
  return wire.kind_case() == v1::ItemId::kText ? ItemId(wire.text()) : ItemId(wire.number());
}

NamedLimit FromWire(const v1::NamedLimit& wire) {
  return {.name = wire.name(),
          .value = wire.value(),
          .unit = wire.unit(),
          .description = wire.description(),
          .configurable = wire.configurable()};
}

ServerInfo FromWire(const v1::ServerInfo& wire) {
  const v1::Limits& limits = wire.limits();
  const v1::Counters& counters = wire.counters();
  return {.version = wire.version(),
          .start_time = FromWire(wire.start_time()),
          .uptime = FromWire(wire.uptime()),
          .limits = {.rows_per_store_max = limits.rows_per_store_max(),
                     .cues_max = limits.cues_max(),
                     .list_size_max = limits.list_size_max(),
                     .dimension_max = limits.dimension_max(),
                     .payload_bytes_max = limits.payload_bytes_max(),
                     .message_bytes_max = limits.message_bytes_max(),
                     .memories_max = limits.memories_max(),
                     .partitions_max = limits.partitions_max()},
          .counters = {.commits = counters.commits(),
                       .syncs = counters.syncs(),
                       .writes = counters.writes(),
                       .group_writes_max = counters.group_writes_max(),
                       .cues_inline = counters.cues_inline(),
                       .cues_batched = counters.cues_batched(),
                       .batches = counters.batches()},
          .memory_count = wire.memory_count(),
          .memory_bytes = wire.memory_bytes(),
          .instruction_set = wire.instruction_set(),
          .blas_core = wire.blas_core(),
          .scan_threads = wire.scan_threads(),
          .startup = GetStartup(wire.startup()),
          .resources = GetResources(wire.resources()),
          .all_limits = AllFromWire(wire.all_limits())};
}

absl::StatusOr<Item> FromWire(const v1::Item& wire) {
  Item item{.id = FromWire(wire.id()),
            .weight = wire.weight(),
            .payload = wire.payload(),
            .row = wire.row(),
            .etag = wire.etag()};
  if (wire.has_expire_time()) item.expire_time = FromWire(wire.expire_time());
  if (wire.has_key()) {
    absl::StatusOr<std::vector<float>> numbers = GetNumbers(wire.key());
    if (!numbers.ok()) return numbers.status();
    item.key = *std::move(numbers);
  }
  if (wire.has_response()) {
    absl::StatusOr<std::vector<float>> numbers = GetNumbers(wire.response());
    if (!numbers.ok()) return numbers.status();
    item.response = *std::move(numbers);
  }
  for (const auto& [name, value] : wire.attributes().values()) {
    item.attributes.emplace(name, GetValue(value));
  }
  return item;
}

Warning FromWire(const v1::Warning& wire) {
  return {.reason = wire.reason(), .message = wire.message(), .next_step = wire.next_step()};
}

ScoredItem FromWire(v1::ScoredItem wire) {
  ScoredItem item{.id = FromWire(wire.id()),
                  .score = wire.score(),
                  .share = wire.share(),
                  .found = wire.found(),
                  .rank = wire.rank(),
                  .payload = std::move(*wire.mutable_payload())};
  if (wire.has_certificate()) item.certificate = GetCertificate(wire.certificate());
  return item;
}

CueResult FromWire(v1::CueResult wire) {
  return {.error = FromProto(wire.error()),
          .status = static_cast<AnswerStatus>(wire.status()),
          .steps = wire.steps(),
          .energy = wire.energy(),
          .confidence = wire.confidence(),
          .n_eff = wire.n_eff(),
          .n_support = wire.n_support(),
          .top = GetScoredItems(wire.mutable_top()),
          .z_best = wire.z_best(),
          .z_gap = wire.z_gap(),
          .shortfall = static_cast<Shortfall>(wire.shortfall()),
          .answered_by = static_cast<NoSupportPolicy>(wire.answered_by()),
          .beta = wire.beta(),
          .radius = wire.radius()};
}

CueList FromWire(v1::CueList wire) {
  return {.error = FromProto(wire.error()),
          .items = GetScoredItems(wire.mutable_items()),
          .status = static_cast<AnswerStatus>(wire.status()),
          .z_best = wire.z_best(),
          .z_gap = wire.z_gap(),
          .score_mean = wire.score_mean(),
          .score_std = wire.score_std(),
          .mass = wire.mass(),
          .share_error = wire.share_error(),
          .tail_average = wire.tail_average(),
          .shortfall = static_cast<Shortfall>(wire.shortfall())};
}

}  // namespace mneme::client
