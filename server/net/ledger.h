// What connections cost beside the calls that they bring, and which of them cost too much.
//
// Two debts are kept of each connection. Bytes: what came in and was no message yet, whatever it is
// (control frames, headers without end, half a message). Calls: those that were opened and not
// answered. Messages and answered calls pay for bytes; an answered call pays for itself and for
// another one that was broken off; a call that was broken off gives back what it may have held, and
// what was given back so is a debt of its own, as calls that are broken off would pay for anything.
// A little is forgiven with time, of bytes only while no call is under way: what came with one may
// be held for as long as it is. An honest client owes what it has under way; one that sends frames
// of no use, or opens calls to reset them, owes ever more.
//
// What is open and what was broken off is not told apart: gRPC counts a call as broken off only
// once it is done with it, which under a flood of them is too late.
//
// Half a message may be large, and each call under way may have one, so the bound on bytes grows
// with them. Who never opened a call has no message, and is borne with for little.
//
// What goes out tells little: over a slow link, a message comes for minutes without a byte of
// answer, because the window that gRPC opened when the link was fast is large (16 MiB and more).
// But who sends for very long and never gets a byte has opened no window: he sends headers without
// end.
//
// Pure values, no clock and no socket. Not thread-safe.
//
// Invariant: no debt is negative: nobody saves up for later.
#ifndef MNEME_SERVER_NET_LEDGER_H_
#define MNEME_SERVER_NET_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "server/net/call_counts.h"
#include "server/net/deliveries.h"
#include "server/net/socket.h"

namespace mneme::server {

// A message or an answered call pays for kBytesPaidByCall, and a large message (Ledger::Deliver)
// for itself and one byte in so many, for its frames.
inline constexpr uint64_t kFrameShare = 64;
// What is sent pays for as much of its acknowledgements (WINDOW_UPDATE).
inline constexpr uint64_t kAnswerShare = 64;
inline constexpr uint64_t kBytesForgivenPerSecond = 64 * 1024;
// What may be given back to calls that were broken off, between messages and answers: so many times
// what a call may hold; and what is forgiven of it.
inline constexpr uint64_t kCallsGivenBackMax = 4;
inline constexpr uint64_t kGivenBackForgivenPerSecond = 1 << 20;
// Before the first call.
inline constexpr uint64_t kBytesOfNoCallMax = 8 << 20;
// Bytes in at least so many looks (Ledger::Count of traffic; 20 minutes of them), none of which saw
// a byte go out.
inline constexpr uint64_t kSilentBytesMax = 1 << 20;
inline constexpr uint64_t kSilentLooksMax = 6'000;
// Half of them may be under way (server/rpc/limits.h), and the rest broken off: all that a client
// had under way when its deadlines passed. A call that is broken off costs gRPC 0.1 ms of a core,
// so more is what others would feel.
inline constexpr uint64_t kUnansweredCallsMax = 768;
inline constexpr uint64_t kUnansweredCallsForgivenPerSecond = 200;

struct LedgerBounds {
  uint64_t call_bytes_max = 0;  // that a connection may owe for each call under way, or for one
  uint64_t connection_bytes_max = 0;  // that it may owe whatever is under way
  uint64_t all_bytes_max = 0;         // that all may owe together: then the worst is named
};

// Its own debt of bytes or of calls; or that of all together, of which this one's was the largest.
enum class Breach { kBytes, kCalls, kTogether };
inline constexpr size_t kBreaches = 3;

class Ledger {
 public:
  using Id = uint64_t;
  struct Offender {
    Id id = 0;
    Breach breach = Breach::kBytes;
  };

  explicit Ledger(const LedgerBounds& bounds) : bounds_(bounds) {}

  void Open(Id id) { accounts_.try_emplace(id); }
  void Close(Id id) { accounts_.erase(id); }

  // Totals since the connection's beginning.
  void Count(Id id, const Traffic& traffic);
  void Count(Id id, const CallCounts& calls);
  // A message of so many bytes arrived.
  void Deliver(Id id, uint64_t bytes);
  // Time passed.
  void Forgive(int64_t nanos);

  // Connections on which so many bytes came since calls were counted, those with most first, at
  // most `most`: of these, calls are to be counted before Judge.
  std::vector<Id> ToCount(uint64_t least_bytes, size_t most) const;
  // Who is to be cut off. A connection of which bytes came since its calls were counted is not
  // judged.
  std::vector<Offender> Judge() const;

  uint64_t bytes_owed() const;  // of all

 private:
  struct Account {
    Traffic traffic;
    CallCounts calls;
    uint64_t bytes_uncounted = 0;  // since calls were counted
    double bytes_owed = 0;
    double bytes_given_back = 0;
    double calls_owed = 0;
    double silent_bytes = 0;    // that came since a byte went out,
    uint64_t silent_looks = 0;  // seen by so many looks
    bool judged = false;        // calls were counted since bytes came
  };

  // What a message or an answer pays for.
  static void PayBytes(Account& account, double bytes);
  bool OwesBytes(const Account& account) const;

  const LedgerBounds bounds_;
  std::unordered_map<Id, Account> accounts_;
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_NET_LEDGER_H_
