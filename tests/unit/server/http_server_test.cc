#include "server/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/status.h"

namespace mneme::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const HttpOptions kOptions{.listen = "127.0.0.1:0",
                           .connections_max = 16,
                           .connections_per_address_max = 8,
                           .idle_seconds = 30,
                           .request_seconds = 5,
                           .answer_seconds = 5,
                           .body_bytes_max = 1'000};

constexpr size_t kLargeBytes = 16 << 20;  // more than the kernel takes by itself

// Answers with the length of the body, or with much; GET /none is refused by its path.
HttpHandler Lengths() {
  return {.refuse = [](const HttpRequest& request) -> std::optional<HttpResponse> {
            if (request.path != "/none") return std::nullopt;
            return HttpResponse{.code = 404, .body = "none"};
          },
          .handle =
              [](HttpRequest& request, HttpRespond respond) {
                const bool large = request.path == "/large";
                respond({.body = large ? std::string(kLargeBytes, 'x')
                                       : std::to_string(request.body.size())});
              }};
}

struct Server {
  explicit Server(HttpOptions options = kOptions, uint64_t budget_bytes = 100'000)
      : budget(budget_bytes) {
    auto started = HttpServer::Start(options, clock, budget, Lengths());
    MNEME_CHECK(started.ok());
    http = *std::move(started);
  }
  ManualClock clock{1};
  ByteBudget budget;
  std::unique_ptr<HttpServer> http;
};

class Client {
 public:
  explicit Client(int port) : Client(port, AF_INET) {}
  Client(int port, int family) : socket_(socket(family, SOCK_STREAM, 0)) {
    sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(static_cast<uint16_t>(port))};
    v6.sin6_addr = in6addr_loopback;
    MNEME_CHECK((family == AF_INET
                     ? connect(socket_, reinterpret_cast<sockaddr*>(&v4), sizeof(v4))
                     : connect(socket_, reinterpret_cast<sockaddr*>(&v6), sizeof(v6))) == 0);
  }
  ~Client() { close(socket_); }
  void Send(std::string_view text) { EXPECT_TRUE(TrySend(text)); }
  // False: the server has closed the connection.
  bool TrySend(std::string_view text) {
    return send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  // Until `end` has come, or the connection is closed.
  std::string ReadUntil(std::string_view end) {
    std::string out;
    char byte = 0;
    while (!out.ends_with(end) && recv(socket_, &byte, 1, 0) == 1) out += byte;
    return out;
  }

 private:
  const int socket_;
};

TEST(HttpServer, AnswersRequestAfterRequestOnOneConnection) {
  Server server;
  Client client(server.http->port());
  for (const char* body : {"", "abc"}) {
    const size_t size = std::string_view(body).size();
    client.Send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) +
                "\r\n\r\n" + body);
    EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(client.ReadUntil(std::to_string(size)), std::to_string(size));
  }
  const HttpCounters counters = server.http->counters();
  EXPECT_EQ(counters.responses[1], 2u);
  EXPECT_EQ(counters.body_bytes_in, 3u);
  EXPECT_EQ(counters.under_way, 0u);
}

