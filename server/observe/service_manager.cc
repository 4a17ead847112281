#include "server/observe/service_manager.h"

#include <systemd/sd-daemon.h>

#include "absl/strings/str_cat.h"

namespace mneme::server {
namespace {

void Tell(const std::string& state) { sd_notify(/*unset_environment=*/0, state.c_str()); }

}  // namespace

void TellReady(const std::string& status) { Tell(absl::StrCat("READY=1\nSTATUS=", status)); }

void TellStarting(const std::string& status, std::chrono::seconds more) {
  Tell(absl::StrCat("STATUS=", status,
                    "\nEXTEND_TIMEOUT_USEC=", std::chrono::microseconds(more).count()));
}

void TellReloading() { Tell("RELOADING=1"); }

void TellStopping(const std::string& status) { Tell(absl::StrCat("STOPPING=1\nSTATUS=", status)); }

std::chrono::microseconds SignOfLifeInterval() {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &microseconds) <= 0) return {};
  return std::chrono::microseconds(microseconds);
}

void TellAlive() { Tell("WATCHDOG=1"); }

}  // namespace mneme::server
