// Files and bytes of the ports: together no more than there is, and something for each.
#include "server/net/shares.h"

#include "gtest/gtest.h"

namespace mneme::server {
namespace {

constexpr uint64_t kOthers = 1'280;
constexpr uint64_t kMiB = 1 << 20;

TEST(PortShares, TogetherAreNoMoreThanThereIs) {
  for (const bool peers : {false, true}) {
    for (uint64_t files : {0, 16, 64, 256, 1'024, 4'096, 20'000, 1'000'000}) {
      const PortShares shares = SharePorts(files, kOthers, 100 * kMiB, peers);
      SCOPED_TRACE(files);
      EXPECT_GE(shares.clients.connections, 1u);
      EXPECT_EQ(shares.peers.connections > 0, peers);
      EXPECT_LE(shares.peers.connections, kPeerConnectionsMax);
      EXPECT_EQ(shares.clients.all_bytes + shares.peers.all_bytes, 200 * kMiB);
      EXPECT_LE(shares.clients.connection_bytes, shares.clients.all_bytes);
      EXPECT_LE(shares.peers.connection_bytes, shares.peers.all_bytes);
      if (files < 16) continue;
      const uint64_t ours = 2 * (shares.clients.connections + shares.peers.connections);
      EXPECT_LE(ours + std::min(files / 2, kOthers + kProcessFilesMax), files);
      EXPECT_EQ(shares.files_short > 0, files < 2 * (kOthers + kProcessFilesMax)) << files;
    }
  }
}

TEST(PortShares, WhereThereAreManyFilesNobodyIsShort) {
  const PortShares shares = SharePorts(1'000'000, kOthers, 100 * kMiB, true);
  EXPECT_EQ(shares.peers.connections, kPeerConnectionsMax);
  EXPECT_EQ(2 * (shares.clients.connections + shares.peers.connections),
            1'000'000 - kOthers - kProcessFilesMax);
}

}  // namespace
}  // namespace mneme::server
