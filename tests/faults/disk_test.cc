// The daemon's disk is slow, full, or fails to sync: reads go on, writes are shed, refused or end
// the daemon with its own exit code, and nothing that was acknowledged is lost. A full one is
// emptied by deleting.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/engine/limits.h"
#include "gtest/gtest.h"
#include "tests/faults/pressure.h"

namespace mneme::test {
namespace {

using std::chrono::steady_clock;

constexpr int kDim = 16;
constexpr int kSyncMillis = 200;
// One more than may wait, beside the group that is on its way to the disk; and connections for so
// many calls.
constexpr size_t kBurst = engine::kPendingWritesMax + engine::kGroupWritesMax + 1;
constexpr size_t kCallsPerConnection = 350;  // fewer than the daemon takes
constexpr int kConnections = 1 + static_cast<int>(kBurst / kCallsPerConnection);
constexpr std::chrono::seconds kStuckMax{60};  // a hang is a failure
constexpr int kExitLogInDoubt = 5;

// What the library that is loaded into a daemon is told.
class Shim {
 public:
  explicit Shim(const std::string& path) : path_(path) {
    Say("none");
    setenv("DISK_SHIM", path.c_str(), 1);
    setenv("LD_PRELOAD", DISK_SHIM_PATH, 1);
  }
  ~Shim() { unsetenv("LD_PRELOAD"); }
  void Say(const std::string& word) const {
    const std::string beside = path_ + ".next";
    std::ofstream(beside) << word << "\n";
    std::filesystem::rename(beside, path_);
  }

 private:
  const std::string path_;
};

void MakeMemory(v1::MemoryService::Stub& stub, const std::string& name = "m", int dim = kDim) {
  v1::CreateMemoryRequest create;
  create.set_memory_id(name);
  create.mutable_memory()->set_key_dim(static_cast<uint32_t>(dim));
  create.mutable_memory()->mutable_dense()->set_beta(16);
  v1::Memory memory;
  const grpc::Status status = MNEME_CALL(&stub, CreateMemory, create, &memory);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

grpc::Status Read(v1::MemoryService::Stub& stub) {
  v1::RetrieveRequest retrieve;
  retrieve.set_memory("memories/m");
  retrieve.set_top(1);
  SetMatrix(UnitRows(4, 1, kDim), kDim, retrieve.mutable_cues());
  v1::RetrieveResponse recalled;
  return MNEME_CALL(&stub, Retrieve, retrieve, &recalled);
}

void CheckKept(const Flood& flood, v1::MemoryService::Stub& stub, Tally& tally) {
  const uint64_t lost = flood.CountLost(stub);
  if (lost > 0) tally.Report(Finding::kLost, 0, std::to_string(lost) + " acknowledged Stores");
  tally.Note("acknowledged", flood.acknowledged());
}

TEST(Disk, SlowOneShedsWritesAndLetsReadsBe) {
  RunSchedules("slow disk", 1, [](uint64_t, Tally& tally) {
    const TemporaryDirectory directory;
    const Shim shim(directory.path() + "/shim");
    const auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), {"--log.level=error"});
    if (daemon->port() == 0) return tally.Report(Finding::kWrong, 0, "the daemon did not start");
    const auto stub = v1::MemoryService::NewStub(daemon->Connect());
    MakeMemory(*stub);
    Flood flood(*daemon, "memories/m", 1, kDim, kConnections);
    Times reads;
    const auto read = [&] {
      const auto asked = steady_clock::now();
      const grpc::Status status = Read(*stub);
      reads.Add(asked);
      if (!status.ok()) tally.Report(Finding::kWrong, 0, "a read: " + status.error_message());
    };
    // Stuck: more is sent than may wait.
    shim.Say("stuck");
    for (size_t i = 0; i < kBurst; ++i) flood.Send(kBurst);
    const auto stuck = steady_clock::now();
    while (flood.refused("BUSY") == 0 && steady_clock::now() - stuck < kStuckMax) read();
    if (flood.refused("BUSY") == 0) tally.Report(Finding::kWrong, 0, "no write was shed");
    // Slow.
    shim.Say("delay " + std::to_string(kSyncMillis));
    const auto start = steady_clock::now();
    const auto seconds = SuiteSeconds();
    while (daemon->running() && steady_clock::now() - start < seconds) {
      for (int i = 0; i < 10; ++i) flood.Send(kBurst);
      read();
    }
    flood.Wait();
    if (!flood.wrong().empty()) tally.Report(Finding::kWrong, 0, "a refusal: " + flood.wrong());
    if (flood.unknown() > 0) tally.Report(Finding::kWrong, 0, "calls ended without an answer");
    NoteMillis(tally, "read", reads);
    NoteMillis(tally, "store", flood.times());
    tally.Note("busy", flood.refused("BUSY"));
    CheckKept(flood, *stub, tally);
  });
}

TEST(Disk, FailedSyncEndsTheDaemonWithItsOwnCode) {
  RunSchedules("failed fsync", Flags().long_form ? 100 : 3, [](uint64_t schedule, Tally& tally) {
    const TemporaryDirectory directory;
    auto shim = std::make_unique<Shim>(directory.path() + "/shim");
    auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), {"--log.level=error"});
    if (daemon->port() == 0)
      return tally.Report(Finding::kWrong, schedule, "the daemon did not start");
    const auto stub = v1::MemoryService::NewStub(daemon->Connect());
    MakeMemory(*stub);
    Flood flood(*daemon, "memories/m", 3, kDim, 4);
    Random random(Flags().seed, schedule);
    for (uint64_t i = 20 + random.Below(200); i > 0; --i) flood.Send(kBurst);
    flood.Wait();
    const uint64_t before = flood.acknowledged();
    shim->Say("fail");
    for (int i = 0; i < 50; ++i) flood.Send(kBurst);
    flood.Wait();
    if (flood.acknowledged() != before)
      tally.Report(Finding::kWrong, schedule, "acknowledged after a failed fsync");
    const int code = daemon->Wait();
    if (code != kExitLogInDoubt) {
      tally.Report(Finding::kWrong, schedule, "it left with code " + std::to_string(code));
    }
    shim.reset();
    daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), {"--log.level=error"});
    if (daemon->port() == 0)
      return tally.Report(Finding::kLost, schedule, "it did not start again");
    CheckKept(flood, *v1::MemoryService::NewStub(daemon->Connect()), tally);
  });
}

