// USearch from its headers, which its npm package brings (tests/tools/fetch-peers). Its own
// metrics: the ones of NumKong, which it can use instead, do not compile with g++ 12 for all types.
#define USEARCH_USE_NUMKONG 0
#define USEARCH_USE_OPENMP 0
#include <algorithm>
#include <atomic>
#include <thread>
#include <usearch/index_dense.hpp>
#include <utility>
#include <vector>

#include "tests/bench/peer.h"

namespace mneme::bench {
namespace {

namespace us = unum::usearch;

class UsearchPeer final : public Peer {
 public:
  explicit UsearchPeer(const PeerSpec& spec)
      : dim_(spec.dim), threads_(static_cast<size_t>(std::max(spec.threads, 1))) {
    const us::metric_punned_t metric(spec.dim,
                                     spec.l2 ? us::metric_kind_t::l2sq_k : us::metric_kind_t::ip_k,
                                     us::scalar_kind_t::f32_k);
    us::index_dense_config_t config(static_cast<size_t>(spec.links));
    config.expansion_add = static_cast<size_t>(spec.build_effort);
    config.enable_key_lookups = false;
    index_ = std::move(us::index_dense_t::make(metric, config).index);
    index_.reserve(us::index_limits_t(spec.capacity, std::max<size_t>(threads_, 2)));
  }

  void Add(const float* rows, size_t count, size_t first) override {
    std::atomic<size_t> next = 0;
    const auto work = [&] {
      for (size_t i = next++; i < count; i = next++) index_.add(first + i, rows + i * dim_);
    };
    std::vector<std::jthread> helpers;
    for (size_t t = 1; t < std::min(threads_, count); ++t) helpers.emplace_back(work);
    work();
  }

  void Search(const float* cues, size_t count, size_t k, int64_t* ids) override {
    std::fill_n(ids, count * k, -1);
    for (size_t i = 0; i < count; ++i) {
      const auto found = index_.search(cues + i * dim_, k);
      for (size_t j = 0; j < found.size(); ++j) {
        ids[i * k + j] = static_cast<int64_t>(found[j].member.key);
      }
    }
  }

  void SetEffort(int effort) override {
    index_.change_expansion_search(static_cast<size_t>(effort));
  }

 private:
  size_t dim_;
  size_t threads_;
  us::index_dense_t index_;
};

}  // namespace

std::unique_ptr<Peer> MakeUsearch(const PeerSpec& spec) {
  return std::make_unique<UsearchPeer>(spec);
}

}  // namespace mneme::bench
