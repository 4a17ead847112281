// Runs many numbered schedules of a fault suite, each in a child process that may die of it, and
// counts what they found.
//
//   --schedules=N  how many (each suite has its own every-run number)
//   --long         the long form's number instead
//   --seed=S       of everything random; a schedule is a function of S and its number
//   --only=I       this one schedule alone, in this process: to repeat a finding, under a debugger
//   --files=K,...  damage files of these kinds alone (bit flips): log, table, manifest, ...
//   --workers=W    child processes side by side
//
// The children are forked from a process that must have no other threads.
#ifndef MNEME_TESTS_FAULTS_SCHEDULES_H_
#define MNEME_TESTS_FAULTS_SCHEDULES_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/disk_image.h"

namespace mneme::test {

struct ScheduleFlags {
  std::optional<uint64_t> schedules;
  bool long_form = false;
  uint64_t seed = 1;
  std::optional<uint64_t> only;
  std::vector<FileKind> files;  // empty: of any kind
  int workers = 2;

  // Takes its own flags out of the arguments; what is left is for GoogleTest.
  static ScheduleFlags Parse(int* argc, char** argv);
  uint64_t Count(uint64_t every_run, uint64_t in_long_form) const {
    return schedules.value_or(long_form ? in_long_form : every_run);
  }
};
// As given on the command line of this program.
const ScheduleFlags& Flags();

// What a schedule may find against the promises.
enum class Finding {
  kLost,   // something acknowledged is gone
  kGhost,  // something is there that was never sent, was deleted, or is half of a batch
  kWrong,  // an answer, a code or a count is not what it must be
};

// Where schedules report; shared by all children. Thread-safe.
class Tally {
 public:
  // Counts a finding and prints it, the first few of a suite.
  void Report(Finding finding, uint64_t schedule, std::string_view text);
  // Counts something worth knowing: "refused", "harmless". At most 63 bytes, 64 names.
  void Note(std::string_view name, uint64_t count = 1);

  uint64_t found(Finding finding) const { return found_[static_cast<size_t>(finding)].load(); }
  uint64_t crashes() const { return crashes_.load(); }
  std::map<std::string, uint64_t> notes() const;

 private:
  friend class ScheduleRun;
  static constexpr size_t kNotes = 64;
  static constexpr size_t kWorkersMax = 16;
  struct NoteSlot {
    std::array<char, 64> name = {};
    std::atomic<uint64_t> count{0};
  };
  NoteSlot* SlotOf(std::string_view name);

  std::array<std::atomic<uint64_t>, 3> found_ = {};
  std::atomic<uint64_t> crashes_{0};
  std::atomic<uint64_t> next_{0};
  std::array<std::atomic<uint64_t>, kWorkersMax> running_ = {};
  std::atomic_flag notes_busy_ = ATOMIC_FLAG_INIT;
  std::array<NoteSlot, kNotes> notes_ = {};
};

// Runs schedules [0, count), prints the suite's summary line, and fails the test that calls it
// unless nothing was lost, no ghost and nothing wrong was seen and no child died.
void RunSchedules(std::string_view suite, uint64_t count,
                  const std::function<void(uint64_t schedule, Tally& tally)>& run);

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_SCHEDULES_H_
