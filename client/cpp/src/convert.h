// Wire <-> plain values of mneme/types.h.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CPP_SRC_CONVERT_H_
#define MNEME_CLIENT_CPP_SRC_CONVERT_H_

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/longrunning/operations.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "mneme/client.h"
#include "mneme/v1/admin_service.pb.h"
#include "mneme/v1/memory_service.pb.h"

namespace mneme::client {

// "faces" and "memories/faces" both give "memories/faces".
std::string ResourceName(std::string_view name, std::string_view collection = "memories/");

void SetId(const ItemId& id, v1::ItemId* out);
void SetAttributes(const Attributes& attributes, v1::Attributes* out);
void SetSpec(const MemorySpec& spec, v1::Memory* out);
// Into TrainRequest or LinearSpec; nothing for the default.
template <typename Message>
void SetTail(const Tail& tail, Message* out) {
  if (const auto* size = std::get_if<ListSize>(&tail)) out->set_list_size(size->items);
  if (const auto* fraction = std::get_if<TailFraction>(&tail)) {
    out->set_tail_fraction(fraction->share);
  }
}

// About how many bytes it is on the wire; never less.
size_t WireBytes(const ItemId& id);
size_t WireBytes(const Attributes& attributes);

google::protobuf::Timestamp MakeTime(Timestamp time);
google::protobuf::Duration MakeDuration(std::chrono::nanoseconds duration);

Timestamp FromWire(const google::protobuf::Timestamp& wire);
std::chrono::nanoseconds FromWire(const google::protobuf::Duration& wire);
ItemId FromWire(const v1::ItemId& wire);
Epoch FromWire(const v1::Epoch& wire);
IndexReport FromWire(const v1::IndexReport& wire);
Memory FromWire(const v1::Memory& wire);
ByteAccount FromWire(const v1::ByteAccount& wire);
Warning FromWire(const v1::Warning& wire);
// Unpacks what it knows: the metadata and the result of a training.
Operation FromWire(const google::longrunning::Operation& wire);
Alias FromWire(const v1::Alias& wire);
MemoryUsage FromWire(const v1::MemoryUsage& wire);
BackupMemory FromWire(const v1::BackupMemory& wire);
Backup FromWire(const v1::Backup& wire);
NamedLimit FromWire(const v1::NamedLimit& wire);
Prediction FromWire(const v1::Prediction& wire);
CurvePoint FromWire(const v1::CurvePoint& wire);
ProfilePoint FromWire(const v1::ProfilePoint& wire);
ForecastResult FromWire(const v1::ForecastResponse& wire);
ServerInfo FromWire(const v1::ServerInfo& wire);
absl::StatusOr<Item> FromWire(const v1::Item& wire);
ScoredItem FromWire(v1::ScoredItem wire);
CueResult FromWire(v1::CueResult wire);
CueList FromWire(v1::CueList wire);
Explanation FromWire(v1::ExplainResponse wire);

// All of a repeated field.
template <typename Repeated>
auto AllFromWire(const Repeated& wire) {
  std::vector<decltype(FromWire(*wire.begin()))> values;
  values.reserve(wire.size());
  for (const auto& value : wire) values.push_back(FromWire(value));
  return values;
}

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_CONVERT_H_
