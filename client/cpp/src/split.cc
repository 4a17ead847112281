#include "client/cpp/src/split.h"

#include <algorithm>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/status.h"

namespace mneme::client {
namespace {

// What the threads of one RunSplit share.
class Run {
 public:
  Run(const std::vector<RowRange>& ranges, const Progress& progress,
      const std::function<absl::Status(const RowRange&)>& request)
      : ranges_(ranges), progress_(progress), request_(request) {}

  // Takes ranges until none is left or one has failed.
  void Work() {
    while (const RowRange* range = Take()) Finish(*range, request_(*range));
  }

  absl::Status Result() const {
    if (failed_ == nullptr || ranges_.size() == 1) return error_;
    if (const auto counted = CountRowsFrom(failed_->begin, GetError(error_))) {
      return WithRowsDone(MakeError(*counted), rows_done_);
    }
    return WithRowsDone(
        Annotate(error_, absl::StrCat("rows ", failed_->begin, " to ", failed_->end - 1)),
        rows_done_);
  }

 private:
  const RowRange* Take() {
    const std::lock_guard lock(mutex_);
    if (failed_ != nullptr || next_ == ranges_.size()) return nullptr;
    return &ranges_[next_++];
  }

  void Finish(const RowRange& range, absl::Status status) {
    const std::lock_guard lock(mutex_);
    if (status.ok()) {
      rows_done_ += range.rows();
      if (progress_) progress_(rows_done_, ranges_.back().end);
    } else if (failed_ == nullptr || range.index < failed_->index) {
      failed_ = &range;
      error_ = std::move(status);
    }
  }

  const std::vector<RowRange>& ranges_;
  const Progress& progress_;
  const std::function<absl::Status(const RowRange&)>& request_;
  std::mutex mutex_;  // guards what follows
  size_t next_ = 0;
  uint64_t rows_done_ = 0;
  const RowRange* failed_ = nullptr;
  absl::Status error_;
};

}  // namespace

std::vector<RowRange> SplitRows(size_t rows, size_t rows_max, size_t bytes_max,
                                const std::function<size_t(size_t)>& bytes_of) {
  std::vector<RowRange> ranges;
  size_t begin = 0;
  size_t bytes = 0;
  for (size_t row = 0; row < rows; ++row) {
    const size_t more = bytes_of(row);
    if (row > begin && (row - begin >= rows_max || bytes + more > bytes_max)) {
      ranges.push_back({begin, row, ranges.size()});
      begin = row;
      bytes = 0;
    }
    bytes += more;
  }
  ranges.push_back({begin, rows, ranges.size()});
  return ranges;
}

absl::Status RunSplit(const std::vector<RowRange>& ranges, size_t in_flight_max,
                      const Progress& progress,
                      const std::function<absl::Status(const RowRange&)>& request) {
  Run run(ranges, progress, request);
  {
    const size_t workers = std::min(std::max<size_t>(in_flight_max, 1), ranges.size());
    std::vector<std::jthread> helpers;
    for (size_t i = 1; i < workers; ++i) helpers.emplace_back([&run] { run.Work(); });
    run.Work();
  }
  return run.Result();
}

}  // namespace mneme::client
