#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "tests/bench/peer.h"

namespace mneme::bench {
namespace {

class HnswlibPeer final : public Peer {
 public:
  explicit HnswlibPeer(const PeerSpec& spec)
      : dim_(spec.dim),
        threads_(static_cast<size_t>(std::max(spec.threads, 1))),
        space_(spec.l2 ? std::unique_ptr<hnswlib::SpaceInterface<float>>(
                             std::make_unique<hnswlib::L2Space>(spec.dim))
                       : std::make_unique<hnswlib::InnerProductSpace>(spec.dim)),
        index_(space_.get(), spec.capacity, static_cast<size_t>(spec.links),
               static_cast<size_t>(spec.build_effort)) {}

  // By as many threads as the spec says, where there are rows enough.
  void Add(const float* rows, size_t count, size_t first) override {
    std::atomic<size_t> next = 0;
    const auto work = [&] {
      for (size_t i = next++; i < count; i = next++) {
        index_.addPoint(rows + i * dim_, first + i);
      }
    };
    std::vector<std::jthread> helpers;
    for (size_t t = 1; t < std::min(threads_, count); ++t) helpers.emplace_back(work);
    work();
  }

  void Search(const float* cues, size_t count, size_t k, int64_t* ids) override {
    std::fill_n(ids, count * k, -1);
    for (size_t i = 0; i < count; ++i) {
      auto found = index_.searchKnn(cues + i * dim_, k);
      for (size_t j = found.size(); j-- > 0; found.pop()) {
        ids[i * k + j] = static_cast<int64_t>(found.top().second);
      }
    }
  }

  void SetEffort(int effort) override { index_.setEf(static_cast<size_t>(effort)); }

 private:
  size_t dim_;
  size_t threads_;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space_;
  hnswlib::HierarchicalNSW<float> index_;
};

}  // namespace

std::unique_ptr<Peer> MakeHnswlib(const PeerSpec& spec) {
  return std::make_unique<HnswlibPeer>(spec);
}

}  // namespace mneme::bench
