// Rescored lists are those of a dense memory, to the bit.
#include "core/models/index/rescore.h"

#include "core/math/kernels.h"
#include "core/models/model.h"
#include "tests/unit/core/models/index/index_test_util.h"

namespace mneme::models {
namespace {

CandidateList Rows(const std::vector<uint64_t>& numbers) {
  CandidateList out;
  for (const uint64_t number : numbers) out.push_back({.row_number = number});
  return out;
}

std::vector<uint64_t> NumbersOf(const std::vector<ScoredRow>& rows) {
  std::vector<uint64_t> out;
  for (const ScoredRow& row : rows) out.push_back(row.row_number);
  return out;
}

Answer AskForList(const View& view, MatrixView cues, size_t top) {
  auto query = view.Begin({.cues = cues}, {.kind = QueryKind::kList, .top = top});
  EXPECT_TRUE(query.ok()) << query.status();
  for (bool done = false; !done;) {
    auto merged = (*query)->Empty();
    (*query)->Probe(0, (*query)->parts(), *merged);
    const auto settled = (*query)->Settle(*merged);
    EXPECT_TRUE(settled.ok()) << settled.status();
    done = !settled.ok() || *settled;
  }
  return (*query)->TakeAnswer();
}

TEST(Rescore, AllRowsGiveTheListOfTheDenseModelToTheBit) {
  for (const Similarity similarity : {Similarity::kCosine, Similarity::kDot, Similarity::kL2}) {
    SCOPED_TRACE(testing::Message() << Name(similarity) << ", seed 1");
    const size_t n = 2500, d = 33;
    Matrix keys = ClusteredRows(n, d, 10, 1);
    for (size_t i = 0; i < n; i += 50) std::copy_n(keys.row(7).data(), d, keys.row(i).data());
    const Matrix cues = Matrix::Copy(keys.view().slice(5, 6));
    auto model = MakeModel({.key_dim = d, .model = DenseSpec{.similarity = similarity, .beta = 1}});
    ASSERT_TRUE(model.ok()) << model.status();
    const std::vector<uint64_t> numbers = Numbers(0, n);
    const std::vector<ItemId> ids(numbers.begin(), numbers.end());
    ASSERT_TRUE((*model)->Absorb({.keys = keys, .ids = ids, .row_numbers = numbers}).ok());
    const Answer answer = AskForList(*(*model)->Publish(), cues, 80);
    // Under cosine the model brings keys and cues to unit length, in these steps.
    Matrix stored = keys.Clone(), asked = cues.Clone();
    if (similarity == Similarity::kCosine) {
      for (Matrix* rows : {&stored, &asked}) {
        for (size_t i = 0; i < rows->rows(); ++i) {
          float* const row = rows->row(i).data();
          math::Scale(1 / std::sqrt(math::SquaredNorm(row, d)), row, d);
        }
      }
    }
    const std::vector<CandidateList> all(cues.rows(), Rows(numbers));
    const StoreView store = StoreOf(stored);
    const auto tops = RescoreTop(store, similarity, asked, all, 80);
    for (size_t c = 0; c < cues.rows(); ++c) {
      ASSERT_EQ(tops[c].size(), 80u);
      for (size_t k = 0; k < 80; ++k) {
        EXPECT_EQ(tops[c][k].row_number, answer.cues[c].top[k].row) << "cue " << c << ", " << k;
        EXPECT_EQ(tops[c][k].score, answer.cues[c].top[k].score) << "cue " << c << ", " << k;
      }
    }
  }
}

TEST(Rescore, EqualScoresGoByItemId) {
  ExplicitStore store(2, 0);
  Matrix keys(4, 2);
  for (size_t i = 0; i < 4; ++i) keys.at(i, 0) = 1;
  const std::vector<ItemId> ids = {ItemId("b"), ItemId(uint64_t{9}), ItemId("a"),
                                   ItemId(uint64_t{4})};
  ASSERT_TRUE(store.Append({.keys = keys, .ids = ids, .row_numbers = Numbers(10, 4)}).ok());
  const StoreView view = store.Publish();
  const std::vector<CandidateList> all = {Rows({10, 11, 12, 13})};
  const auto tops = RescoreTop(view, Similarity::kDot, keys.view().slice(0, 1), all, 3);
  EXPECT_EQ(NumbersOf(tops[0]), (std::vector<uint64_t>{13, 11, 12}));
}

TEST(Rescore, FindsRowsAcrossGapsAndLeavesOutWhatIsGone) {
  RecordProperty("seed", 2);
  const size_t n = 5000, d = 8;
  const Matrix keys = ClusteredRows(n, d, 50, 2);
  ExplicitStore store(d, 0);
  std::vector<uint64_t> numbers;
  for (uint64_t i = 0; i < n; ++i) numbers.push_back(i < 3000 ? 100 + i : 100 + 3 * i);
  ASSERT_TRUE(store.Append({.keys = keys, .row_numbers = numbers}).ok());
  const std::vector<uint64_t> removed = {100, 1500, 100 + 3 * 4000};
  ASSERT_TRUE(store.Remove(removed).ok());
  const StoreView view = store.Publish();
  for (const size_t i : {1u, 1023u, 1024u, 2999u, 3000u, 3500u, 4999u}) {
    const std::vector<CandidateList> one = {Rows({numbers[i]})};
    const auto tops = RescoreTop(view, Similarity::kDot, keys.view().slice(i, 1), one, 5);
    ASSERT_EQ(NumbersOf(tops[0]), std::vector<uint64_t>{numbers[i]});
    EXPECT_NEAR(tops[0][0].score, 1, 1e-6);  // its own key, of unit length
  }
  // Removed; in a gap; below all; above all.
  const std::vector<CandidateList> none = {
      Rows({100, 1500, 100 + 3 * 4000, 100 + 3 * 3500 + 1, 3100, 5, 99'999})};
  EXPECT_TRUE(RescoreTop(view, Similarity::kL2, keys.view().slice(0, 1), none, 5)[0].empty());
}

TEST(Rescore, AnEmptyStoreGivesEmptyLists) {
  const std::vector<CandidateList> some = {Rows({1, 2})};
  EXPECT_TRUE(RescoreTop(StoreView(), Similarity::kL2, Matrix(1, 4), some, 5)[0].empty());
}

}  // namespace
}  // namespace mneme::models
