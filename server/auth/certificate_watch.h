// Looks now and then whether the certificate's files hold something new, so that one that was
// renewed is in use without a reload.
//
// Thread-safe.
#ifndef MNEME_SERVER_AUTH_CERTIFICATE_WATCH_H_
#define MNEME_SERVER_AUTH_CERTIFICATE_WATCH_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"

namespace mneme::server {

class CertificateWatch {
 public:
  // A sentence on what is in use now; nullopt: what was before.
  using Renew = std::function<absl::StatusOr<std::optional<std::string>>()>;

  // Every `period_nanos` of the clock; 0: never. `renew` is called on a thread of its own.
  CertificateWatch(const Clock& clock, int64_t period_nanos, Renew renew);
  ~CertificateWatch();
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

 private:
  void Run(int64_t looked);  // the last time
  // Logs what is new, and each failure once.
  void Look();

  const Clock& clock_;
  const int64_t period_nanos_;
  const Renew renew_;
  std::string failure_;  // told last; the thread's
  Mutex mutex_;          // a leaf
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_CERTIFICATE_WATCH_H_
