#include "core/models/index/hnsw_graph.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

// The library's own distances are chosen when it is compiled, ours at run time; its prefetching
// reads past the end of a list. Both are behind this switch. The namespace is ours so that another
// program's copy, compiled otherwise, is never linked in place of this one.
#define NO_MANUAL_VECTORIZATION
#define hnswlib mneme_hnswlib
#include <hnswlib/hnswlib.h>

namespace mneme::models {
namespace {

constexpr size_t kGraphRowsMax = size_t{1} << 30;
constexpr size_t kLinksMin = 2, kLinksMax = 128, kWidthMax = 4096;
constexpr size_t kLineBytes = 64, kPageBytes = size_t{2} << 20;
constexpr size_t kSearchWidthMin = 10;
constexpr size_t kCoarseShare = 20;  // too coarse from one row in so many

using Graph = mneme_hnswlib::HierarchicalNSW<float>;

float DistanceOf(const void* a, const void* b, const void* rows) {
  return static_cast<const GraphRows*>(rows)->Distance(a, b);
}

// Rows in elements of whole cache lines, so that a row lies in as few of them as it can.
class Space final : public mneme_hnswlib::SpaceInterface<float> {
 public:
  Space(const GraphSpec& spec, const GraphRows* rows) : rows_(rows) {
    const size_t links = (2 * spec.links + 1) * sizeof(mneme_hnswlib::tableint);
    const size_t element = links + rows->row_bytes() + sizeof(mneme_hnswlib::labeltype);
    data_bytes_ = rows->row_bytes() + (kLineBytes - element % kLineBytes) % kLineBytes;
  }
  size_t get_data_size() override { return data_bytes_; }
  void* get_dist_func_param() override { return const_cast<GraphRows*>(rows_); }
  mneme_hnswlib::DISTFUNC<float> get_dist_func() override { return DistanceOf; }

 private:
  const GraphRows* rows_;
  size_t data_bytes_;
};

// The library's memory of rows and lowest links, exchanged for some in large pages: a search goes
// everywhere in it, and with small pages it waits for addresses too.
void UseLargePages(Graph& graph) {
  const size_t bytes = (graph.max_elements_ * graph.size_data_per_element_ + kPageBytes - 1) /
                       kPageBytes * kPageBytes;
  void* const memory = std::aligned_alloc(kPageBytes, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));  // a wish
  std::free(graph.data_level0_memory_);
  graph.data_level0_memory_ = static_cast<char*>(memory);
}

absl::Status NoMemory() {
  return ResourceExhausted("there is no memory for the graph of this index",
                           {.reason = "FULL",
                            .given = "a graph beyond the memory at hand",
                            .expected = "memory for the rows and their links",
                            .next_step = "Use the exact scan, or a machine with more memory."});
}

// Runs `call`, and makes a status of what it throws.
template <typename Call>
absl::Status Guarded(const Call& call) {
  try {
    call();
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    return NoMemory();
  } catch (const std::exception& error) {
    if (std::string_view(error.what()).starts_with("Not enough memory")) return NoMemory();
    return Internal(absl::StrCat("graph index: ", error.what()));
  }
}

absl::Status BadSpec(std::string_view field, size_t given, size_t least, size_t most) {
  return InvalidArgument(absl::StrCat("a graph index with ", AbslView(field), " ", given),
                         {.reason = "SPEC",
                          .given = absl::StrCat(given),
                          .expected = absl::StrCat(least, " to ", most),
                          .next_step = "Choose a number in this range."});
}

void CopyLinks(const Graph& from, Graph& to) {
  for (size_t i = 0; i < from.cur_element_count; ++i) {
    const int level = from.element_levels_[i];
    if (level > 0) {
      const size_t bytes = from.size_links_per_element_ * static_cast<size_t>(level) + 1;
      to.linkLists_[i] = static_cast<char*>(std::malloc(bytes));
      if (to.linkLists_[i] == nullptr) throw std::bad_alloc();
      std::memcpy(to.linkLists_[i], from.linkLists_[i], bytes);
    }
    to.element_levels_[i] = level;
    to.cur_element_count = i + 1;  // what the destructor frees, should memory run out
  }
}

void CopyGraph(const Graph& from, Graph& to) {
  std::memcpy(to.data_level0_memory_, from.data_level0_memory_,
              from.cur_element_count * from.size_data_per_element_);
  CopyLinks(from, to);
  to.label_lookup_ = from.label_lookup_;
  to.num_deleted_ = from.num_deleted_;
  to.enterpoint_node_ = from.enterpoint_node_;
  to.maxlevel_ = from.maxlevel_;
  to.level_generator_ = from.level_generator_;
}

}  // namespace

