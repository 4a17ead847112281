// The memories of a live world, and what the end of a call says.
#include "tests/faults/live_memory.h"

namespace mneme::test {
namespace {

v1::Memory Base(int response_dim) {
  v1::Memory memory;
  memory.set_key_dim(kLiveKeyDim);
  memory.set_response_dim(static_cast<uint32_t>(response_dim));
  return memory;
}
v1::Memory Dense() {
  v1::Memory memory = Base(0);
  memory.mutable_dense()->set_beta(64);
  return memory;
}
v1::Memory Linear(v1::LinearRule rule) {
  v1::Memory memory = Base(kLiveResponseDim);
  memory.mutable_linear()->set_rule(rule);
  return memory;
}
v1::Memory Ridge() {
  v1::Memory memory = Linear(v1::LINEAR_RULE_RIDGE);
  memory.mutable_linear()->set_lambda(0.01);
  return memory;
}
v1::Memory Tam() { return Linear(v1::LINEAR_RULE_TAM); }
v1::Memory Sums() {
  v1::Memory memory = Linear(v1::LINEAR_RULE_CMM);
  memory.set_retain(v1::RETAIN_STATISTICS);
  return memory;
}
v1::Memory Capped() {
  v1::Memory memory = Dense();
  memory.mutable_item_policy()->set_items_max(15);
  memory.mutable_item_policy()->set_full_policy(v1::FULL_POLICY_EVICT_OLDEST);
  return memory;
}

}  // namespace

const std::vector<LiveKind>& LiveKinds() {
  static const std::vector<LiveKind> kinds = {
      {.name = "dense", .spec = Dense},
      {.name = "ridge", .associates = true, .spec = Ridge},
      {.name = "tam", .associates = true, .spec = Tam},
      {.name = "sums", .rows = 160, .keeps_items = false, .associates = true, .spec = Sums},
      {.name = "capped", .batches_max = 5, .spec = Capped},
      {.name = "brief", .ttl_ms = 300, .spec = Dense},
      {.name = "stream", .spec = Dense},
  };
  return kinds;
}

Ended EndOf(const grpc::Status& status) {
  if (status.ok()) return Ended::kDone;
  const std::string reason = Unpack(status).reason;
  for (const char* not_done : {"STOPPING", "LOG_STOPPED", "BUSY", "FULL", "STARTING"}) {
    if (reason == not_done) return Ended::kNotDone;
  }
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:
      return Ended::kUnknown;
    default:
      return Ended::kWrong;
  }
}

}  // namespace mneme::test