TEST(HttpServer, RefusesABodyWhoseEndIsSaidTwice) {
  Server server;
  for (const char* headers :
       {"Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Content-Length : 1\r\n"}) {
    Client client(server.http->port());
    // What a proxy would take for the body may hold a request.
    client.Send("POST /x HTTP/1.1\r\nHost: h\r\n" + std::string(headers) +
                "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string answer = client.ReadUntil("forever");  // and closes
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << headers;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << headers;
  }
}

TEST(HttpServer, RefusesByThePathBeforeALargeBodyHasCome) {
  HttpOptions options = kOptions;
  options.body_bytes_max = 1'000'000;
  Server server(options);
  Client client(server.http->port());
  client.Send("POST /none HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("none"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(client.ReadUntil("forever"), IsEmpty());  // and closes
}

TEST(HttpServer, RefusesByThePathBeforeABodyOfUnknownSizeHasCome) {
  Server server;
  Client client(server.http->port());
  client.Send("POST /none HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("none"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(client.ReadUntil("forever"), IsEmpty());  // and closes
}

constexpr char kChunkedHead[] = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(HttpServer, TellsWhoSendsALittleMoreThanABodyMayHaveInPiecesSo) {
  Server server;
  Client client(server.http->port());
  client.Send(kChunkedHead);
  for (int i = 0; i < 3; ++i) client.Send("190\r\n" + std::string(400, 'x') + "\r\n");
  client.Send("0\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 413"));
}

TEST(HttpServer, ABodyInPiecesWithoutEndIsNotReadWithoutEnd) {
  const std::string piece = "10000\r\n" + std::string(64 * 1024, 'x') + "\r\n";
  for (const bool busy : {false, true}) {
    Server server;
    if (busy) server.budget.Take(100'000);
    Client client(server.http->port());
    client.Send(kChunkedHead);
    size_t sent = 0;
    while (sent < kLargeBytes && client.TrySend(piece)) sent += piece.size();
    EXPECT_LT(sent, kLargeBytes) << busy;
    EXPECT_LE(server.http->counters().body_bytes_in,
              kOptions.body_bytes_max + kHttpDroppedBodyBytesMax + kHttpHeaderBytesMax);
  }
}

TEST(HttpServer, RefusesABodyThatTheBudgetHasNoRoomForAndGivesAllBack) {
  Server server;
  ASSERT_TRUE(server.budget.TryTake(99'000).ok());
  Client client(server.http->port());
  client.Send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n" + std::string(900, 'x'));
  const std::string head = client.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));  // small ones use what is kept for them
  server.budget.Take(20'000);
  client.ReadUntil("900");
  client.Send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n" + std::string(900, 'x'));
  const std::string refused = client.ReadUntil("\r\n\r\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(refused, HasSubstr("Retry-After"));
  server.http->Stop();
  EXPECT_EQ(server.budget.held(), 119'000u);
}

TEST(HttpServer, ClosesAConnectionWhoseBodyTakesTooLong) {
  Server server;
  Client client(server.http->port());
  client.Send("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 100"));  // it has begun
  server.clock.Advance(6'000'000'000);
  client.Send("x");
  EXPECT_THAT(client.ReadUntil("forever"), IsEmpty());
}

TEST(HttpServer, AnswersThatNobodyTakesLeaveRoomForOthersAndEndInTime) {
  Server server(kOptions, 5 * kLargeBytes);
  Client first(server.http->port()), second(server.http->port()), third(server.http->port());
  constexpr char kLarge[] = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n";
  for (Client* slow : {&first, &second}) {
    slow->Send(kLarge);
    EXPECT_THAT(slow->ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  }
  third.Send(kLarge);
  EXPECT_THAT(third.ReadUntil("\r\n\r\n"), StartsWith("HTTP/1.1 429"));
  EXPECT_EQ(server.budget.held(), 2 * kLargeBytes);  // the third holds nothing, though it may stay
  server.clock.Advance(6'000'000'000);
  EXPECT_LT(second.ReadUntil("forever").size(), kLargeBytes);
  server.http->Stop();
  EXPECT_EQ(server.budget.held(), 0u);
}

TEST(HttpServer, RefusesAnAddressThatIsTakenOrIsNone) {
  Server server;
  HttpOptions options = kOptions;
  for (const std::string& listen :
       {"127.0.0.1:" + std::to_string(server.http->port()), std::string("203.0.113.1:0"),
        std::string("no-such-host.invalid:0")}) {
    options.listen = listen;
    const auto second = HttpServer::Start(options, server.clock, server.budget, Lengths());
    ASSERT_FALSE(second.ok()) << listen;
    EXPECT_EQ(GetErrorDetail(second.status())->reason, "LISTEN");
    EXPECT_THAT(GetErrorDetail(second.status())->next_step, HasSubstr("--http.listen"));
  }
}

TEST(HttpServer, ServesOnAllAddressesOfWhatItListensOnAndGoesOnWithThemWhenRenewed) {
  if (!ListenOn("[::1]:0").ok()) GTEST_SKIP() << "this machine has no IPv6";
  for (const char* listen : {"0.0.0.0:0", "localhost:0"}) {
    if (const auto found = ListenOn(listen); listen[0] == 'l' && found->size() < 2) continue;
    HttpOptions options = kOptions;
    options.listen = listen;
    Server server(options);
    for (int renewals = 0; renewals < 2; ++renewals) {
      for (const int family : {AF_INET, AF_INET6}) {
        Client client(server.http->port(), family);
        client.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_THAT(client.ReadUntil("\r\n\r\n0"), StartsWith("HTTP/1.1 200")) << listen << family;
      }
      ASSERT_TRUE(server.http->Renew({}).ok());
    }
  }
}

std::string Output(const std::string& command) {
  std::string out;
  std::FILE* pipe = popen(command.c_str(), "r");
  char line[4096];
  while (std::fgets(line, sizeof(line), pipe) != nullptr) out += line;
  pclose(pipe);
  return out;
}

HttpCertificate MakeCertificate(const std::string& name) {
  std::string folder = std::filesystem::temp_directory_path() / "mneme-http-XXXXXX";
  MNEME_CHECK(mkdtemp(folder.data()) != nullptr);
  Output("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" +
         name + " -keyout " + folder + "/key -out " + folder + "/pem 2>/dev/null");
  const auto read = [&](const char* file) {
    std::ostringstream text;
    text << std::ifstream(folder + file).rdbuf();
    return text.str();
  };
  HttpCertificate out{.certificate = read("/pem"), .key = read("/key")};
  std::filesystem::remove_all(folder);
  return out;
}

TEST(HttpServer, ShowsARenewedCertificateToThoseWhoConnectAndKeepsItWhenTheNextIsNone) {
  HttpOptions options = kOptions;
  options.tls = MakeCertificate("first");
  ASSERT_THAT(options.tls.key, Not(IsEmpty()));
  Server server(options);
  const std::string ask =
      "echo | openssl s_client -connect 127.0.0.1:" + std::to_string(server.http->port()) +
      " 2>/dev/null | grep subject";
  EXPECT_THAT(Output(ask), HasSubstr("CN = first"));
  ASSERT_TRUE(server.http->Renew(MakeCertificate("second")).ok());
  EXPECT_THAT(Output(ask), HasSubstr("CN = second"));
  const absl::Status bad = server.http->Renew({.certificate = "none", .key = "none"});
  EXPECT_EQ(GetErrorDetail(bad)->reason, "LISTEN");
  EXPECT_THAT(Output(ask), HasSubstr("CN = second"));
}

TEST(HttpServer, ARequestThatTakesTooLongIsCutOff) {
  Server server;
  for (const char* part :
       {"", "GET /x HTT", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n1"}) {
    Client slow(server.http->port()), quick(server.http->port());
    slow.Send(part);
    const char* const whole = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
    quick.Send(whole);
    EXPECT_THAT(quick.ReadUntil("\r\n\r\n0"), StartsWith("HTTP/1.1 200"));
    server.clock.Advance(3'000'000'000);
    quick.Send(whole);  // its time begins anew with each answer
    EXPECT_THAT(quick.ReadUntil("\r\n\r\n0"), StartsWith("HTTP/1.1 200"));
    server.clock.Advance(3'000'000'000);
    EXPECT_THAT(slow.ReadUntil("never"), IsEmpty()) << part;
    quick.Send(whole);
    EXPECT_THAT(quick.ReadUntil("\r\n\r\n0"), StartsWith("HTTP/1.1 200"));
  }
}

TEST(HttpServer, ConnectionsOfEarlierCertificatesGoOnAndAreBounded) {
  Server server;
  Client client(server.http->port());
  std::vector<std::unique_ptr<Client>> held;
  const auto ask = [](Client& of) {
    of.Send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    return of.ReadUntil("\r\n\r\n0");
  };
  EXPECT_THAT(ask(client), StartsWith("HTTP/1.1 200"));
  for (size_t i = 1; i < kHttpRenewalsMax; ++i) {
    ASSERT_TRUE(server.http->Renew({}).ok()) << i;
    held.push_back(std::make_unique<Client>(server.http->port()));
    EXPECT_THAT(ask(*held.back()), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(ask(client), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_EQ(GetErrorDetail(server.http->Renew({}))->reason, "RENEWALS");
  EXPECT_THAT(ask(client), StartsWith("HTTP/1.1 200"));
}

TEST(HttpServer, ConnectionsAreBoundedOverAllCertificatesAndAddresses) {
  HttpOptions options = kOptions;
  options.connections_max = 2;
  Server server(options);
  const char* const ask = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
  Client before(server.http->port());
  before.Send(ask);
  EXPECT_THAT(before.ReadUntil("\r\n\r\n0"), StartsWith("HTTP/1.1 200"));
  ASSERT_TRUE(server.http->Renew({}).ok());
  {
    Client after(server.http->port());
    after.Send(ask);
    EXPECT_THAT(after.ReadUntil("\r\n\r\n0"), StartsWith("HTTP/1.1 200"));
    EXPECT_EQ(server.http->counters().connections, 2u);
    Client third(server.http->port());
    third.TrySend(ask);
    EXPECT_THAT(third.ReadUntil("\r\n\r\n0"), IsEmpty());
  }
  // The place of one that has left is free.
  std::string answer;
  while (answer.empty()) {
    Client next(server.http->port());
    next.TrySend(ask);
    answer = next.ReadUntil("\r\n\r\n0");
  }
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace mneme::server
