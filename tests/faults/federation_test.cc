// Seven daemons that learn from each other, one of them stopped for a while, another killed, a link
// cut: Stores and Retrieves of those that live go on, and what they recall in the last quarter is
// as good as without all that.
//
// --schedules=S: seconds of a run (30; the long form has 80, three times).
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <thread>

#include "gtest/gtest.h"
#include "mneme/v1/federation_service.grpc.pb.h"
#include "tests/faults/link_gate.h"
#include "tests/faults/schedules.h"
#include "tests/integration/live.h"

namespace mneme::test {
namespace {

using std::chrono::steady_clock;

constexpr int kDim = 16;
constexpr int kNodes = 7;
constexpr int kItems = 8;  // a Store
constexpr std::chrono::milliseconds kBetweenStores{100};
constexpr std::chrono::seconds kCallMax{10};
constexpr std::chrono::seconds kRecoveryMax{60};  // more is a failure
// When it begins and ends, as a share of the run.
struct Trouble {
  double from;
  double to;
};
constexpr Trouble kStopped{0.125, 0.375};  // 20 of 80 s
constexpr Trouble kKilled{0.25, 0.3};
constexpr Trouble kCut{0.3, 0.675};  // 30 of 80 s
constexpr int kStoppedNode = 6, kKilledNode = 5;
constexpr double kWorseMax = 1.1;

std::string NameOf(int node) { return std::string(1, static_cast<char>('a' + node)); }

// Items of a node: v = A_m k and noise, A_m half of it common to all.
class Source {
 public:
  explicit Source(int node) : random_(Flags().seed, static_cast<uint64_t>(node)) {
    Random common(Flags().seed, 100), own(Flags().seed, 101 + static_cast<uint64_t>(node));
    matrix_.resize(kDim * kDim);
    for (float& x : matrix_)
      x = static_cast<float>((common.Gaussian() + own.Gaussian()) / std::sqrt(2.0 * kDim));
  }
  std::vector<float> Keys(int rows) {
    std::vector<float> keys(static_cast<size_t>(rows) * kDim);
    for (int i = 0; i < rows; ++i)
      random_.FillUnit(std::span<float>(keys).subspan(static_cast<size_t>(i) * kDim, kDim));
    return keys;
  }
  std::vector<float> Responses(const std::vector<float>& keys, double noise) {
    std::vector<float> out(keys.size());
    for (size_t row = 0; row < keys.size(); row += kDim) {
      for (size_t i = 0; i < kDim; ++i) {
        double sum = noise * random_.Gaussian() / std::sqrt(kDim);
        for (size_t j = 0; j < kDim; ++j) sum += matrix_[i * kDim + j] * keys[row + j];
        out[row + i] = static_cast<float>(sum);
      }
    }
    return out;
  }

 private:
  Random random_;
  std::vector<float> matrix_;
};

class Federation {
 public:
  explicit Federation(Tally& tally) : tally_(tally) {
    gate_ = std::make_unique<LinkGate>(Path("gate"), Path("d"));
    for (int node = 0; node < kNodes; ++node) {
      sources_.emplace_back(node);
      mkdir((directory_.path() + "/" + NameOf(node)).c_str(), 0700);
      // b opens the stream to d, by way of the gate.
      std::ofstream(File(node)) << Description(/*gated=*/NameOf(node) == "b");
      Start(node);
      Create(node);
    }
  }
  ~Federation() { gate_ = nullptr; }

  void Start(int node) {
    Site& site = sites_[node];
    site.daemon =
        Daemon::Mnemed(MNEMED_PATH, directory_.path() + "/" + NameOf(node),
                       {"--federation.file=" + File(node), "--federation.node=" + NameOf(node),
                        "--peer.listen=unix:" + Path(NameOf(node)), "--log.level=error"});
    if (site.daemon->port() == 0)
      tally_.Report(Finding::kWrong, 0, NameOf(node) + " did not start");
    site.stub = v1::MemoryService::NewStub(site.daemon->Connect());
    site.federations = v1::FederationService::NewStub(site.daemon->Connect());
    site.lives = true;
  }
  void Kill(int node) {
    sites_[node].lives = false;
    sites_[node].daemon->Stop(SIGKILL);
  }
  void Signal(int node, int signal) {
    sites_[node].lives = signal == SIGCONT;
    kill(sites_[node].daemon->pid(), signal);
  }
  LinkGate& gate() { return *gate_; }

