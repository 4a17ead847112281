// The configuration, read again while the server serves.
//
// Some keys can change under a running server (ConfigKey::live); of the others it is said that they
// wait for a restart. What else is read from files, certificates for instance, joins as a part.
// What cannot be read stays as it was.
//
// Thread-safe. One reload at a time; a second one waits.
#ifndef MNEME_SERVER_CONFIG_RELOAD_H_
#define MNEME_SERVER_CONFIG_RELOAD_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "server/config/config.h"

namespace mneme::server {

struct KeyChange {
  std::string name;
  std::string was;
  std::string now;
};

struct ReloadReport {
  std::vector<KeyChange> changed;        // in force from now on
  std::vector<KeyChange> needs_restart;  // `was` is in force until then
  std::vector<std::string> parts;        // what else was read again, a sentence each
};

class Reloader {
 public:
  // Reads file, environment and flags as the start did, and checks them.
  using Load = std::function<absl::StatusOr<Config>()>;
  // Takes over the values of live keys.
  using Apply = std::function<void(const Config&)>;
  // Reads its files again; a sentence on what is in force now. Error: what was in force stays so.
  using Part = std::function<absl::StatusOr<std::string>(const Config&)>;

  Reloader(Config running, Load load) : load_(std::move(load)), config_(std::move(running)) {}

  // Both before the first Reload.
  void OnChange(Apply apply) { applies_.push_back(std::move(apply)); }
  void AddPart(Part part) { parts_.push_back(std::move(part)); }

  // An error of the configuration: nothing has changed. One of a part: FailedPrecondition (RELOAD),
  // that names each part that failed; the rest is in force.
  absl::StatusOr<ReloadReport> Reload();
  // What is in force.
  Config config() const;

 private:
  const Load load_;
  std::vector<Apply> applies_;
  std::vector<Part> parts_;
  Mutex reloading_;  // taken before mutex_
  mutable Mutex mutex_;
  Config config_ ABSL_GUARDED_BY(mutex_);
};

// The report for a log, in one line.
std::string ToLine(const ReloadReport& report);

}  // namespace mneme::server

#endif  // MNEME_SERVER_CONFIG_RELOAD_H_
