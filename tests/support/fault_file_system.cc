#include "tests/support/fault_file_system.h"

#include <utility>

namespace mneme::test {

FaultFileSystem::FaultFileSystem(const DiskImage& image) {
  MutexLock lock(&mutex_);
  for (const auto& [path, bytes] : image.files()) {
    names_[path] = std::make_shared<DiskFile>(bytes);
  }
  durable_names_ = names_;
  directories_.insert(image.directories().begin(), image.directories().end());
}

void FaultFileSystem::Inject(const Fault& fault) {
  MutexLock lock(&mutex_);
  plan_.Add(fault);
}

void FaultFileSystem::ClearFaults() {
  MutexLock lock(&mutex_);
  plan_.Clear();
}

bool FaultFileSystem::fired() const {
  MutexLock lock(&mutex_);
  return plan_.fired();
}

void FaultFileSystem::WaitStalled() {
  MutexLock lock(&mutex_);
  while (stalled_ == 0) changed_.Wait(&mutex_);
}

void FaultFileSystem::Release() {
  MutexLock lock(&mutex_);
  plan_.ClearStalls();
  changed_.NotifyAll();
}

void FaultFileSystem::SetFreeBytes(uint64_t bytes) {
  MutexLock lock(&mutex_);
  free_bytes_ = bytes;
}

uint64_t FaultFileSystem::calls() const {
  uint64_t sum = 0;
  for (int call = 0; call < kCalls; ++call) sum += calls(static_cast<Call>(call));
  return sum;
}

uint64_t FaultFileSystem::calls(Call call) const {
  uint64_t sum = 0;
  for (int file = 0; file < kFileKinds; ++file) sum += calls(call, static_cast<FileKind>(file));
  return sum;
}

uint64_t FaultFileSystem::calls(Call call, FileKind file) const {
  MutexLock lock(&mutex_);
  return plan_.calls(call, file);
}

uint64_t FaultFileSystem::syncs_after_failed_sync() const {
  MutexLock lock(&mutex_);
  return syncs_after_failed_sync_;
}

DiskImage FaultFileSystem::Image() const {
  MutexLock lock(&mutex_);
  DiskImage out;
  for (const std::string& path : directories_) out.PutDirectory(path);
  for (const auto& [path, file] : names_) {
    out.PutFile(path, file->Share());
  }
  return out;
}

DiskImage FaultFileSystem::CutPower(Random& random) {
  MutexLock lock(&mutex_);
  dead_ = true;
  changed_.NotifyAll();
  DiskImage out;
  // Directories are few, and all made before anything in them is promised.
  for (const std::string& path : directories_) out.PutDirectory(path);
  for (const auto& [path, file] : SurvivingNames(random)) {
    out.PutFile(path, file->Survive(random));
  }
  return out;
}

FaultFileSystem::Names FaultFileSystem::SurvivingNames(Random& random) const {
  Names out = durable_names_;
  const bool deletions_alone = random.Below(2) == 0;
  const size_t prefix = random.Below(unsynced_.size() + 1);
  for (size_t i = 0; i < unsynced_.size(); ++i) {
    const NameChange& change = unsynced_[i];
    const bool pure_deletion = change.file == nullptr && !change.with_next;
    const bool survives = deletions_alone    ? pure_deletion
                          : change.with_next ? i + 1 < prefix
                                             : i < prefix;
    if (!survives) continue;
    if (change.file != nullptr) {
      out[change.path] = change.file;
    } else {
      out.erase(change.path);
    }
  }
  return out;
}

void FaultFileSystem::Change(NameChange change) {
  if (change.file != nullptr) {
    names_[change.path] = change.file;
  } else {
    names_.erase(change.path);
  }
  unsynced_.push_back(std::move(change));
}

FaultFileSystem::Outcome FaultFileSystem::Enter(Call call, const std::string& path) {
  Outcome outcome;
  if (dead_) {
    outcome.status = IOStatus::IOError("the power is gone", path);
    return outcome;
  }
  const std::optional<Fault> met = plan_.Meet(call, KindOfFile(path));
  if (met.has_value()) outcome.status = Meet(*met, outcome);
  return outcome;
}

rocksdb::IOStatus FaultFileSystem::Meet(const Fault& fault, Outcome& outcome) {
  switch (fault.kind) {
    case Fault::Kind::kNoSpace:
      return IOStatus::NoSpace("no space left on device");
    case Fault::Kind::kIoError:
      return IOStatus::IOError("input/output error");
    case Fault::Kind::kTear:
      outcome.torn_bytes = fault.torn_bytes;
      return IOStatus::IOError("input/output error after a part");
    case Fault::Kind::kPowerCut:
      dead_ = true;
      return IOStatus::IOError("the power is gone");
    case Fault::Kind::kStall: {
      const uint64_t before = releases_;
      ++stalled_;
      changed_.NotifyAll();
      while (releases_ == before && !dead_) changed_.Wait(&mutex_);
      --stalled_;
      return dead_ ? IOStatus::IOError("the power is gone") : IOStatus::OK();
    }
  }
  return IOStatus::OK();
}

}  // namespace mneme::test