// A small disk of its own where we may mount one; else the shim plays it.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path, const char* size = "size=96m")
      : path_(path), mounted_(mount("none", path.c_str(), "tmpfs", 0, size) == 0) {
    if (!mounted_) shim_ = std::make_unique<Shim>(path + "/shim");
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  void Fill() const {
    if (!mounted_) return shim_->Say("full");
    std::ofstream ballast(path_ + "/ballast", std::ios::binary);
    const std::string block(1 << 20, 'x');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void Empty() const {
    if (!mounted_) return shim_->Say("none");
    std::filesystem::remove(path_ + "/ballast");
  }

 private:
  const std::string path_;
  const bool mounted_;
  std::unique_ptr<Shim> shim_;
};

// Stores one item after another until one ends with `reason` (empty: is done).
bool StoreUntil(Flood& flood, const std::string& reason) {
  const auto start = steady_clock::now();
  while (steady_clock::now() - start < std::chrono::seconds(30)) {
    const uint64_t refused = flood.refused(reason), done = flood.acknowledged();
    flood.Send(1);
    flood.Wait();
    if (reason.empty() ? flood.acknowledged() > done : flood.refused(reason) > refused) return true;
    poll(nullptr, 0, 10);
  }
  return false;
}

TEST(Disk, FullOneRefusesWritesUntilThereIsRoomAgain) {
  RunSchedules("full disk", 1, [](uint64_t, Tally& tally) {
    const TemporaryDirectory directory;
    const SmallDisk disk(directory.path());
    const auto daemon =
        Daemon::Mnemed(MNEMED_PATH, directory.path(),
                       {"--log.level=error", "--data.disk_bytes_reserve=16M",
                        "--data.write_ahead_log_bytes=8M", "--data.storage_memory_bytes=16M"});
    if (daemon->port() == 0) return tally.Report(Finding::kWrong, 0, "the daemon did not start");
    const auto stub = v1::MemoryService::NewStub(daemon->Connect());
    MakeMemory(*stub);
    Flood flood(*daemon, "memories/m", 8, kDim, 1);
    for (int round = 0; round < 3; ++round) {
      if (!StoreUntil(flood, "")) tally.Report(Finding::kWrong, 0, "writes did not come back");
      for (int i = 0; i < 100; ++i) flood.Send(100);
      flood.Wait();
      disk.Fill();
      if (!StoreUntil(flood, "FULL")) {
        return tally.Report(Finding::kWrong, 0, "writes are not refused on a full disk");
      }
      const grpc::Status read = Read(*stub);
      if (!read.ok()) tally.Report(Finding::kWrong, 0, "a read: " + read.error_message());
      disk.Empty();
    }
    if (!StoreUntil(flood, "")) tally.Report(Finding::kWrong, 0, "writes did not come back");
    if (!flood.wrong().empty()) tally.Report(Finding::kWrong, 0, "a refusal: " + flood.wrong());
    tally.Note("full", flood.refused("FULL"));
    tally.Note("mounted", disk.mounted() ? 1 : 0);
    CheckKept(flood, *stub, tally);
    if (daemon->Stop(SIGTERM) != 0) tally.Report(Finding::kWrong, 0, "it did not stop well");
  });
}

// Items, then the whole memory.
void EmptyByDeleting(v1::MemoryService::Stub& stub, const std::string& memory, Tally& tally) {
  v1::DeleteItemsRequest items;
  items.set_memory("memories/" + memory);
  for (uint64_t id = 0; id < 8; ++id) items.add_ids()->set_number(id);
  v1::DeleteItemsResponse deleted;
  const grpc::Status item = MNEME_CALL(&stub, DeleteItems, items, &deleted);
  if (!item.ok()) tally.Report(Finding::kWrong, 0, "a DeleteItems: " + item.error_message());
  v1::DeleteMemoryRequest drop;
  drop.set_name("memories/" + memory);
  google::protobuf::Empty dropped;
  const grpc::Status whole = MNEME_CALL(&stub, DeleteMemory, drop, &dropped);
  if (!whole.ok()) tally.Report(Finding::kWrong, 0, "a DeleteMemory: " + whole.error_message());
}

// Filled by what is stored, with no reserve at all; and by others, to the last block.
TEST(Disk, FullOneIsEmptiedByDeleting) {
  constexpr int kRows = 64;
  constexpr int kWideDim = 256;
  for (const bool by_others : {false, true}) {
    const TemporaryDirectory directory;
    const SmallDisk disk(directory.path(), "size=48m");
    if (!disk.mounted()) GTEST_SKIP() << "no file system may be mounted here";
    RunSchedules(
        by_others ? "disk filled by others" : "disk filled by Stores", 1,
        [&](uint64_t, Tally& tally) {
          const std::vector<std::string> flags = {
              "--log.level=error", "--data.write_ahead_log_bytes=8M",
              "--data.storage_memory_bytes=16M",
              by_others ? "--data.disk_bytes_reserve=16M" : "--data.disk_bytes_reserve=0"};
          auto daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), flags);
          if (daemon->port() == 0)
            return tally.Report(Finding::kWrong, 0, "the daemon did not start");
          const auto stub = v1::MemoryService::NewStub(daemon->Connect());
          MakeMemory(*stub);
          MakeMemory(*stub, "n", kWideDim);
          Flood kept(*daemon, "memories/m", 8, kDim, 1);
          Flood victim(*daemon, "memories/n", kRows, kWideDim, 1);
          if (!StoreUntil(kept, "")) tally.Report(Finding::kWrong, 0, "nothing is stored");
          if (by_others) {
            for (int i = 0; i < 20; ++i) victim.Send(100);
            victim.Wait();
            disk.Fill();
          }
          const auto start = steady_clock::now();
          while (victim.refused("FULL") == 0 && daemon->running() &&
                 steady_clock::now() - start < kStuckMax) {
            victim.Send(8);
          }
          victim.Wait();
          if (victim.refused("FULL") == 0 || !victim.wrong().empty() || victim.unknown() > 0) {
            return tally.Report(Finding::kWrong, 0, "writes are not refused: " + victim.wrong());
          }
          const grpc::Status read = Read(*stub);
          if (!read.ok()) tally.Report(Finding::kWrong, 0, "a read: " + read.error_message());
          EmptyByDeleting(*stub, "n", tally);
          if (by_others) disk.Empty();
          if (!StoreUntil(kept, "")) tally.Report(Finding::kWrong, 0, "writes did not come back");
          CheckKept(kept, *stub, tally);
          if (daemon->Stop(SIGTERM) != 0) tally.Report(Finding::kWrong, 0, "it did not stop well");
          daemon = Daemon::Mnemed(MNEMED_PATH, directory.path(), flags);
          if (daemon->port() == 0) return tally.Report(Finding::kLost, 0, "it did not start again");
          CheckKept(kept, *v1::MemoryService::NewStub(daemon->Connect()), tally);
        });
  }
}

}  // namespace
}  // namespace mneme::test
