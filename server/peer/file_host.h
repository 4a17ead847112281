// Federations that a file describes (server/config/federation_file.h): one plan, that never
// changes.
//
// Thread-safe.
#ifndef MNEME_SERVER_PEER_FILE_HOST_H_
#define MNEME_SERVER_PEER_FILE_HOST_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "server/config/federation_file.h"
#include "server/peer/federation_host.h"

namespace mneme::server {

struct FileHostOptions {
  std::string node;  // the name of this server's nodes
  std::vector<StaticFederation> federations;
  MakeDialer make_dialer;
  uint64_t seed = 0;
};

class FileHost final : public FederationHost {
 public:
  // InvalidArgument (FEDERATION_FILE): this server's node is in none of them.
  static absl::StatusOr<std::unique_ptr<FileHost>> Create(engine::Engine& engine,
                                                          const Clock& clock,
                                                          FileHostOptions options);

  void Stop() override;
  absl::StatusOr<std::vector<FederationInfo>> List() const override;
  absl::StatusOr<FederationInfo> Get(const std::string& name) const override;
  std::vector<std::string> Joined() const override;
  absl::StatusOr<std::shared_ptr<FederationRunner>> RunnerOf(
      const std::string& name) const override;
  absl::StatusOr<RunnerStatus> StatusOf(const std::string& name) const override;

  absl::Status CreateFederation(const std::string& name,
                                const federation::Description& description) override;
  absl::Status Join(const std::string& name, const std::string& memory) override;
  absl::Status Leave(const std::string& name, const std::string& node) override;
  absl::Status SetInterest(const std::string& name, const std::string& node,
                           const federation::InterestRow& row) override;
  absl::Status SetLinks(const std::string& name, const std::string& node,
                        const std::map<std::string, double>& millis) override;

 private:
  struct Entry {
    FederationInfo info;
    std::shared_ptr<FederationRunner> runner;  // null: this server takes no part
  };

  explicit FileHost(std::string node) : node_(std::move(node)) {}
  absl::StatusOr<const Entry*> Find(const std::string& name) const;

  const std::string node_;
  std::vector<Entry> entries_;  // by name; set once
};

}  // namespace mneme::server

#endif  // MNEME_SERVER_PEER_FILE_HOST_H_
