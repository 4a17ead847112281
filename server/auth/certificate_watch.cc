#include "server/auth/certificate_watch.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace mneme::server {
namespace {

// How often the thread asks the clock.
constexpr std::chrono::milliseconds kStep{500};

}  // namespace

CertificateWatch::CertificateWatch(const Clock& clock, int64_t period_nanos, Renew renew)
    : clock_(clock), period_nanos_(period_nanos), renew_(std::move(renew)) {
  // From this moment on, not from when the thread comes to run.
  const int64_t now = clock_.NowMonotonicNanos();
  if (period_nanos_ > 0) thread_ = std::thread([this, now] { Run(now); });
}

CertificateWatch::~CertificateWatch() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stop_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void CertificateWatch::Run(int64_t looked) {
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!stopping_) stop_.WaitFor(&mutex_, kStep);
      if (stopping_) return;
    }
    const int64_t now = clock_.NowMonotonicNanos();
    if (now - looked < period_nanos_) continue;
    looked = now;
    Look();
  }
}

void CertificateWatch::Look() {
  const absl::StatusOr<std::optional<std::string>> renewed = renew_();
  const std::string failure(renewed.status().message());
  if (renewed.ok() && renewed->has_value())
    spdlog::info("the certificate is renewed: {}", **renewed);
  if (!failure.empty() && failure != failure_) {
    spdlog::error("the certificate is not renewed; that in use stays: {}", failure);
  }
  failure_ = failure;
}

}  // namespace mneme::server
