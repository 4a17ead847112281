#include "server/net/ledger.h"

#include <algorithm>

namespace mneme::server {
namespace {

// Of a total that only grows.
double Grown(uint64_t now, uint64_t before) {
  return now > before ? static_cast<double>(now - before) : 0;
}

void Pay(double& debt, double amount) { debt = std::max(0.0, debt - amount); }

}  // namespace

void Ledger::Count(Id id, const Traffic& traffic) {
  const auto found = accounts_.find(id);
  if (found == accounts_.end()) return;
  Account& account = found->second;
  const double in = Grown(traffic.bytes_in, account.traffic.bytes_in);
  const double out = Grown(traffic.bytes_out, account.traffic.bytes_out);
  // What is read from the kernel is two numbers, not of one moment: their difference may fall.
  account.traffic.bytes_in = std::max(account.traffic.bytes_in, traffic.bytes_in);
  account.traffic.bytes_out = std::max(account.traffic.bytes_out, traffic.bytes_out);
  account.bytes_owed += in;
  account.bytes_uncounted += static_cast<uint64_t>(in);
  if (out > 0) {
    account.silent_bytes = 0;
    account.silent_looks = 0;
  }
  if (in > 0) {
    account.judged = false;
    if (out == 0) {
      account.silent_bytes += in;
      ++account.silent_looks;
    }
  }
  Pay(account.bytes_owed, out / static_cast<double>(kAnswerShare));
}

void Ledger::Count(Id id, const CallCounts& calls) {
  const auto found = accounts_.find(id);
  if (found == accounts_.end()) return;
  Account& account = found->second;
  const double answered = Grown(calls.answered, account.calls.answered);
  const double messages = Grown(calls.messages, account.calls.messages);
  const double opened = Grown(calls.opened, account.calls.opened);
  const double failed = Grown(calls.failed, account.calls.failed);
  account.calls_owed += opened;
  account.calls = calls;
  account.bytes_uncounted = 0;
  account.judged = true;
  PayBytes(account, std::max(answered, messages) * static_cast<double>(kBytesPaidByCall));
  const double back =
      std::min(account.bytes_owed, failed * static_cast<double>(bounds_.call_bytes_max));
  account.bytes_owed -= back;
  account.bytes_given_back += back;
  Pay(account.calls_owed, 2 * answered);
}

void Ledger::Deliver(Id id, uint64_t bytes) {
  const auto found = accounts_.find(id);
  if (found == accounts_.end()) return;
  PayBytes(found->second, static_cast<double>(bytes + bytes / kFrameShare));
}

void Ledger::PayBytes(Account& account, double bytes) {
  Pay(account.bytes_owed, bytes);
  Pay(account.bytes_given_back, bytes);
}

void Ledger::Forgive(int64_t nanos) {
  const double seconds = static_cast<double>(nanos) / 1e9;
  for (auto& [id, account] : accounts_) {
    if (account.calls.under_way() == 0) {
      Pay(account.bytes_owed, seconds * static_cast<double>(kBytesForgivenPerSecond));
    }
    Pay(account.bytes_given_back, seconds * static_cast<double>(kGivenBackForgivenPerSecond));
    Pay(account.calls_owed, seconds * static_cast<double>(kUnansweredCallsForgivenPerSecond));
  }
}

std::vector<Ledger::Id> Ledger::ToCount(uint64_t least_bytes, size_t most) const {
  std::vector<std::pair<uint64_t, Id>> all;
  for (const auto& [id, account] : accounts_) {
    if (account.bytes_uncounted >= least_bytes) all.emplace_back(account.bytes_uncounted, id);
  }
  const size_t taken = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(taken), all.end(),
                    std::greater<>());
  std::vector<Id> out;
  for (size_t i = 0; i < taken; ++i) out.push_back(all[i].second);
  return out;
}

bool Ledger::OwesBytes(const Account& account) const {
  const uint64_t calls = std::max<uint64_t>(1, account.calls.under_way());
  const double may = account.calls.opened == 0
                         ? static_cast<double>(kBytesOfNoCallMax)
                         : static_cast<double>(calls) * static_cast<double>(bounds_.call_bytes_max);
  return account.bytes_owed > std::min(may, static_cast<double>(bounds_.connection_bytes_max)) ||
         account.bytes_given_back > static_cast<double>(kCallsGivenBackMax) *
                                        static_cast<double>(bounds_.call_bytes_max) ||
         (account.silent_bytes > static_cast<double>(kSilentBytesMax) &&
          account.silent_looks > kSilentLooksMax);
}

std::vector<Ledger::Offender> Ledger::Judge() const {
  std::vector<Offender> out;
  std::vector<std::pair<double, Id>> others;
  double owed = 0;
  for (const auto& [id, account] : accounts_) {
    const bool known = account.judged;
    if (known && account.calls_owed > static_cast<double>(kUnansweredCallsMax)) {
      out.push_back({id, Breach::kCalls});
    } else if (known && OwesBytes(account)) {
      out.push_back({id, Breach::kBytes});
    } else {
      owed += account.bytes_owed;
      if (known) others.emplace_back(account.bytes_owed, id);
    }
  }
  if (owed <= static_cast<double>(bounds_.all_bytes_max)) return out;
  std::sort(others.begin(), others.end(), std::greater<>());
  for (const auto& [bytes, id] : others) {
    if (owed <= static_cast<double>(bounds_.all_bytes_max)) break;
    out.push_back({id, Breach::kTogether});
    owed -= bytes;
  }
  return out;
}

uint64_t Ledger::bytes_owed() const {
  double owed = 0;
  for (const auto& [id, account] : accounts_) owed += account.bytes_owed;
  return static_cast<uint64_t>(owed);
}

}  // namespace mneme::server