absl::Status ValidateGraphSpec(const GraphSpec& spec) {
  if (spec.links < kLinksMin || spec.links > kLinksMax) {
    return BadSpec("links", spec.links, kLinksMin, kLinksMax);
  }
  if (spec.construction_width < spec.links || spec.construction_width > kWidthMax) {
    return BadSpec("construction_width", spec.construction_width, spec.links, kWidthMax);
  }
  return absl::OkStatus();
}

struct HnswGraph::Impl {
  Impl(const GraphSpec& spec, const GraphRows* rows, size_t capacity)
      : space(spec, rows), graph(&space, capacity, spec.links, spec.construction_width, spec.seed) {
    graph.metric_hops = 0;
    graph.metric_distance_computations = 0;
    if (capacity * graph.size_data_per_element_ >= kPageBytes) UseLargePages(graph);
  }

  GraphField field() const {
    return {.elements = graph.data_level0_memory_,
            .element_bytes = graph.size_data_per_element_,
            .row_offset = graph.offsetData_,
            .rows = graph.cur_element_count};
  }

  // Where a search of the lowest layer begins: downhill through the layers above.
  uint32_t Entry(const GraphRows& rows, const void* cue) const;

  Space space;
  Graph graph;
};

uint32_t HnswGraph::Impl::Entry(const GraphRows& rows, const void* cue) const {
  uint32_t here = graph.enterpoint_node_;
  float nearest = rows.Distance(cue, graph.getDataByInternalId(here));
  for (int level = graph.maxlevel_; level > 0;) {
    auto* const list = graph.get_linklist(here, level);
    const size_t links = graph.getListCount(list);
    const uint32_t before = here;
    for (size_t i = 1; i <= links; ++i) {
      const float distance = rows.Distance(cue, graph.getDataByInternalId(list[i]));
      if (distance >= nearest) continue;
      nearest = distance;
      here = list[i];
    }
    if (here == before) --level;
  }
  return here;
}

HnswGraph::HnswGraph(const GraphSpec& spec, std::shared_ptr<const GraphRows> form)
    : spec_(spec), form_(std::move(form)) {}

HnswGraph::~HnswGraph() = default;

absl::StatusOr<std::unique_ptr<HnswGraph>> HnswGraph::Make(const GraphSpec& spec,
                                                           std::shared_ptr<const GraphRows> form,
                                                           size_t capacity) {
  MNEME_RETURN_IF_ERROR(ValidateGraphSpec(spec));
  if (capacity > kGraphRowsMax) {
    return ResourceExhausted(absl::StrCat("a graph of ", capacity, " rows"),
                             {.reason = "LIMIT",
                              .given = absl::StrCat(capacity),
                              .expected = absl::StrCat("at most ", kGraphRowsMax),
                              .next_step = "Split the memory."});
  }
  std::unique_ptr<HnswGraph> out(new HnswGraph(spec, std::move(form)));
  MNEME_RETURN_IF_ERROR(Guarded([&] {
    out->impl_ = std::make_unique<Impl>(spec, out->form_.get(), std::max<size_t>(capacity, 1));
  }));
  return out;
}

absl::StatusOr<std::unique_ptr<HnswGraph>> HnswGraph::Clone(size_t capacity) const {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<HnswGraph> out,
                         Make(spec_, form_, std::max(capacity, rows())));
  MNEME_RETURN_IF_ERROR(Guarded([&] {
    CopyGraph(impl_->graph, out->impl_->graph);
    out->row_numbers_ = row_numbers_;
    out->coarse_rows_ = coarse_rows_;
  }));
  return out;
}

