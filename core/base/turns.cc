#include "core/base/turns.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

namespace mneme {

void TakeShortTurns(int nice) {
  // struct sched_attr, which the C library does not declare.
  struct {
    uint32_t size = 48, policy = SCHED_OTHER;
    uint64_t flags = 0;
    int32_t nice = 0;
    uint32_t priority = 0;
    uint64_t runtime = 100'000, deadline = 0, period = 0;
  } attributes;
  attributes.nice = nice;
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return;
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), nice);
}

void EndTurnIfOver() {
  // Linux adds up a thread's time to tell it, and looks at its turn then.
  timespec ignored;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ignored);
}

}  // namespace mneme
