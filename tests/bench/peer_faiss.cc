#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <omp.h>

#include <vector>

#include "tests/bench/peer.h"

namespace mneme::bench {
namespace {

faiss::MetricType MetricOf(const PeerSpec& spec) {
  return spec.l2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT;
}

template <typename Index>
class FaissPeer : public Peer {
 public:
  FaissPeer(const PeerSpec& spec, int argument)
      : index_(static_cast<int>(spec.dim), argument, MetricOf(spec)) {
    if (spec.threads > 0) omp_set_num_threads(spec.threads);
  }
  void Add(const float* rows, size_t count, size_t) override {
    index_.add(static_cast<faiss::Index::idx_t>(count), rows);
  }
  void Search(const float* cues, size_t count, size_t k, int64_t* ids) override {
    distances_.resize(count * k);
    index_.search(static_cast<faiss::Index::idx_t>(count), cues,
                  static_cast<faiss::Index::idx_t>(k), distances_.data(), ids);
  }

 protected:
  Index index_;

 private:
  std::vector<float> distances_;
};

// IndexFlat has no second number; this gives it one, so that both kinds are made alike.
class Flat : public faiss::IndexFlat {
 public:
  Flat(int dim, int, faiss::MetricType metric) : faiss::IndexFlat(dim, metric) {}
};

class Hnsw final : public FaissPeer<faiss::IndexHNSWFlat> {
 public:
  explicit Hnsw(const PeerSpec& spec) : FaissPeer(spec, spec.links) {
    index_.hnsw.efConstruction = spec.build_effort;
  }
  // One cue at a time is one thread's work: a team of threads would only wait for it.
  void SetEffort(int effort) override {
    index_.hnsw.efSearch = effort;
    omp_set_num_threads(1);
  }
};

}  // namespace

std::unique_ptr<Peer> MakeFaissFlat(const PeerSpec& spec) {
  return std::make_unique<FaissPeer<Flat>>(spec, 0);
}

std::unique_ptr<Peer> MakeFaissHnsw(const PeerSpec& spec) { return std::make_unique<Hnsw>(spec); }

}  // namespace mneme::bench
