#include "tests/faults/raw_http2.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mneme::test {
namespace {

using std::chrono::steady_clock;

// A busy server stops reading for a while, and is still to be flooded then.
constexpr std::chrono::seconds kTakesNothingMax{10};
constexpr size_t kKept = 64 * 1024;

std::string Number(uint32_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift);
  return out;
}

// A length of HPACK, with 7 bits of prefix.
std::string Length(size_t length) {
  if (length < 127) return std::string(1, static_cast<char>(length));
  std::string out = "\x7f";
  for (length -= 127; length >= 128; length /= 128) out += static_cast<char>(length % 128 + 128);
  return out + static_cast<char>(length);
}

sockaddr_in Address(const std::string& host, int port) {
  sockaddr_in out = {};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, host.c_str(), &out.sin_addr);
  return out;
}

}  // namespace

std::string Frame(int type, int flags, uint32_t stream, std::string_view body) {
  return Number(static_cast<uint32_t>(body.size()), 3) + static_cast<char>(type) +
         static_cast<char>(flags) + Number(stream, 4) + std::string(body);
}

std::string HeaderStart(std::string_view name, size_t bytes) {
  return std::string(1, '\0') + Length(name.size()) + std::string(name) + Length(bytes);
}

std::string HeaderField(std::string_view name, std::string_view value) {
  return HeaderStart(name, value.size()) + std::string(value);
}

std::string Preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0); }

std::string CallHeaders(std::string_view path) {
  return HeaderField(":method", "POST") + HeaderField(":scheme", "http") +
         HeaderField(":path", path) + HeaderField(":authority", "localhost") +
         HeaderField("te", "trailers") + HeaderField("content-type", "application/grpc");
}

std::string CallMessage(std::string_view bytes) {
  return std::string(1, '\0') + Number(static_cast<uint32_t>(bytes.size()), 4) + std::string(bytes);
}

RawConnection::RawConnection(int port, const std::string& source)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in from = Address(source, 0), to = Address("127.0.0.1", port);
  closed_ = bind(socket_, reinterpret_cast<const sockaddr*>(&from), sizeof(from)) != 0 ||
            connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0;
}

RawConnection::~RawConnection() {
  if (socket_ >= 0) close(socket_);
}

RawConnection::RawConnection(RawConnection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      closed_(std::exchange(other.closed_, true)),
      received_(std::move(other.received_)),
      frames_(std::move(other.frames_)),
      goaway_(other.goaway_) {}

bool RawConnection::Send(std::string_view bytes) {
  auto last = steady_clock::now();
  while (!bytes.empty() && !IsClosed()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      last = steady_clock::now();
      continue;
    }
    if (errno != EAGAIN) closed_ = true;
    if (steady_clock::now() - last > kTakesNothingMax) return false;
    pollfd ready{.fd = socket_, .events = POLLIN | POLLOUT, .revents = 0};
    poll(&ready, 1, 10);
  }
  return !closed_;
}

void RawConnection::Read() {
  char bytes[16 * 1024];
  while (!closed_) {
    const ssize_t got = recv(socket_, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (got <= 0) {
      closed_ = true;
      break;
    }
    const std::string_view more(bytes, static_cast<size_t>(got));
    received_.append(more.substr(0, kKept - std::min(kKept, received_.size())));
    frames_ += more;
    TakeFrames();
  }
}

void RawConnection::TakeFrames() {
  size_t at = 0;
  while (frames_.size() >= at + 9) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(frames_[at + i]); };
    const size_t length = static_cast<size_t>(byte(0) << 16 | byte(1) << 8 | byte(2));
    if (frames_.size() < at + 9 + length) break;
    if (byte(3) == kGoAway && length >= 8) {
      goaway_ = static_cast<uint32_t>(byte(13)) << 24 | static_cast<uint32_t>(byte(14)) << 16 |
                static_cast<uint32_t>(byte(15)) << 8 | byte(16);
    }
    at += 9 + length;
  }
  frames_.erase(0, at);
}

bool RawConnection::IsClosed() {
  Read();
  return closed_;
}

bool RawConnection::WaitForEnd(std::chrono::milliseconds most) {
  const auto end = steady_clock::now() + most;
  while (!IsClosed() && steady_clock::now() < end) {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    poll(&ready, 1, 20);
  }
  return closed_;
}

}  // namespace mneme::test
