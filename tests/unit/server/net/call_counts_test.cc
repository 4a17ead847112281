// What channelz writes, as of gRPC 1.51.
#include "server/net/call_counts.h"

#include "gtest/gtest.h"

namespace mneme::server {
namespace {

TEST(CallCounts, AreReadFromASocket) {
  const auto counts = ParseSocket(
      R"({"socket":{"data":{"lastMessageReceivedTimestamp":"2026-11-23T05:40:35Z",
          "messagesReceived":"31","streamsFailed":"160","streamsStarted":"163","streamsSucceeded":"3"},
          "ref":{"name":"chttp2 ipv4:127.0.0.1:34214","socketId":"3"}}})");
  ASSERT_TRUE(counts.has_value());
  EXPECT_EQ(counts->answered, 3u);
  EXPECT_EQ(counts->failed, 160u);
  EXPECT_EQ(counts->under_way(), 0u);
  EXPECT_EQ(counts->opened, 163u);
  EXPECT_EQ(counts->messages, 31u);
  EXPECT_EQ(ParseSocket(R"({"socket":{"data":{}}})")->answered, 0u);
  for (const char* other : {"", "[]", "{}", "{\"socket\":1}", "{\"socket\":"})
    EXPECT_FALSE(ParseSocket(other).has_value()) << other;
}

TEST(CallCounts, ASocketTellsItsPort) {
  EXPECT_EQ(ParseLocalPort(R"({"socket":{"data":{},"local":{"tcpip_address":{
                "ip_address":"fwAAAQ==","port":7411}},"name":"ipv4:127.0.0.1:34214"}})"),
            7411);
  for (const char* other : {"", "{}", "{\"socket\":{\"local\":{\"uds_address\":{}}}}"})
    EXPECT_EQ(ParseLocalPort(other), 0) << other;
}

TEST(CallCounts, ListsNamePeers) {
  const auto list = ParseSocketList(
      R"({"end":true,"socketRef":[{"name":"chttp2 ipv4:127.0.0.1:34214","socketId":"3"},
          {"name":"chttp2 ipv6:%5B::1%5D:81","socketId":"7"},{"name":"other","socketId":"8"}]})");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].id, 3);
  EXPECT_EQ(list[0].peer, "ipv4:127.0.0.1:34214");
  EXPECT_EQ(list[1].peer, "ipv6:[::1]:81");
  EXPECT_TRUE(ParseSocketList("").empty());
  EXPECT_EQ(ParseServerList(R"({"server":[{"ref":{"serverId":"5"}},{"ref":{"serverId":"9"}}]})"),
            (std::vector<int64_t>{5, 9}));
}

}  // namespace
}  // namespace mneme::server
