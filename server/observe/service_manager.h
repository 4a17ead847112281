// What the manager of services (systemd) is told: sd_notify(3). Without one, where NOTIFY_SOCKET is
// not set, nothing happens.
//
// Thread-safe.
#ifndef MNEME_SERVER_OBSERVE_SERVICE_MANAGER_H_
#define MNEME_SERVER_OBSERVE_SERVICE_MANAGER_H_

#include <chrono>
#include <string>

namespace mneme::server {

// Start-up is over; a sentence for `systemctl status`.
void TellReady(const std::string& status);
// Start-up goes on: the manager is to wait for `more` from now on.
void TellStarting(const std::string& status, std::chrono::seconds more);
// The configuration is being read again; TellReady ends it.
void TellReloading();
void TellStopping(const std::string& status);
// How often the manager wants to hear that the server lives; 0: never.
std::chrono::microseconds SignOfLifeInterval();
void TellAlive();

}  // namespace mneme::server

#endif  // MNEME_SERVER_OBSERVE_SERVICE_MANAGER_H_
