// mneme as the cases see it: a daemon on a free port of the loopback with its data in a temporary
// folder, and the core alone in this process on one thread.
//
// Threads: Server's stub may be used by any number of threads; InProcess by one.
#ifndef MNEME_TESTS_BENCH_OURS_H_
#define MNEME_TESTS_BENCH_OURS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/models/model.h"
#include "mneme/client.h"
#include "mneme/v1/memory_service.grpc.pb.h"
#include "tests/bench/case.h"
#include "tests/bench/dataset.h"
#include "tests/support/daemon.h"

namespace mneme::bench {

// Item numbers of a list, best first; one list a cue.
using Lists = std::vector<std::vector<uint64_t>>;

class Server {
 public:
  // Two scan threads, however many cores there are.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Context& context);
  // Kills it without a word, and starts it again on the same data.
  absl::Status KillAndRestart();

  v1::MemoryService::Stub& stub() { return *stub_; }
  client::Client& client() { return *client_; }
  const std::string& folder() const { return directory_.path(); }
  test::Daemon& daemon() { return *daemon_; }
  std::shared_ptr<grpc::Channel> Connect() const { return daemon_->Connect(); }

 private:
  explicit Server(const Context& context) : mnemed_(context.mnemed) {}
  absl::Status Run();

  std::string mnemed_;
  test::TemporaryDirectory directory_;
  std::unique_ptr<test::Daemon> daemon_;
  std::unique_ptr<v1::MemoryService::Stub> stub_;
  std::unique_ptr<client::Client> client_;
};

// A dense memory `name` of these keys.
absl::Status MakeDense(client::Client& client, const std::string& name, size_t dim,
                       models::Similarity similarity);
// Stores all rows by one stream, item i under number first_id + i. Rows a second.
absl::StatusOr<double> StoreAll(client::Client& client, const std::string& name, MatrixView rows,
                                uint64_t first_id = 0);

v1::Matrix ToWire(MatrixView rows);
// One request a cue: the list of the `k` best.
std::vector<v1::ListwiseQueryRequest> ListRequests(const std::string& name, MatrixView cues,
                                                   uint32_t k);
std::vector<uint64_t> ItemsOf(const v1::CueList& list);

class InProcess {
 public:
  // Holds copies of the rows, item i under number i.
  static absl::StatusOr<std::unique_ptr<InProcess>> Make(const Dataset& dataset);
  absl::StatusOr<Lists> Ask(MatrixView cues, size_t k) const;

 private:
  std::unique_ptr<models::Model> model_;
  std::shared_ptr<const models::View> view_;
};

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_OURS_H_
