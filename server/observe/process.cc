#include "server/observe/process.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

namespace mneme::server {
namespace {

// Blocks from this size on are mapped one by one. (The default grows with use to 32 MiB, and what
// is below it stays in a heap that only shrinks at its end.)
constexpr int kMappedBlockBytes = 1 << 20;
constexpr int kHeapsMax = 8;

}  // namespace

uint64_t ResidentBytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "r"),
                                                             &std::fclose);
  unsigned long long size = 0;
  unsigned long long resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%llu %llu", &size, &resident) != 2) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void BoundAllocator() {
  mallopt(M_MMAP_THRESHOLD, kMappedBlockBytes);
  mallopt(M_TRIM_THRESHOLD, kMappedBlockBytes);
  mallopt(M_ARENA_MAX, kHeapsMax);
}

}  // namespace mneme::server
