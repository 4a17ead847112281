// mneme-bench-peer: holds one peer of mneme-bench in a process of its own. Started by it:
//
//   mneme-bench-peer KIND ip|l2 DIM CAPACITY THREADS LINKS BUILD_EFFORT ROWS COUNT CUES IDS
//
// ROWS and CUES are files of float32; the first COUNT rows are added, then `ready SECONDS` is
// printed, or `missing` where the peer was not there when this was compiled. Then, a line each:
//
//   search FIRST COUNT K BATCH EFFORT  -> `ok SECONDS`; COUNT x K int64 are in the file IDS
//   mixed SECONDS K EFFORT             -> `ok INSERTS ANSWERS SECONDS`: one thread adds the rows
//                                         after COUNT, another asks
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/bench/peer.h"

namespace mneme::bench {
namespace {

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Kind {
  std::string_view name;
  std::unique_ptr<Peer> (*make)(const PeerSpec&);
};
constexpr Kind kKinds[] = {
#ifdef MNEME_BENCH_FAISS
    {"faiss-flat", MakeFaissFlat},
    {"faiss-hnsw", MakeFaissHnsw},
#endif
#ifdef MNEME_BENCH_HNSWLIB
    {"hnswlib", MakeHnswlib},
#endif
#ifdef MNEME_BENCH_USEARCH
    {"usearch", MakeUsearch},
#endif
#ifdef MNEME_BENCH_SQLITE_VEC
    {"sqlite-vec", MakeSqliteVec},
#endif
    {"none", nullptr},
};

// A file of numbers, mapped until the process ends.
const float* Map(const char* path) {
  const int file = open(path, O_RDONLY);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) return nullptr;
  void* bytes = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  return bytes == MAP_FAILED ? nullptr : static_cast<const float*>(bytes);
}

struct Job {
  PeerSpec spec;
  const float* rows;
  size_t count;
  const float* cues;
  std::string ids_file;
};

void Search(Peer& peer, const Job& job, std::istream& words) {
  size_t first, count, k, batch;
  int effort;
  words >> first >> count >> k >> batch >> effort;
  peer.SetEffort(effort);
  std::vector<int64_t> ids(count * k);
  const double start = Seconds();
  for (size_t i = 0; i < count; i += batch) {
    peer.Search(job.cues + (first + i) * job.spec.dim, std::min(batch, count - i), k,
                ids.data() + i * k);
  }
  const double seconds = Seconds() - start;
  std::ofstream(job.ids_file, std::ios::binary)
      .write(reinterpret_cast<const char*>(ids.data()),
             static_cast<std::streamsize>(ids.size() * sizeof(int64_t)));
  std::printf("ok %.9f\n", seconds);
}

// Rows that a mixed run has added stay.
void Mixed(Peer& peer, Job& job, std::istream& words) {
  double seconds;
  size_t k;
  int effort;
  words >> seconds >> k >> effort;
  peer.SetEffort(effort);
  std::atomic<bool> over = false;
  size_t answers = 0;
  const size_t before = job.count;
  const double start = Seconds();
  std::jthread asker([&] {
    std::vector<int64_t> ids(k);
    for (; !over; ++answers) peer.Search(job.cues, 1, k, ids.data());
  });
  for (; Seconds() - start < seconds && job.count < job.spec.capacity; ++job.count) {
    peer.Add(job.rows + job.count * job.spec.dim, 1, job.count);
  }
  const double spent = Seconds() - start;
  over = true;
  asker.join();
  std::printf("ok %zu %zu %.9f\n", job.count - before, answers, spent);
}

int Serve(Peer& peer, Job job) {
  const double start = Seconds();
  peer.Add(job.rows, job.count, 0);
  std::printf("ready %.6f\n", Seconds() - start);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "search") {
      Search(peer, job, words);
    } else if (verb == "mixed") {
      Mixed(peer, job, words);
    } else {
      std::printf("unknown\n");
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace mneme::bench

int main(int argc, char** argv) {
  using namespace mneme::bench;
  if (argc != 12) {
    std::fprintf(stderr,
                 "mneme-bench-peer: given %d arguments, expected 11; it is started by "
                 "mneme-bench\n",
                 argc - 1);
    return 2;
  }
  const PeerSpec spec{.dim = std::strtoul(argv[3], nullptr, 10),
                      .capacity = std::strtoul(argv[4], nullptr, 10),
                      .l2 = std::string_view(argv[2]) == "l2",
                      .threads = std::atoi(argv[5]),
                      .links = std::atoi(argv[6]),
                      .build_effort = std::atoi(argv[7])};
  for (const Kind& kind : kKinds) {
    if (kind.make == nullptr || kind.name != argv[1]) continue;
    const Job job{.spec = spec,
                  .rows = Map(argv[8]),
                  .count = std::strtoul(argv[9], nullptr, 10),
                  .cues = Map(argv[10]),
                  .ids_file = argv[11]};
    if (job.rows == nullptr || job.cues == nullptr) {
      std::fprintf(stderr, "mneme-bench-peer: cannot read %s or %s\n", argv[8], argv[10]);
      return 1;
    }
    return Serve(*kind.make(spec), job);
  }
  std::printf("missing\n");
  return 0;
}
