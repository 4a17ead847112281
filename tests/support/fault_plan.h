// Which call of a file system is to go wrong, and how: what a test orders, and what has been met.
#ifndef MNEME_TESTS_SUPPORT_FAULT_PLAN_H_
#define MNEME_TESTS_SUPPORT_FAULT_PLAN_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/support/disk_image.h"

namespace mneme::test {

enum class Call {
  kOpen,    // for reading
  kRead,    // one read of one file
  kCreate,  // a file for writing
  kAppend,
  kSync,   // of a file
  kClose,  // of a file written
  kRename,
  kLink,
  kDelete,
  kList,  // the names in a directory
  kLook,  // is it there, how large is it
  kMakeDirectory,
  kOpenDirectory,
  kSyncDirectory,
  kLock,
};
inline constexpr int kCalls = 15;
const char* CallName(Call call);

struct Fault {
  enum class Kind {
    kNoSpace,   // ENOSPC; nothing happens on the disk
    kIoError,   // EIO; nothing happens on the disk
    kTear,      // an append reaches its first `torn_bytes` bytes, then EIO
    kPowerCut,  // neither this call nor any later one happens
    kStall,     // the call waits for Release
  };
  Kind kind = Kind::kIoError;
  std::optional<Call> call;      // any
  std::optional<FileKind> file;  // any
  uint64_t nth = 1;              // from 1, counted from Inject on, among the calls that match
  bool from_then_on = false;     // the later ones too
  uint64_t torn_bytes = 0;
};

// Not thread-safe.
class FaultPlan {
 public:
  void Add(const Fault& fault) { orders_.push_back({.fault = fault}); }
  void Clear();
  void ClearStalls();
  // Counts a call; the fault that it meets, if any.
  std::optional<Fault> Meet(Call call, FileKind file);

  bool fired() const { return fired_; }
  uint64_t calls(Call call, FileKind file) const {
    return counts_[static_cast<size_t>(call)][static_cast<size_t>(file)];
  }

 private:
  struct Order {
    Fault fault;
    uint64_t met = 0;
  };
  std::vector<Order> orders_;
  std::array<std::array<uint64_t, kFileKinds>, kCalls> counts_ = {};
  bool fired_ = false;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_FAULT_PLAN_H_