  // One Store at each node that lives.
  void StoreEverywhere() {
    for (int node = 0; node < kNodes; ++node) {
      if (!sites_[node].lives) continue;
      v1::StoreRequest store;
      store.set_memory("memories/m");
      const std::vector<float> keys = sources_[node].Keys(kItems);
      SetMatrix(keys, kDim, store.mutable_keys());
      SetMatrix(sources_[node].Responses(keys, 0.3), kDim, store.mutable_responses());
      v1::StoreResponse stored;
      Check("Store", node,
            Call(*sites_[node].stub, &v1::MemoryService::Stub::Store, store, &stored));
    }
  }
  // What the nodes that live lose on new items, by their interest; mean over them.
  double Loss() {
    double sum = 0;
    int lives = 0;
    for (int node = 0; node < kNodes; ++node) {
      if (!sites_[node].lives) continue;
      ++lives;
      for (int other = 0; other < kNodes; ++other)
        sum += (other == node ? 0.5 : 0.5 / (kNodes - 1)) * LossOn(node, other);
    }
    return sum / std::max(lives, 1);
  }
  double Coverage(int node) {
    v1::GetFederationStatusRequest request;
    request.set_name("federations/f");
    v1::FederationStatus status;
    Check("GetFederationStatus", node,
          Call(*sites_[node].federations, &v1::FederationService::Stub::GetFederationStatus,
               request, &status));
    return status.coverage();
  }

 private:
  struct Site {
    std::unique_ptr<Daemon> daemon;
    std::unique_ptr<v1::MemoryService::Stub> stub;
    std::unique_ptr<v1::FederationService::Stub> federations;
    bool lives = false;
  };

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name + ".s"; }
  std::string File(int node) const { return directory_.path() + "/" + NameOf(node) + ".yaml"; }
  std::string Description(bool gated) const {
    std::string text =
        "federations:\n  - name: f\n    memory: m\n    round_ms: 50\n"
        "    spec: {key_dim: 16, response_dim: 16, min_contributors: 1, min_items: 1}\n    "
        "nodes:\n";
    for (int node = 0; node < kNodes; ++node) {
      const std::string name = NameOf(node);
      text += "      - {name: " + name +
              ", address: 'unix:" + Path(gated && name == "d" ? "gate" : name) + "', interest: {";
      for (int other = 0; other < kNodes; ++other)
        text += (other > 0 ? ", " : "") + NameOf(other) + (other == node ? ": 6" : ": 1");
      text += "}}\n";
    }
    text += "    links:\n";
    for (int node = 1; node < kNodes; ++node)
      text += "      - {between: [" + NameOf((node - 1) / 2) + ", " + NameOf(node) + "]}\n";
    return text;
  }
  void Create(int node) {
    v1::CreateMemoryRequest create;
    create.set_memory_id("m");
    create.mutable_memory()->set_key_dim(kDim);
    create.mutable_memory()->set_response_dim(kDim);
    create.mutable_memory()->mutable_linear()->set_rule(v1::LINEAR_RULE_FEDERATED);
    create.mutable_memory()->mutable_linear()->set_response_normalization(v1::NORMALIZATION_NONE);
    v1::Memory memory;
    Check("CreateMemory", node,
          Call(*sites_[node].stub, &v1::MemoryService::Stub::CreateMemory, create, &memory));
  }
  double LossOn(int node, int other) {
    const std::vector<float> keys = sources_[other].Keys(kItems);
    const std::vector<float> responses = sources_[other].Responses(keys, 0);
    v1::RetrieveRequest retrieve;
    retrieve.set_memory("memories/m");
    SetMatrix(keys, kDim, retrieve.mutable_cues());
    v1::RetrieveResponse recalled;
    Check("Retrieve", node,
          Call(*sites_[node].stub, &v1::MemoryService::Stub::Retrieve, retrieve, &recalled));
    std::vector<float> recalls(responses.size());
    if (recalled.recalls().data().size() != recalls.size() * sizeof(float)) return 1e9;
    std::memcpy(recalls.data(), recalled.recalls().data().data(), recalls.size() * sizeof(float));
    double sum = 0;
    for (size_t i = 0; i < recalls.size(); ++i)
      sum += (recalls[i] - responses[i]) * (recalls[i] - responses[i]) / 2;
    return sum / kItems;
  }
  template <typename Stub, typename Request, typename Response>
  static grpc::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                           const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallMax);
    return (stub.*method)(&context, request, response);
  }
  void Check(const std::string& what, int node, const grpc::Status& status) {
    tally_.Note("calls");
    if (status.ok()) return;
    tally_.Report(Finding::kWrong, 0, what + " at " + NameOf(node) + ": " + status.error_message());
  }

  Tally& tally_;
  const TemporaryDirectory directory_;
  std::vector<Source> sources_;
  std::map<int, Site> sites_;
  std::unique_ptr<LinkGate> gate_;
};

