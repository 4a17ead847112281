// A socket that somebody listens on is not taken over.
#include "server/net/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/base/status.h"
#include "server/net/socket.h"

namespace mneme::server {
namespace {

// Bound to the path; it listens where `listens`.
Socket Bind(const std::string& path, bool listens) {
  Socket out(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at = {};
  at.sun_family = AF_UNIX;
  MNEME_CHECK(path.size() < sizeof(at.sun_path));
  path.copy(at.sun_path, path.size());
  MNEME_CHECK(bind(out.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) == 0);
  if (listens) MNEME_CHECK(listen(out.get(), 0) == 0);
  return out;
}

class UnixSocketTest : public ::testing::Test {
 protected:
  UnixSocketTest() {
    MNEME_CHECK(mkdtemp(directory_.data()) != nullptr);
    path_ = directory_ + "/s";
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(directory_); }

  std::string directory_ = std::filesystem::temp_directory_path() / "mneme-unix-XXXXXX";
  std::string path_;
};

TEST_F(UnixSocketTest, ThatSomebodyListensOnIsRefusedHoweverItIsWritten) {
  const Socket living = Bind(path_, true);
  // The third finds the queue of connections full.
  for (const std::string& address : {"unix:" + path_, "unix://" + path_, "unix:" + path_}) {
    const absl::Status refused = CheckNobodyListens(address);
    EXPECT_TRUE(absl::IsUnavailable(refused)) << address;
    EXPECT_EQ(GetErrorDetail(refused)->reason, "LISTEN");
    EXPECT_EQ(GetErrorDetail(refused)->given, address);
  }
}

TEST_F(UnixSocketTest, ThatWasLeftBehindIsFine) {
  { const Socket killed = Bind(path_, true); }
  EXPECT_TRUE(CheckNobodyListens("unix:" + path_).ok());
  const Socket deaf = Bind(path_ + "2", false);
  EXPECT_TRUE(CheckNobodyListens("unix:" + path_ + "2").ok());
}

TEST_F(UnixSocketTest, ThatIsNotThereOrIsNoneIsFine) {
  std::ofstream(path_) << "a file";
  for (const std::string& address :
       {"unix:" + path_, "unix:" + directory_ + "/none", "unix:" + std::string(200, 'x'),
        std::string("127.0.0.1:1"), std::string("localhost:7411")})
    EXPECT_TRUE(CheckNobodyListens(address).ok()) << address;
}

}  // namespace
}  // namespace mneme::server
