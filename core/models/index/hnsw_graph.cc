#include "core/models/index/hnsw_graph.h"

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
#include "core/math/kernels.h"

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

using Graph = mneme_hnswlib::HierarchicalNSW<float>;

float MinusDot(const void* a, const void* b, const void* dim) {
  return -math::Dot(static_cast<const float*>(a), static_cast<const float*>(b),
                    *static_cast<const size_t*>(dim));
}
float SquaredL2(const void* a, const void* b, const void* dim) {
  return math::SquaredDistance(static_cast<const float*>(a), static_cast<const float*>(b),
                               *static_cast<const size_t*>(dim));
}
float L1(const void* a, const void* b, const void* dim) {
  return math::L1Distance(static_cast<const float*>(a), static_cast<const float*>(b),
                          *static_cast<const size_t*>(dim));
}

class Space final : public mneme_hnswlib::SpaceInterface<float> {
 public:
  Space(Similarity similarity, size_t dim) : similarity_(similarity), dim_(dim) {}
  size_t get_data_size() override { return dim_ * sizeof(float); }
  void* get_dist_func_param() override { return &dim_; }
  mneme_hnswlib::DISTFUNC<float> get_dist_func() override {
    switch (similarity_) {
      case Similarity::kDot:
      case Similarity::kCosine:
        return MinusDot;
      case Similarity::kL2:
        return SquaredL2;
      case Similarity::kL1:
        return L1;
    }
    return SquaredL2;
  }

 private:
  Similarity similarity_;
  size_t dim_;
};

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
  Impl(const GraphSpec& spec, Similarity similarity, size_t key_dim, size_t capacity)
      : space(similarity, key_dim),
        graph(&space, capacity, spec.links, spec.construction_width, spec.seed) {
    graph.metric_hops = 0;
    graph.metric_distance_computations = 0;
  }

  Space space;
  Graph graph;
};

HnswGraph::HnswGraph(const GraphSpec& spec, Similarity similarity, size_t key_dim)
    : spec_(spec), similarity_(similarity), key_dim_(key_dim) {}

HnswGraph::~HnswGraph() = default;

absl::StatusOr<std::unique_ptr<HnswGraph>> HnswGraph::Make(const GraphSpec& spec,
                                                           Similarity similarity, size_t key_dim,
                                                           size_t capacity) {
  MNEME_RETURN_IF_ERROR(ValidateGraphSpec(spec));
  if (capacity > kGraphRowsMax) {
    return ResourceExhausted(absl::StrCat("a graph of ", capacity, " rows"),
                             {.reason = "LIMIT",
                              .given = absl::StrCat(capacity),
                              .expected = absl::StrCat("at most ", kGraphRowsMax),
                              .next_step = "Split the memory."});
  }
  std::unique_ptr<HnswGraph> out(new HnswGraph(spec, similarity, key_dim));
  MNEME_RETURN_IF_ERROR(Guarded([&] {
    out->impl_ = std::make_unique<Impl>(spec, similarity, key_dim, std::max<size_t>(capacity, 1));
  }));
  return out;
}

absl::StatusOr<std::unique_ptr<HnswGraph>> HnswGraph::Clone(size_t capacity) const {
  MNEME_ASSIGN_OR_RETURN(std::unique_ptr<HnswGraph> out,
                         Make(spec_, similarity_, key_dim_, std::max(capacity, rows())));
  MNEME_RETURN_IF_ERROR(Guarded([&] {
    CopyGraph(impl_->graph, out->impl_->graph);
    out->row_numbers_ = row_numbers_;
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
    // Level 0: the library draws one. Labels are positions.
    impl_->graph.addPoint(key, row_numbers_.size(), 0);
    row_numbers_.push_back(row_number);
  });
}

absl::Status HnswGraph::Bury(size_t position) {
  return Guarded([&] { impl_->graph.markDelete(position); });
}

size_t HnswGraph::rows() const { return row_numbers_.size(); }
size_t HnswGraph::buried() const { return impl_->graph.num_deleted_; }

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

absl::StatusOr<std::vector<HnswGraph::Neighbour>> HnswGraph::Search(const float* cue,
                                                                    size_t count) const {
  std::vector<Neighbour> out;
  MNEME_RETURN_IF_ERROR(Guarded([&] {
    auto found = impl_->graph.searchKnn(cue, std::min(count, rows()));
    out.resize(found.size());
    for (size_t i = found.size(); i > 0; --i, found.pop()) {
      out[i - 1] = {.position = found.top().second, .distance = found.top().first};
    }
  }));
  return out;
}

}  // namespace mneme::models
