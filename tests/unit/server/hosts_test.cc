// Which names a server on the loopback address answers to.
#include "server/http/hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/status.h"

namespace mneme::server {
namespace {

TEST(Hosts, AnswersToTheLoopbackHoweverItIsWritten) {
  const Hosts hosts = Hosts::OfLoopback("127.0.0.1:7412", "");
  for (const char* host : {"", "localhost", "localhost:7412", "LocalHost.:80", "127.0.0.1",
                           "127.0.0.1:7412", "127.1.2.3:9", "[::1]", "[::1]:7412"})
    EXPECT_TRUE(hosts.Check(host).ok()) << host;
}

TEST(Hosts, RefusesNamesThatMayPointAnywhere) {
  const Hosts hosts = Hosts::OfLoopback("localhost:7412", "");
  for (const char* host :
       {"rebound.example", "rebound.example:7412", "127.0.0.1.example.org", "127.example.org",
        "localhost.example.org", "localhost@evil", "192.168.0.1", "0.0.0.0", "[::]", "[::1",
        "[2001:db8::1]:7412", "::1.example", ":7412", "."}) {
    const absl::Status refused = hosts.Check(host);
    EXPECT_TRUE(absl::IsPermissionDenied(refused)) << host;
    EXPECT_EQ(GetErrorDetail(refused)->reason, "HOST");
    EXPECT_THAT(GetErrorDetail(refused)->given, testing::HasSubstr(host));
    EXPECT_THAT(GetErrorDetail(refused)->next_step, testing::HasSubstr("http.allowed_hosts"));
  }
}

TEST(Hosts, AnswersToWhatItListensOnAndWhatIsAllowed) {
  const Hosts hosts = Hosts::OfLoopback("ip6-localhost:7412", "mneme.lan, Other.Lan:80");
  for (const char* host : {"ip6-localhost:7412", "mneme.lan:7412", "MNEME.LAN", "other.lan"})
    EXPECT_TRUE(hosts.Check(host).ok()) << host;
  EXPECT_FALSE(hosts.Check("sub.mneme.lan").ok());
  EXPECT_TRUE(Hosts::OfLoopback("127.0.0.1:0", "*").Check("anything").ok());
  EXPECT_TRUE(Hosts().Check("anything").ok());
}

}  // namespace
}  // namespace mneme::server
