// Long work, and what administrators ask for.
#include "client/cpp/src/convert.h"
#include "client/cpp/src/convert_analysis.h"
#include "client/cpp/src/status.h"
#include "mneme/v1/admin_service.pb.h"

namespace mneme::client {
namespace {

TrainProgress GetTraining(const v1::TrainMetadata& wire) {
  TrainProgress training{.memory = wire.memory(),
                         .phase = wire.phase(),
                         .progress = wire.progress(),
                         .steps = wire.steps(),
                         .loss = wire.loss(),
                         .start_time = FromWire(wire.start_time())};
  if (wire.has_expected_end_time()) {
    training.expected_end_time = FromWire(wire.expected_end_time());
  }
  return training;
}

AdminProgress GetAdmin(const v1::AdminMetadata& wire) {
  AdminProgress admin{.kind = wire.kind(),
                      .subject = wire.subject(),
                      .phase = wire.phase(),
                      .progress = wire.progress(),
                      .start_time = FromWire(wire.start_time())};
  if (wire.has_expected_end_time()) admin.expected_end_time = FromWire(wire.expected_end_time());
  return admin;
}

}  // namespace

Operation FromWire(const google::longrunning::Operation& wire) {
  Operation operation{.name = wire.name(), .done = wire.done(), .error = FromProto(wire.error())};
  if (v1::TrainMetadata metadata; wire.metadata().UnpackTo(&metadata)) {
    operation.training = GetTraining(metadata);
  }
  if (v1::TrainResponse response; wire.response().UnpackTo(&response)) {
    operation.memory = FromWire(response.memory());
  }
  if (v1::AdminMetadata metadata; wire.metadata().UnpackTo(&metadata)) {
    operation.admin = GetAdmin(metadata);
  }
  if (v1::CloneMemoryResponse response; wire.response().UnpackTo(&response)) {
    operation.memory = FromWire(response.memory());
  }
  if (v1::CalibrateIndexResponse response; wire.response().UnpackTo(&response)) {
    operation.memory = FromWire(response.memory());
  }
  if (v1::CreateBackupResponse response; wire.response().UnpackTo(&response)) {
    operation.backup = FromWire(response.backup());
  }
  if (v1::RestoreBackupResponse response; wire.response().UnpackTo(&response)) {
    operation.restored = Restored{.memories = AllFromWire(response.memories()),
                                  .samples_compared = response.samples_compared()};
  }
  if (v1::AnalyzeResponse response; wire.response().UnpackTo(&response)) {
    operation.report = FromWire(response.report());
  }
  return operation;
}

Alias FromWire(const v1::Alias& wire) {
  return {
      .name = wire.name(), .memory = wire.memory(), .update_time = FromWire(wire.update_time())};
}

MemoryUsage FromWire(const v1::MemoryUsage& wire) {
  MemoryUsage usage{.name = wire.name(),
                    .items = wire.items(),
                    .memory = AllFromWire(wire.memory()),
                    .disk = AllFromWire(wire.disk()),
                    .memory_bytes = wire.memory_bytes(),
                    .disk_bytes = wire.disk_bytes(),
                    .memory_bytes_twice = wire.memory_bytes_twice(),
                    .disk_bytes_twice = wire.disk_bytes_twice(),
                    .log_records = wire.log_records()};
  if (wire.has_top1()) usage.top1 = wire.top1();
  if (wire.has_top1_twice()) usage.top1_twice = wire.top1_twice();
  return usage;
}

BackupMemory FromWire(const v1::BackupMemory& wire) {
  return {.name = wire.name(),
          .uid = wire.uid(),
          .position = wire.position(),
          .items = wire.items(),
          .samples = wire.samples(),
          .degraded_reason = wire.degraded_reason()};
}

Backup FromWire(const v1::Backup& wire) {
  return {.name = wire.name(),
          .create_time = FromWire(wire.create_time()),
          .bytes = wire.bytes(),
          .new_bytes = wire.new_bytes(),
          .memories = AllFromWire(wire.memories()),
          .description = wire.description()};
}

}  // namespace mneme::client
