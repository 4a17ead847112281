#include "server/auth/audit_log.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/time/time.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

constexpr mode_t kOwnerOnly = 0600;
// Losses told by one line in the server's log.
constexpr uint64_t kLossesALine = 1'000;

int OpenFile(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerOnly);
}

absl::Status CannotOpen(const std::string& path) {
  return Unavailable(
      absl::StrFormat("audit.file: '%s' cannot be opened: %s", path, std::strerror(errno)),
      {.reason = "AUDIT_FILE",
       .given = path,
       .expected = "a file that the server may append to",
       .next_step = "Correct the path, or the permissions of its folder."});
}

std::string Dump(const nlohmann::ordered_json& line) {
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string FormatAuditEntry(const AuditEntry& entry) {
  nlohmann::ordered_json line{
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixNanos(entry.unix_nanos),
                                absl::UTCTimeZone())},
      {"who", entry.who},
      {"from", entry.from},
      {"verb", entry.verb}};
  if (!entry.memory.empty()) line["memory"] = entry.memory;
  line["code"] = entry.code;
  if (!entry.reason.empty()) line["reason"] = entry.reason;
  if (entry.position.has_value()) line["position"] = *entry.position;
  return Dump(line);
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(std::string path) {
  const int file = OpenFile(path);
  if (file < 0) return CannotOpen(path);
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(path), file));
}

AuditLog::AuditLog(std::string path, int file)
    : path_(std::move(path)), file_(file), thread_([this] { Run(); }) {}

AuditLog::~AuditLog() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
  MutexLock lock(&file_mutex_);
  ::close(file_);
}

void AuditLog::Write(AuditEntry entry) {
  {
    MutexLock lock(&mutex_);
    if (queue_.size() < kAuditQueueMax) {
      queue_.push_back(std::move(entry));
      ++taken_;
      if (queue_.size() == 1) changed_.NotifyAll();
      return;
    }
  }
  if (lost_.fetch_add(1, std::memory_order_relaxed) % kLossesALine == 0) {
    spdlog::error("audit log: the queue is full; entries are lost, {} so far", lost());
  }
}

absl::Status AuditLog::Reopen() {
  const int file = OpenFile(path_);
  if (file < 0) return CannotOpen(path_);
  MutexLock lock(&file_mutex_);
  ::close(std::exchange(file_, file));
  return absl::OkStatus();
}

void AuditLog::Flush() {
  MutexLock lock(&mutex_);
  const uint64_t until = taken_;
  while (settled_ < until) changed_.Wait(&mutex_);
}

void AuditLog::Run() {
  std::vector<AuditEntry> batch;
  while (true) {
    {
      MutexLock lock(&mutex_);
      settled_ += batch.size();
      if (!batch.empty()) changed_.NotifyAll();
      batch.clear();
      while (queue_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (queue_.empty()) return;
      batch.swap(queue_);
    }
    Append(batch);
  }
}

void AuditLog::Append(const std::vector<AuditEntry>& entries) {
  std::string text;
  const uint64_t lost_before = lost();
  if (lost_before > marked_) text += Dump({{"lost", lost_before - marked_}}) + "\n";
  for (const AuditEntry& entry : entries) text += FormatAuditEntry(entry) + "\n";
  if (AppendText(text)) {
    marked_ = lost_before;
    if (std::exchange(failing_, false)) {
      spdlog::warn("audit log: it can be written again; {} entries are lost", lost());
    }
    return;
  }
  const int error = errno;
  lost_.fetch_add(entries.size(), std::memory_order_relaxed);
  if (!std::exchange(failing_, true)) {
    spdlog::error("audit log: '{}' cannot be written ({}); entries are lost", path_,
                  std::strerror(error));
  }
}

// All of it, or nothing: what a full disk took of it is cut off again.
bool AuditLog::AppendText(const std::string& text) {
  MutexLock lock(&file_mutex_);
  const off_t end = ::lseek(file_, 0, SEEK_END);
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(file_, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      const int error = errno;
      if (done > 0 && end >= 0 && ::ftruncate(file_, end) != 0) {
        spdlog::error("audit log: half a line stays in '{}'", path_);
      }
      errno = error;
      return false;
    }
    done += static_cast<size_t>(wrote);
  }
  return true;
}

}  // namespace mneme::server
