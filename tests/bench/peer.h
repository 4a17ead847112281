// What mneme is measured against, as mneme-bench-peer holds it: an index that is built of rows and
// asked for the nearest. A new peer is one file with a Make function, and a row in peer_main.cc.
//
// This program links nothing of mneme, so that a peer has the BLAS and the threads that its own
// users have.
//
// Threads: Search and Add may be called at the same time only where the peer's own library can.
#ifndef MNEME_TESTS_BENCH_PEER_H_
#define MNEME_TESTS_BENCH_PEER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mneme::bench {

struct PeerSpec {
  size_t dim = 0;
  size_t capacity = 0;     // rows that may come
  bool l2 = false;         // else inner product
  int threads = 0;         // 0: as a user gets it
  int links = 16;          // of a graph: M
  int build_effort = 200;  // of a graph: efConstruction
};

class Peer {
 public:
  virtual ~Peer() = default;
  // Row i gets the number first + i.
  virtual void Add(const float* rows, size_t count, size_t first) = 0;
  // ids: count x k, best first; -1 where there is none.
  virtual void Search(const float* cues, size_t count, size_t k, int64_t* ids) = 0;
  // Of a graph: how many candidates are kept (efSearch).
  virtual void SetEffort(int) {}
};

std::unique_ptr<Peer> MakeFaissFlat(const PeerSpec& spec);
std::unique_ptr<Peer> MakeFaissHnsw(const PeerSpec& spec);
std::unique_ptr<Peer> MakeHnswlib(const PeerSpec& spec);
std::unique_ptr<Peer> MakeUsearch(const PeerSpec& spec);
std::unique_ptr<Peer> MakeSqliteVec(const PeerSpec& spec);

}  // namespace mneme::bench

#endif  // MNEME_TESTS_BENCH_PEER_H_
