// A client that speaks HTTP/2 by hand, frame by frame, and keeps no rule of it that it does not
// want to.
//
// Not thread-safe, but for the pure functions.
#ifndef MNEME_TESTS_FAULTS_RAW_HTTP2_H_
#define MNEME_TESTS_FAULTS_RAW_HTTP2_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mneme::test {

inline constexpr int kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kSettings = 4, kPing = 6,
                     kGoAway = 7, kWindowUpdate = 8, kContinuation = 9;
inline constexpr int kEndStream = 1, kAck = 1, kEndHeaders = 4;

std::string Frame(int type, int flags, uint32_t stream, std::string_view body = {});
// A header as a literal, without Huffman's code and without the table.
std::string HeaderField(std::string_view name, std::string_view value);
// Its beginning, up to a value of so many bytes.
std::string HeaderStart(std::string_view name, size_t bytes);
// What a client begins with: the preface and empty settings.
std::string Preface();
// The headers of a call of gRPC.
std::string CallHeaders(std::string_view path);
// A message of gRPC as the body of a DATA frame.
std::string CallMessage(std::string_view bytes);

class RawConnection {
 public:
  // From `source`, an address of this machine (all of 127.0.0.0/8 are).
  RawConnection(int port, const std::string& source = "127.0.0.1");
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection(const RawConnection&) = delete;

  // All of it, reading what comes meanwhile; false once the other side has closed, or takes nothing
  // for ten seconds.
  bool Send(std::string_view bytes);
  // What has come so far is read. True: the other side has closed.
  bool IsClosed();
  // Reads until the other side closes, or the time is over; whether it did.
  bool WaitForEnd(std::chrono::milliseconds most);
  // The error code of the last GOAWAY that came.
  std::optional<uint32_t> goaway() const { return goaway_; }
  const std::string& received() const { return received_; }  // the first 64 KiB

 private:
  void Read();
  void TakeFrames();

  int socket_ = -1;
  bool closed_ = false;
  std::string received_;
  std::string frames_;  // what came and is no whole frame yet
  std::optional<uint32_t> goaway_;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_FAULTS_RAW_HTTP2_H_
