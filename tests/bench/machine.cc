#include "tests/bench/machine.h"

#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/math/blas.h"
#include "core/math/cpu.h"

namespace mneme::bench {
namespace {

constexpr double kIdleLoad = 0.5;  // of the minute before

std::string Compiler() {
#if defined(__clang__)
  return absl::StrCat("clang ", __clang_major__);
#else
  return absl::StrCat("g++ ", __GNUC__);
#endif
}

bool Sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
  return false;
#endif
}

bool Optimized() {
#if defined(__OPTIMIZE__)
  return true;
#else
  return false;
#endif
}

}  // namespace

nlohmann::json DescribeMachine() {
  const double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  const std::time_t now = std::time(nullptr);
  char day[16];
  std::strftime(day, sizeof(day), "%Y-%m-%d", std::gmtime(&now));
  nlohmann::json out = {{"cores", std::thread::hardware_concurrency()},
                        {"memory_gib", static_cast<int>(bytes / (1 << 30) + 0.5)},
                        {"vector_kernels", math::InstructionSet()},
                        {"blas_kernels", math::BlasKernelName()},
                        {"compiler", Compiler()},
                        {"day", day}};
  double load = 0;
  if (getloadavg(&load, 1) == 1) out["load_before"] = load;
  if (!Optimized() || Sanitized()) {
    out["warning"] = "Not an optimised build: its times say nothing.";
  } else if (load > kIdleLoad) {
    out["warning"] = absl::StrFormat(
        "The machine was busy with other work (load %.1f before the run): all contenders had less "
        "than the machine, and what waits for several threads at once had less than its share.",
        load);
  }
  return out;
}

}  // namespace mneme::bench
