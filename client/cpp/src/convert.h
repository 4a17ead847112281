// Wire <-> plain values of mneme/types.h.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CPP_SRC_CONVERT_H_
#define MNEME_CLIENT_CPP_SRC_CONVERT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/src/split.h"
#include "mneme/client.h"
#include "mneme/v1/memory_service.pb.h"

namespace mneme::client {

// "faces" and "memories/faces" both give "memories/faces".
std::string ResourceName(std::string_view memory);

// Copies rows [range.begin, range.end) once, into the bytes that travel.
void SetRows(MatrixRef matrix, const RowRange& range, v1::Matrix* out);
void SetId(const ItemId& id, v1::ItemId* out);
void SetAttributes(const Attributes& attributes, v1::Attributes* out);
void SetSpec(const MemorySpec& spec, v1::Memory* out);

// About how many bytes it is on the wire; never less.
size_t WireBytes(const ItemId& id);
size_t WireBytes(const Attributes& attributes);

// The numbers of `wire` into `out`, which must have rows * cols places. Internal when the reply
// contradicts itself.
absl::Status CopyNumbers(const v1::Matrix& wire, float* out);

ItemId FromWire(const v1::ItemId& wire);
Epoch FromWire(const v1::Epoch& wire);
Memory FromWire(const v1::Memory& wire);
ServerInfo FromWire(const v1::ServerInfo& wire);
absl::StatusOr<Item> FromWire(const v1::Item& wire);
CueResult FromWire(v1::CueResult wire);
CueList FromWire(v1::CueList wire);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_CONVERT_H_