// Carries out what begins or ends at this moment, each once.
class Troubles {
 public:
  Troubles(Federation& federation, bool any) : federation_(federation), any_(any) {}
  void At(double share) {
    if (!any_) return;
    while (next_ < steps_.size() && steps_[next_].at <= share) steps_[next_++].run(federation_);
  }

 private:
  struct Step {
    double at;
    void (*run)(Federation&);
  };
  const std::vector<Step> steps_ = {
      {kStopped.from, [](Federation& f) { f.Signal(kStoppedNode, SIGSTOP); }},
      {kKilled.from, [](Federation& f) { f.Kill(kKilledNode); }},
      {kKilled.to, [](Federation& f) { f.Start(kKilledNode); }},
      {kCut.from, [](Federation& f) { f.gate().Shut(); }},
      {kStopped.to, [](Federation& f) { f.Signal(kStoppedNode, SIGCONT); }},
      {kCut.to, [](Federation& f) { f.gate().Open(); }},
  };
  Federation& federation_;
  const bool any_;
  size_t next_ = 0;
};

// The mean loss in the last quarter of a run.
double LastQuarter(std::chrono::seconds seconds, bool disturbed, Tally& tally) {
  Federation federation(tally);
  Troubles troubles(federation, disturbed);
  const auto start = steady_clock::now();
  double sum = 0;
  int count = 0;
  while (true) {
    const auto now = steady_clock::now();
    const double share = std::chrono::duration<double>(now - start) / seconds;
    if (share >= 1) break;
    troubles.At(share);
    federation.StoreEverywhere();
    const double loss = federation.Loss();
    if (share >= 0.75) sum += loss;
    if (share >= 0.75) ++count;
    std::this_thread::sleep_until(now + kBetweenStores);
  }
  // However slow the machine, all hear of all again.
  const auto end = steady_clock::now() + kRecoveryMax;
  for (int node = 0; node < kNodes;) {
    if (federation.Coverage(node) == 1) {
      ++node;
    } else if (steady_clock::now() < end) {
      federation.StoreEverywhere();
    } else {
      tally.Report(Finding::kWrong, 0, NameOf(node++) + " does not hear of all it wants");
    }
  }
  return sum / std::max(count, 1);
}

double MedianOf(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

TEST(Federation, AStopAKillAndACutLinkLeaveTheOthersTheirMemory) {
  RunSchedules("federation", 1, [](uint64_t, Tally& tally) {
    const std::chrono::seconds seconds(Flags().Count(30, 80));
    const int repeats = Flags().long_form ? 3 : 1;
    std::vector<double> calm, disturbed;
    for (int i = 0; i < repeats; ++i) {
      calm.push_back(LastQuarter(seconds, false, tally));
      disturbed.push_back(LastQuarter(seconds, true, tally));
    }
    const double worse = MedianOf(disturbed) / MedianOf(calm);
    tally.Note("loss ppm", static_cast<uint64_t>(1e6 * MedianOf(calm)));
    tally.Note("disturbed ppm", static_cast<uint64_t>(1e6 * MedianOf(disturbed)));
    // A short run is still learning in its last quarter: its loss says little.
    if (Flags().long_form && worse > kWorseMax)
      tally.Report(Finding::kWrong, 0, "the loss is " + std::to_string(worse) + " of the calm one");
  });
}

}  // namespace
}  // namespace mneme::test
