// Daemons that are nodes of a federation `f`, each with a memory `m`: what they store, recall and
// say of themselves.
#ifndef MNEME_TESTS_INTEGRATION_FEDERATION_SITES_H_
#define MNEME_TESTS_INTEGRATION_FEDERATION_SITES_H_

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mneme/v1/federation_service.grpc.pb.h"
#include "tests/integration/live.h"

namespace mneme::test {

inline constexpr int kDim = 8;
inline constexpr int kResponseDim = 4;
inline constexpr uint64_t kSeed = 11;
inline constexpr std::chrono::seconds kPatience{120};  // longer is a failure

struct Site {
  std::unique_ptr<Daemon> daemon;
  std::unique_ptr<v1::MemoryService::Stub> memories;
  std::unique_ptr<v1::FederationService::Stub> federations;
};

class FederationSites : public ::testing::Test {
 protected:
  FederationSites() { RecordProperty("seed", std::to_string(kSeed)); }

  std::string address(const std::string& name) const {
    return "unix:" + directory_.path() + "/" + name + ".sock";
  }
  // With the flags that say where federations are described.
  void Start(const std::string& name, std::vector<std::string> flags) {
    Site& site = sites_[name];
    const std::string folder = directory_.path() + "/" + name;
    mkdir(folder.c_str(), 0700);
    flags.insert(flags.end(), {"--federation.node=" + name, "--peer.listen=" + address(name),
                               "--log.level=warning"});
    site.daemon = Daemon::Mnemed(MNEMED_PATH, folder, std::move(flags));
    ASSERT_NE(site.daemon->port(), 0) << name;
    site.memories = v1::MemoryService::NewStub(site.daemon->Connect());
    site.federations = v1::FederationService::NewStub(site.daemon->Connect());
  }
  void Create(const std::string& name) {
    v1::CreateMemoryRequest create;
    create.set_memory_id("m");
    create.mutable_memory()->set_key_dim(kDim);
    create.mutable_memory()->set_response_dim(kResponseDim);
    create.mutable_memory()->mutable_linear()->set_rule(v1::LINEAR_RULE_FEDERATED);
    v1::Memory memory;
    const grpc::Status status = MNEME_CALL(sites_[name].memories, CreateMemory, create, &memory);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  // The four keys that a node stores: unit vectors, other ones at the other node.
  static std::vector<float> Keys(const std::string& name) {
    std::vector<float> keys(kDim / 2 * kDim);
    const int first = name == "north" ? 0 : kDim / 2;
    for (int i = 0; i < kDim / 2; ++i) keys[i * kDim + first + i] = 1;
    return keys;
  }
  static std::vector<float> Responses(const std::string& name) {
    return UnitRows(kSeed + (name == "north" ? 0 : 1), kDim / 2, kResponseDim);
  }
  void Store(const std::string& name) {
    v1::StoreRequest store;
    store.set_memory("memories/m");
    SetMatrix(Keys(name), kDim, store.mutable_keys());
    SetMatrix(Responses(name), kResponseDim, store.mutable_responses());
    v1::StoreResponse stored;
    const grpc::Status status = MNEME_CALL(sites_[name].memories, Store, store, &stored);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  // How far `name` recalls the items of `whose` from what they are: the mean distance.
  double Error(const std::string& name, const std::string& whose) {
    v1::RetrieveRequest retrieve;
    retrieve.set_memory("memories/m");
    SetMatrix(Keys(whose), kDim, retrieve.mutable_cues());
    v1::RetrieveResponse recalled;
    const grpc::Status status = MNEME_CALL(sites_[name].memories, Retrieve, retrieve, &recalled);
    EXPECT_TRUE(status.ok()) << status.error_message();
    const std::vector<float> responses = Responses(whose);
    const std::string& data = recalled.recalls().data();
    if (data.size() != responses.size() * sizeof(float)) return 1e9;
    double sum = 0;
    for (size_t i = 0; i < responses.size(); ++i) {
      float value = 0;
      std::memcpy(&value, data.data() + i * sizeof(float), sizeof(float));
      sum += (value - responses[i]) * (value - responses[i]);
    }
    return std::sqrt(sum / (kDim / 2));
  }
  v1::FederationStatus Status(const std::string& name) {
    v1::GetFederationStatusRequest request;
    request.set_name("federations/f");
    v1::FederationStatus status;
    const grpc::Status called =
        MNEME_CALL(sites_[name].federations, GetFederationStatus, request, &status);
    EXPECT_TRUE(called.ok()) << called.error_message();
    return status;
  }
  // Stores at `storing`, again and again, until `done`.
  template <typename Done>
  ::testing::AssertionResult StoreUntil(const std::vector<std::string>& storing, Done done) {
    using std::chrono::steady_clock;
    const auto start = steady_clock::now();
    while (steady_clock::now() - start < kPatience) {
      for (const std::string& name : storing) Store(name);
      if (done()) return ::testing::AssertionSuccess();
    }
    auto failure = ::testing::AssertionFailure() << "not after " << kPatience.count() << " s";
    for (auto& [name, site] : sites_) {
      if (site.daemon->running()) failure << "\n" << name << ": " << Status(name).DebugString();
    }
    return failure;
  }

  const TemporaryDirectory directory_;
  std::map<std::string, Site> sites_;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_INTEGRATION_FEDERATION_SITES_H_