absl::Status HnswGraph::Add(const float* key, uint64_t row_number) {
  if (!row_numbers_.empty() && row_number <= row_numbers_.back()) {
    return Internal("graph index: row numbers do not ascend");
  }
  return Guarded([&] {
    if (row_numbers_.size() == row_numbers_.capacity()) {
      row_numbers_.reserve(2 * row_numbers_.size() + 16);
    }
    std::vector<char> row(impl_->space.get_data_size());
    const bool coarse = form_->Write(key, row.data());
    // Level 0: the library draws one. Labels are positions.
    impl_->graph.addPoint(row.data(), row_numbers_.size(), 0);
    row_numbers_.push_back(row_number);
    coarse_rows_ += coarse ? 1 : 0;
  });
}

absl::Status HnswGraph::Bury(size_t position) {
  return Guarded([&] { impl_->graph.markDelete(position); });
}

size_t HnswGraph::rows() const { return row_numbers_.size(); }
size_t HnswGraph::buried() const { return impl_->graph.num_deleted_; }
bool HnswGraph::IsCoarse() const { return coarse_rows_ * kCoarseShare > rows(); }

bool HnswGraph::IsBuried(size_t position) const {
  return impl_->graph.isMarkedDeleted(static_cast<mneme_hnswlib::tableint>(position));
}

uint64_t HnswGraph::bytes() const {
  const Graph& graph = impl_->graph;
  // Rows with their lowest links; a pointer, a level, a lock and a mark of one search for each;
  // about as much again as a map of labels takes. Higher links: one row in `links` has a layer.
  const uint64_t a_row = graph.size_data_per_element_ + sizeof(void*) + sizeof(int) +
                         sizeof(std::mutex) + sizeof(mneme_hnswlib::vl_type);
  const uint64_t label = 4 * sizeof(uint64_t) + sizeof(uint64_t);
  return graph.max_elements_ * a_row + rows() * label +
         rows() / graph.M_ * graph.size_links_per_element_ +
         graph.link_list_update_locks_.size() * sizeof(std::mutex);
}

std::optional<size_t> HnswGraph::Find(uint64_t row_number) const {
  const auto at = std::lower_bound(row_numbers_.begin(), row_numbers_.end(), row_number);
  if (at == row_numbers_.end() || *at != row_number) return std::nullopt;
  return static_cast<size_t>(at - row_numbers_.begin());
}

std::unique_ptr<GraphWalk> HnswGraph::BorrowWalk() const {
  const MutexLock lock(&mutex_);
  if (walks_.empty()) return std::make_unique<GraphWalk>();
  std::unique_ptr<GraphWalk> out = std::move(walks_.back());
  walks_.pop_back();
  return out;
}

void HnswGraph::GiveBack(std::unique_ptr<GraphWalk> walk) const {
  const MutexLock lock(&mutex_);
  walks_.push_back(std::move(walk));
}

std::vector<HnswGraph::Neighbour> HnswGraph::Walk(const void* cue, size_t count) const {
  std::unique_ptr<GraphWalk> walk = BorrowWalk();
  const std::vector<GraphWalk::Near> found = walk->Search(
      impl_->field(), *form_, cue, impl_->Entry(*form_, cue), std::max(count, kSearchWidthMin));
  GiveBack(std::move(walk));
  std::vector<Neighbour> out(std::min(count, found.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = {.position = found[i].position, .distance = found[i].distance};
  }
  return out;
}

std::vector<HnswGraph::Neighbour> HnswGraph::LibrarySearch(const void* cue, size_t count) const {
  auto found = impl_->graph.searchKnn(cue, count);
  std::vector<Neighbour> out(found.size());
  for (size_t i = found.size(); i > 0; --i, found.pop()) {
    out[i - 1] = {.position = found.top().second, .distance = found.top().first};
  }
  return out;
}

absl::StatusOr<std::vector<HnswGraph::Neighbour>> HnswGraph::Search(const float* cue,
                                                                    size_t count) const {
  std::vector<Neighbour> out;
  const size_t wanted = std::min(count, rows() - buried());
  if (wanted == 0) return out;
  MNEME_RETURN_IF_ERROR(Guarded([&] {
    std::vector<char> row(form_->row_bytes());
    form_->Write(cue, row.data());
    out = Walk(row.data(), wanted);
    // A walk that is lost among buried rows: the library goes through all of them.
    if (out.size() < wanted && buried() > 0) out = LibrarySearch(row.data(), wanted);
  }));
  for (Neighbour& neighbour : out) neighbour.distance += form_->constant();
  return out;
}

}  // namespace mneme::models
