#include "tests/faults/schedules.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "gtest/gtest.h"

namespace mneme::test {
namespace {

constexpr uint64_t kFindingsPrinted = 20;
constexpr uint64_t kCrashesMax = 20;

ScheduleFlags& MutableFlags() {
  static ScheduleFlags flags;
  return flags;
}

bool TakeNumber(std::string_view argument, std::string_view name, uint64_t* number) {
  if (!argument.starts_with(name)) return false;
  MNEME_CHECK(absl::SimpleAtoi(AbslView(argument.substr(name.size())), number));
  return true;
}

std::vector<FileKind> TakeKinds(std::string_view names) {
  std::vector<FileKind> out;
  for (const absl::string_view name : absl::StrSplit(AbslView(names), ',')) {
    int kind = 0;
    while (kind < kFileKinds && name != FileKindName(static_cast<FileKind>(kind))) ++kind;
    MNEME_CHECK(kind < kFileKinds);
    out.push_back(static_cast<FileKind>(kind));
  }
  return out;
}

const char* FindingName(Finding finding) {
  switch (finding) {
    case Finding::kLost:
      return "LOST";
    case Finding::kGhost:
      return "GHOST";
    case Finding::kWrong:
      return "WRONG";
  }
  return "";
}

}  // namespace

const ScheduleFlags& Flags() { return MutableFlags(); }

ScheduleFlags ScheduleFlags::Parse(int* argc, char** argv) {
  ScheduleFlags flags;
  int kept = 1;
  for (int i = 1; i < *argc; ++i) {
    const std::string_view argument = argv[i];
    uint64_t number = 0;
    if (TakeNumber(argument, "--schedules=", &number)) {
      flags.schedules = number;
    } else if (TakeNumber(argument, "--seed=", &number)) {
      flags.seed = number;
    } else if (TakeNumber(argument, "--only=", &number)) {
      flags.only = number;
    } else if (TakeNumber(argument, "--workers=", &number)) {
      flags.workers = static_cast<int>(std::clamp<uint64_t>(number, 1, 16));
    } else if (argument.starts_with("--files=")) {
      flags.files = TakeKinds(argument.substr(8));
    } else if (argument == "--long") {
      flags.long_form = true;
    } else {
      argv[kept++] = argv[i];
    }
  }
  *argc = kept;
  return flags;
}

void Tally::Report(Finding finding, uint64_t schedule, std::string_view text) {
  if (found_[static_cast<size_t>(finding)].fetch_add(1) >= kFindingsPrinted) return;
  std::fprintf(stderr, "%s in schedule %llu: %.*s\n", FindingName(finding),
               static_cast<unsigned long long>(schedule), static_cast<int>(text.size()),
               text.data());
}

Tally::NoteSlot* Tally::SlotOf(std::string_view name) {
  for (NoteSlot& slot : notes_) {
    if (slot.name[0] == '\0') {
      name.copy(slot.name.data(), slot.name.size() - 1);
      return &slot;
    }
    if (name.substr(0, slot.name.size() - 1) == slot.name.data()) return &slot;
  }
  return nullptr;
}

void Tally::Note(std::string_view name, uint64_t count) {
  while (notes_busy_.test_and_set()) {
  }
  NoteSlot* const slot = SlotOf(name);
  notes_busy_.clear();
  MNEME_CHECK(slot != nullptr);
  slot->count.fetch_add(count);
}

std::map<std::string, uint64_t> Tally::notes() const {
  std::map<std::string, uint64_t> out;
  for (const NoteSlot& slot : notes_) {
    if (slot.name[0] != '\0') out[slot.name.data()] = slot.count.load();
  }
  return out;
}

// The children of one suite and what they share.
class ScheduleRun {
 public:
  using Run = std::function<void(uint64_t, Tally&)>;

  ScheduleRun(uint64_t count, const Run& run) : count_(count), run_(run) {
    void* const memory =
        ::mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MNEME_CHECK(memory != MAP_FAILED);
    tally_ = new (memory) Tally;
  }
  ~ScheduleRun() { ::munmap(tally_, sizeof(Tally)); }

  Tally& tally() { return *tally_; }

  void Here(uint64_t schedule) { run_(schedule, *tally_); }

  void InChildren() {
    const size_t workers =
        std::min<uint64_t>(static_cast<uint64_t>(Flags().workers), std::max<uint64_t>(count_, 1));
    std::map<pid_t, size_t> children;
    for (size_t worker = 0; worker < workers; ++worker) children[Start(worker)] = worker;
    while (!children.empty()) {
      int how = 0;
      const pid_t ended = ::waitpid(-1, &how, 0);
      const auto it = children.find(ended);
      if (it == children.end()) continue;
      const size_t worker = it->second;
      children.erase(it);
      if (WIFEXITED(how) && WEXITSTATUS(how) == 0) continue;
      tally_->crashes_.fetch_add(1);
      std::fprintf(stderr, "CRASH in schedule %llu: the child ended with status 0x%x\n",
                   static_cast<unsigned long long>(tally_->running_[worker].load()), how);
      if (tally_->crashes_.load() >= kCrashesMax) tally_->next_.store(count_);  // the others end
      children[Start(worker)] = worker;
    }
  }

 private:
  pid_t Start(size_t worker) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    MNEME_CHECK(child >= 0);
    if (child > 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (uint64_t at = tally_->next_.fetch_add(1); at < count_; at = tally_->next_.fetch_add(1)) {
      tally_->running_[worker].store(at);
      run_(at, *tally_);
    }
    std::fflush(nullptr);
    ::_exit(0);
  }

  const uint64_t count_;
  const Run& run_;
  Tally* tally_;
};

void RunSchedules(std::string_view suite, uint64_t count,
                  const std::function<void(uint64_t schedule, Tally& tally)>& run) {
  ScheduleRun all(count, run);
  if (Flags().only.has_value()) {
    all.Here(*Flags().only);
  } else {
    all.InChildren();
  }
  const Tally& tally = all.tally();
  std::string notes;
  for (const auto& [name, number] : tally.notes()) absl::StrAppend(&notes, ", ", name, " ", number);
  std::printf(
      "%.*s: schedules %llu, lost %llu, ghosts %llu, wrong %llu, crashes %llu, seed %llu%s\n",
      static_cast<int>(suite.size()), suite.data(),
      static_cast<unsigned long long>(Flags().only.has_value() ? 1 : count),
      static_cast<unsigned long long>(tally.found(Finding::kLost)),
      static_cast<unsigned long long>(tally.found(Finding::kGhost)),
      static_cast<unsigned long long>(tally.found(Finding::kWrong)),
      static_cast<unsigned long long>(tally.crashes()),
      static_cast<unsigned long long>(Flags().seed), notes.c_str());
  ::testing::Test::RecordProperty("seed", std::to_string(Flags().seed));
  EXPECT_EQ(tally.found(Finding::kLost), 0u);
  EXPECT_EQ(tally.found(Finding::kGhost), 0u);
  EXPECT_EQ(tally.found(Finding::kWrong), 0u);
  EXPECT_EQ(tally.crashes(), 0u);
}

}  // namespace mneme::test

int main(int argc, char** argv) {
  mneme::test::MutableFlags() = mneme::test::ScheduleFlags::Parse(&argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
