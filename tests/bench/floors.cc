#include "tests/bench/floors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/matrix.h"
#include "tests/bench/race.h"

namespace mneme::bench {
namespace {

constexpr size_t kPieceBytes = 1 << 20;
constexpr size_t kLargePageBytes = size_t{2} << 20;

// A new file of a folder, gone with the object.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& folder) : path_(folder + "/floor") {
    file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
  }
  ~ScratchFile() {
    if (file_ >= 0) close(file_);
    unlink(path_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  int file() const { return file_; }

 private:
  std::string path_;
  int file_ = -1;
};

absl::Status DiskError(const std::string& folder) {
  return Unavailable(absl::StrCat("cannot use a file of ", folder, ": ", std::strerror(errno)),
                     {.reason = "DISK",
                      .given = folder,
                      .expected = "a folder to write in",
                      .next_step = "Set TMPDIR to another folder."});
}

bool WriteAll(int file, size_t bytes) {
  // Not all alike, for disks that leave out or shrink what is.
  std::string piece(kPieceBytes, '\0');
  uint32_t x = 1;
  for (char& c : piece) c = static_cast<char>((x = x * 1664525u + 1013904223u) >> 24);
  for (size_t at = 0; at < bytes; at += piece.size()) {
    const size_t count = std::min(piece.size(), bytes - at);
    if (write(file, piece.data(), count) != static_cast<ssize_t>(count)) return false;
  }
  return true;
}

// Written once, so that its pages are there: of 2 MiB, where the system has them, as a reader that
// wants all of the bandwidth would have it.
class LargePages {
 public:
  explicit LargePages(size_t bytes)
      : bytes_(bytes), data_(static_cast<char*>(std::aligned_alloc(kLargePageBytes, bytes))) {
    MNEME_CHECK(data_ != nullptr);
    static_cast<void>(madvise(data_, bytes_, MADV_HUGEPAGE));
    std::memset(data_, 1, bytes_);
  }
  ~LargePages() { std::free(data_); }
  LargePages(const LargePages&) = delete;
  LargePages& operator=(const LargePages&) = delete;
  const char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_;
  char* data_;
};

// A word of each cache line, asked for ahead: no way of reading is faster here, neither wider loads
// nor the C library's searches.
uint64_t SumOfLines(const char* from, size_t bytes) {
  constexpr size_t kLineBytes = 64, kAheadBytes = 4096;
  uint64_t sum = 0;
  for (size_t at = 0; at < bytes; at += kLineBytes) {
    __builtin_prefetch(from + at + kAheadBytes);
    uint64_t word;
    std::memcpy(&word, from + at, sizeof(word));
    sum += word;
  }
  return sum;
}

}  // namespace

absl::StatusOr<double> SyncsPerSecond(const std::string& folder, size_t bytes, int writes) {
  const ScratchFile scratch(folder);
  const std::string data(bytes, 'x');
  if (scratch.file() < 0) return DiskError(folder);
  const double start = NowMicros();
  for (int i = 0; i < writes; ++i) {
    if (write(scratch.file(), data.data(), bytes) != static_cast<ssize_t>(bytes) ||
        fdatasync(scratch.file()) != 0) {
      return DiskError(folder);
    }
  }
  return writes / (NowMicros() - start) * 1e6;
}

absl::StatusOr<double> DiskWriteRate(const std::string& folder, size_t bytes) {
  const ScratchFile scratch(folder);
  if (scratch.file() < 0) return DiskError(folder);
  const double start = NowMicros();
  if (!WriteAll(scratch.file(), bytes) || fdatasync(scratch.file()) != 0) return DiskError(folder);
  return static_cast<double>(bytes) / (NowMicros() - start) * 1e6;
}

absl::StatusOr<double> DiskReadRate(const std::string& folder, size_t bytes) {
  const ScratchFile scratch(folder);
  if (scratch.file() < 0 || !WriteAll(scratch.file(), bytes) || fsync(scratch.file()) != 0) {
    return DiskError(folder);
  }
  posix_fadvise(scratch.file(), 0, 0, POSIX_FADV_DONTNEED);
  std::string piece(kPieceBytes, '\0');
  const double start = NowMicros();
  for (size_t at = 0; at < bytes; at += piece.size()) {
    if (pread(scratch.file(), piece.data(), piece.size(), static_cast<off_t>(at)) <= 0) {
      return DiskError(folder);
    }
  }
  return static_cast<double>(bytes) / (NowMicros() - start) * 1e6;
}

double MemoryReadRate(int threads) {
  constexpr int kPasses = 4;
  static const LargePages memory(size_t{512} << 20);
  std::vector<uint64_t> sums(static_cast<size_t>(threads));
  const double start = NowMicros();
  {
    std::vector<std::jthread> readers;
    for (size_t t = 0; t < sums.size(); ++t) {
      readers.emplace_back([&, t] {
        const size_t share = memory.bytes() / sums.size();
        for (int pass = 0; pass < kPasses; ++pass) {
          sums[t] += SumOfLines(memory.data() + t * share, share);
          std::atomic_signal_fence(std::memory_order_seq_cst);  // each pass is made
        }
      });
    }
  }
  const double seconds = (NowMicros() - start) / 1e6;
  for (const uint64_t sum : sums) MNEME_CHECK(sum > 0);
  return kPasses * static_cast<double>(memory.bytes()) / seconds;
}

double SgemmRate(int threads) {
  constexpr size_t kSide = 1536;
  static const Matrix a(kSide, kSide), b(kSide, kSide);
  static Matrix c(kSide, kSide);
  math::SetBlasThreads(threads);
  const double start = NowMicros();
  for (int i = 0; i < 4; ++i) {
    math::Gemm(math::Transpose::kNo, math::Transpose::kYes, kSide, kSide, kSide, 1.0f, a.data(),
               kSide, b.data(), kSide, 0.0f, c.data(), kSide);
  }
  const double seconds = (NowMicros() - start) / 1e6;
  math::SetBlasThreads(1);
  return 4 * 2.0 * kSide * kSide * kSide / seconds;
}

absl::Status RunFloors(const Context& context, Report& report) {
  const test::TemporaryDirectory directory;
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<EchoServer> echo, EchoServer::Start(context));
  Race race;
  race.Add("memory read, 1 thread", "GB/s", [] { return MemoryReadRate(1) * 1e-9; });
  race.Add("memory read, 2 threads", "GB/s", [] { return MemoryReadRate(2) * 1e-9; });
  race.Add("sgemm, 1 thread", "GFLOP/s", [] { return SgemmRate(1) * 1e-9; });
  race.Add("sgemm, 2 threads", "GFLOP/s", [] { return SgemmRate(2) * 1e-9; });
  race.Add("fdatasync of 4 KiB, 1 writer", "1/s",
           [&] { return SyncsPerSecond(directory.path(), 4096, context.quick ? 100 : 500); });
  race.Add("bare echo, 1 in flight, p50", "us", [&]() -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const LoadResult load, echo->OneAtATime(1000, 560, 560));
    return Percentile(load.micros, 0.5);
  });
  race.Add("bare echo, 64 in flight", "calls/s", [&]() -> absl::StatusOr<double> {
    MNEME_ASSIGN_OR_RETURN(const LoadResult load,
                           ClosedLoop(64, context.Size(40000, 10000), echo->Calls(560, 560)));
    return load.per_second();
  });
  MNEME_RETURN_IF_ERROR(race.Go(context.repeats));
  race.Tell(report);
  return absl::OkStatus();
}

}  // namespace mneme::bench
