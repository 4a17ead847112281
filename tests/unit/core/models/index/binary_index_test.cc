// The binary index: lists are exactly those of its codes, whoever counts and however rows are
// split; and its codes stand for the similarity.
#include "core/models/index/binary_index.h"

#include <bit>
#include <limits>
#include <map>

#include "core/base/status.h"
#include "tests/unit/core/models/index/index_test_util.h"

namespace mneme::models {
namespace {

using math::HammingKernel;

std::shared_ptr<const BinaryCode> MakeCode(MatrixView keys, const BinaryCodeSpec& spec = {},
                                           Similarity similarity = Similarity::kCosine) {
  auto code = BinaryCode::Make(spec, similarity, StoreOf(keys));
  EXPECT_TRUE(code.ok()) << code.status();
  return *code;
}

std::unique_ptr<BinaryIndex> MakeIndex(std::shared_ptr<const BinaryCode> code,
                                       const ScanOptions& options = {}) {
  auto index = BinaryIndex::Make(std::move(code), options);
  EXPECT_TRUE(index.ok()) << index.status();
  return *std::move(index);
}

void Add(CandidateIndex& index, MatrixView keys, uint64_t first) {
  const absl::Status status = index.Add(keys, Numbers(first, keys.rows));
  ASSERT_TRUE(status.ok()) << status;
}

void Remove(CandidateIndex& index, const std::vector<uint64_t>& rows) {
  const absl::Status status = index.Remove(rows);
  ASSERT_TRUE(status.ok()) << status;
}

// What the lists must be, from the codes one by one.
std::vector<CandidateList> PlainLists(const BinaryCode& code, MatrixView keys, MatrixView cues,
                                      size_t depth, const std::set<uint64_t>& gone = {}) {
  const size_t words = code.words();
  std::vector<uint64_t> of_keys(keys.rows * words), of_cues(cues.rows * words);
  EXPECT_TRUE(code.EncodeKeys(keys, Numbers(0, keys.rows), of_keys).ok());
  EXPECT_TRUE(code.EncodeCues(cues, of_cues).ok());
  std::vector<CandidateList> out(cues.rows);
  for (size_t c = 0; c < cues.rows; ++c) {
    for (size_t i = 0; i < keys.rows; ++i) {
      if (gone.contains(i)) continue;
      int distance = 0;
      for (size_t w = 0; w < words; ++w) {
        distance += std::popcount(of_keys[i * words + w] ^ of_cues[c * words + w]);
      }
      out[c].push_back({.row_number = i, .distance = static_cast<float>(distance)});
    }
    std::sort(out[c].begin(), out[c].end());
    out[c].resize(std::min(depth, out[c].size()));
  }
  return out;
}

TEST(BinaryIndex, ListsAreExactlyTheNearestCodes) {
  for (const size_t n : {1u, 7u, 8u, 9u, 100u, 1023u, 1025u, 6000u}) {
    RecordProperty("seed", 1);
    const Matrix keys = ClusteredRows(n, 20, std::min<size_t>(n, 12), 1);
    const Matrix cues = ClusteredRows(3, 20, 3, 2);
    const auto code = MakeCode(keys, {.bits = 128});
    const auto index = MakeIndex(code);
    Add(*index, keys, 0);
    for (const size_t depth : {1u, 10u, 300u, 10'000u}) {
      SCOPED_TRACE(testing::Message() << n << " rows, depth " << depth);
      EXPECT_EQ(MustFind(*index->Publish(), cues, depth), PlainLists(*code, keys, cues, depth));
    }
  }
}

// Where thousands of rows are equally near, the sample says little: the lists must not change.
TEST(BinaryIndex, ManyEqualKeysAreListedByRowNumber) {
  RecordProperty("seed", 3);
  Matrix keys = ClusteredRows(9000, 16, 5, 3);
  for (size_t i = 500; i < 8000; ++i) {
    std::copy_n(keys.row(0).data(), 16, keys.row(i).data());
  }
  const Matrix cues = Matrix::Copy(keys.view().slice(0, 4));
  const auto code = MakeCode(keys, {.bits = 64});
  const auto index = MakeIndex(code);
  Add(*index, keys, 0);
  for (const size_t depth : {1u, 40u, 900u, 7600u}) {
    SCOPED_TRACE(depth);
    EXPECT_EQ(MustFind(*index->Publish(), cues, depth), PlainLists(*code, keys, cues, depth));
  }
}

// Rows lie by nearness, so that every sixteenth group of eight says nothing of the others.
TEST(BinaryIndex, ListsAreRightWhereTheSampleMisleads) {
  RecordProperty("seed", 4);
  const size_t n = 4096, d = 32;
  Matrix keys = ClusteredRows(n, d, n, 4);
  const Matrix cues = Matrix::Copy(keys.view().slice(5, 1));
  for (size_t i = 0; i < n; ++i) {
    const bool sampled = i / 8 % 16 == 0;
    for (size_t j = 0; j < d; ++j) {
      const float near = cues.at(0, j) + 0.2f * keys.at(i, j);
      keys.at(i, j) = sampled ? near : keys.at(i, j);
    }
  }
  const auto code = MakeCode(keys);
  const auto index = MakeIndex(code);
  Add(*index, keys, 0);
  for (const size_t depth : {20u, 256u, 700u}) {
    SCOPED_TRACE(depth);
    EXPECT_EQ(MustFind(*index->Publish(), cues, depth), PlainLists(*code, keys, cues, depth));
  }
}

TEST(BinaryIndex, KernelsGiveTheSameLists) {
  RecordProperty("seed", 5);
  const Matrix keys = ClusteredRows(5000, 48, 40, 5), cues = ClusteredRows(9, 48, 9, 6);
  for (const size_t bits : {64u, 192u, 256u, 2112u}) {
    const auto code = MakeCode(keys, {.bits = bits});
    std::vector<std::vector<CandidateList>> found;
    for (const HammingKernel kernel :
         {HammingKernel::kScalar, HammingKernel::kAvx2, HammingKernel::kAvx512}) {
      if (!math::HasHammingKernel(kernel)) continue;
      const auto index = MakeIndex(code, {.kernel = kernel});
      Add(*index, keys, 0);
      found.push_back(MustFind(*index->Publish(), cues, 200));
    }
    for (const auto& lists : found) EXPECT_EQ(lists, found[0]) << bits << " bits";
  }
}

TEST(BinaryIndex, ListsOfShardsMergeIntoTheListOfAll) {
  RecordProperty("seed", 7);
  const Matrix keys = ClusteredRows(7000, 40, 30, 7), cues = ClusteredRows(5, 40, 5, 8);
  const auto code = MakeCode(keys);
  const std::vector<CandidateList> whole = PlainLists(*code, keys, cues, 333);
  for (const size_t shards : {1u, 2u, 5u}) {
    std::vector<std::vector<CandidateList>> parts(cues.rows());
    for (size_t s = 0; s < shards; ++s) {
      const auto index = MakeIndex(code);
      for (size_t i = s; i < keys.rows(); i += shards) Add(*index, keys.view().slice(i, 1), i);
      const std::vector<CandidateList> lists = MustFind(*index->Publish(), cues, 333);
      for (size_t c = 0; c < cues.rows(); ++c) parts[c].push_back(lists[c]);
    }
    for (size_t c = 0; c < cues.rows(); ++c) {
      EXPECT_EQ(MergeCandidates(parts[c], 333), whole[c]) << shards << " shards, cue " << c;
    }
  }
}

// What threads share: parts of one view, with rows that are gone and a last group that is not full.
TEST(BinaryIndex, ListsOfPartsMergeIntoTheListOfAll) {
  RecordProperty("seed", 9);
  const Matrix keys = ClusteredRows(5003, 40, 30, 9), cues = ClusteredRows(5, 40, 5, 10);
  const auto index = MakeIndex(MakeCode(keys));
  Add(*index, keys, 0);
  std::vector<uint64_t> gone;
  for (uint64_t row = 0; row < 5003; row += 11) gone.push_back(row);
  ASSERT_TRUE(index->Remove(gone).ok());
  const auto whole = index->PublishBinary();
  const std::vector<CandidateList> expected = MustFind(*whole, cues, 333);
  for (const size_t count : {0u, 1u, 2u, 3u, 5u, 50u}) {
    SCOPED_TRACE(count);
    const auto parts = whole->Parts(count);
    EXPECT_EQ(parts.size(), std::clamp<size_t>(count, 1, 5));
    size_t live = 0;
    std::vector<std::vector<CandidateList>> lists(cues.rows());
    for (const auto& part : parts) {
      live += part->live_rows();
      const std::vector<CandidateList> found = MustFind(*part, cues, 333);
      for (size_t c = 0; c < found.size(); ++c) lists[c].push_back(found[c]);
    }
    EXPECT_EQ(live, whole->live_rows());
    for (size_t c = 0; c < lists.size(); ++c) {
      EXPECT_EQ(MergeCandidates(lists[c], 333), expected[c]);
    }
  }
  EXPECT_EQ(MakeIndex(MakeCode(keys))->PublishBinary()->Parts(4).size(), 1u) << "of no rows";
}

TEST(BinaryIndex, RemovedRowsAreNeverReturnedAndOldViewsStay) {
  RecordProperty("seed", 9);
  const Matrix keys = ClusteredRows(5000, 24, 20, 9), cues = ClusteredRows(4, 24, 4, 10);
  const auto code = MakeCode(keys);
  const auto index = MakeIndex(code);
  Add(*index, keys.view().slice(0, 3001), 0);
  const auto before = index->Publish();
  const auto lists_before = MustFind(*before, cues, 50);
  std::set<uint64_t> gone;
  Random random(11);
  for (int round = 0; round < 6; ++round) {  // the later ones copy what is left into new blocks
    std::vector<uint64_t> rows;
    for (uint64_t row = 0; row < 3001; ++row) {
      if (!gone.contains(row) && random.Below(8) == 0) rows.push_back(row);
    }
    Remove(*index, rows);
    gone.insert(rows.begin(), rows.end());
    EXPECT_EQ(MustFind(*index->Publish(), cues, 50),
              PlainLists(*code, keys.view().slice(0, 3001), cues, 50, gone));
  }
  Add(*index, keys.view().slice(3001, 1999), 3001);
  EXPECT_EQ(MustFind(*index->Publish(), cues, 50), PlainLists(*code, keys, cues, 50, gone));
  EXPECT_EQ(index->Publish()->live_rows(), 5000 - gone.size());
  EXPECT_EQ(MustFind(*before, cues, 50), lists_before);
  EXPECT_EQ(before->live_rows(), 3001u);
}

TEST(BinaryIndex, WrongWritesChangeNothing) {
  const Matrix keys = ClusteredRows(20, 24, 4, 12);
  const auto index = MakeIndex(MakeCode(keys));
  Add(*index, keys, 0);
  const std::vector<uint64_t> twice = {3, 3}, unknown = {3, 99}, old = {5}, short_one = {50, 51};
  EXPECT_FALSE(index->Remove(twice).ok());
  EXPECT_FALSE(index->Remove(unknown).ok());
  EXPECT_FALSE(index->Add(keys.view().slice(0, 1), old).ok());
  EXPECT_FALSE(index->Add(keys.view().slice(0, 1), short_one).ok());
  EXPECT_EQ(index->Publish()->live_rows(), 20u);
  Matrix zero(2, 24);
  zero.at(0, 0) = 1;
  const absl::Status status = index->Add(zero, Numbers(70, 2));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetErrorDetail(status)->reason, "ZERO_VECTOR");
  EXPECT_NE(status.message().find("row 71"), absl::string_view::npos) << status;
  EXPECT_EQ(index->Publish()->live_rows(), 20u);
}

TEST(BinaryIndex, TilesKeepTheirNearestOnly) {
  RecordProperty("seed", 13);
  const Matrix keys = ClusteredRows(1500, 32, 6, 13), cues = ClusteredRows(2, 32, 2, 14);
  const auto code = MakeCode(keys);
  const auto whole = MakeIndex(code, {.tile_size = 16, .tile_keep = 16});
  const auto few = MakeIndex(code, {.tile_size = 16, .tile_keep = 2});
  Add(*whole, keys, 0);
  Add(*few, keys, 0);
  EXPECT_EQ(MustFind(*whole->Publish(), cues, 99), PlainLists(*code, keys, cues, 99));
  const std::vector<CandidateList> all = PlainLists(*code, keys, cues, 1500);
  const auto found = MustFind(*few->Publish(), cues, 1500);
  for (size_t c = 0; c < cues.rows(); ++c) {
    std::map<uint64_t, int> of_tile;
    CandidateList expected;
    for (const Candidate& candidate : all[c]) {
      if (++of_tile[candidate.row_number / 16] <= 2) expected.push_back(candidate);
    }
    EXPECT_EQ(found[c], expected);
  }
}

TEST(BinaryIndex, TheSeedDecidesTheCode) {
  const Matrix keys = ClusteredRows(400, 24, 4, 15), cues = ClusteredRows(3, 24, 3, 16);
  std::vector<std::vector<CandidateList>> found;
  for (const uint64_t seed : {5u, 5u, 6u}) {
    const auto index = MakeIndex(MakeCode(keys, {.rotation_seed = seed}));
    Add(*index, keys, 0);
    found.push_back(MustFind(*index->Publish(), cues, 50));
  }
  EXPECT_EQ(found[0], found[1]);
  EXPECT_NE(found[0], found[2]);
}

TEST(BinaryIndex, CandidatesHoldTheBestRowsOfEachSimilarity) {
  Matrix keys = ClusteredRows(8000, 64, 100, 17);
  const Matrix cues = ClusteredRows(40, 64, 100, 18);
  Random random(19);
  for (size_t i = 0; i < keys.rows(); ++i) {
    const float length = static_cast<float>(0.5 + random.Uniform());
    for (float& x : keys.row(i)) x *= length;
  }
  const auto recall = [&](Similarity coded, Similarity asked) {
    const auto index = MakeIndex(MakeCode(keys, {.bits = 512}, coded));
    Add(*index, keys, 0);
    return RecallOf(*index->Publish(), asked, keys, cues, 10, 400);
  };
  for (const Similarity similarity : {Similarity::kDot, Similarity::kL2}) {
    SCOPED_TRACE(testing::Message() << Name(similarity) << ", seeds 17 to 19");
    const double own = recall(similarity, similarity);
    // A code of directions alone knows nothing of lengths; chance would find a twentieth.
    EXPECT_GT(own, recall(Similarity::kCosine, similarity));
    EXPECT_GT(own, 0.95);
  }
}

TEST(BinaryIndex, AKeyThatTheCodeDoesNotCoverAsksForARebuildThatCoversIt) {
  RecordProperty("seed", 20);
  Matrix keys = ClusteredRows(3000, 32, 20, 20);
  for (float& x : keys.row(2500)) x *= 7;
  ExplicitStore store(32, 0);
  Append(store, keys.view().slice(0, 2000), 0);
  auto code = BinaryCode::Make({}, Similarity::kDot, store.Publish());
  ASSERT_TRUE(code.ok()) << code.status();
  const auto index = MakeIndex(*code);
  Add(*index, keys.view().slice(0, 2000), 0);
  EXPECT_FALSE(index->NeedsRebuild());
  Append(store, keys.view().slice(2000, 600), 2000);
  Add(*index, keys.view().slice(2000, 600), 2000);
  EXPECT_TRUE(index->NeedsRebuild());
  const auto rebuild_view = store.Publish();
  auto rebuild = index->BeginRebuild(rebuild_view);
  Append(store, keys.view().slice(2600, 400), 2600);  // meanwhile
  Add(*index, keys.view().slice(2600, 400), 2600);
  const std::vector<uint64_t> gone = {17, 2599, 2999};
  ASSERT_TRUE(store.Remove(gone).ok());
  Remove(*index, gone);
  Finish(*rebuild);
  const absl::Status status = index->InstallRebuild(std::move(rebuild), store.Publish());
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_FALSE(index->NeedsRebuild());
  const auto made = BinaryCode::Make({}, Similarity::kDot, rebuild_view);
  const Matrix cues = ClusteredRows(3, 32, 3, 21);
  EXPECT_EQ(MustFind(*index->Publish(), cues, 100),
            PlainLists(**made, keys, cues, 100, {17, 2599, 2999}));
}

TEST(BinaryIndex, ARebuildThatIsVoidIsRefused) {
  const Matrix keys = ClusteredRows(50, 24, 5, 22);
  const StoreView store = StoreOf(keys);
  const auto index = MakeIndex(MakeCode(keys));
  Add(*index, keys, 0);
  auto first = index->BeginRebuild(store), second = index->BeginRebuild(store);
  Finish(*first);
  const absl::Status status = index->InstallRebuild(std::move(first), store);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetail(status)->reason, "REBUILD_VOID");
  EXPECT_FALSE(index->InstallRebuild(index->BeginRebuild(store), store).ok()) << "not stepped";
  EXPECT_EQ(index->Publish()->live_rows(), 50u);
}

void ExpectRefused(const absl::Status& status, absl::StatusCode code, std::string_view reason) {
  EXPECT_EQ(status.code(), code) << status;
  ASSERT_TRUE(GetErrorDetail(status)) << status;
  EXPECT_EQ(GetErrorDetail(status)->reason, reason);
}

TEST(BinaryIndex, RefusesWhatItCannotServe) {
  const Matrix keys = ClusteredRows(50, 24, 5, 23);
  const StoreView store = StoreOf(keys);
  using enum absl::StatusCode;
  const auto refusal = [&](const BinaryCodeSpec& spec, Similarity similarity, StoreView rows) {
    return BinaryCode::Make(spec, similarity, rows).status();
  };
  ExpectRefused(refusal({.bits = 100}, Similarity::kDot, store), kInvalidArgument, "BITS");
  ExpectRefused(refusal({.bits = 8192}, Similarity::kDot, store), kInvalidArgument, "BITS");
  ExpectRefused(refusal({}, Similarity::kL1, store), kInvalidArgument, "METRIC");
  ExpectRefused(refusal({}, Similarity::kDot, StoreView()), kFailedPrecondition, "TOO_FEW_ROWS");
  const auto code = MakeCode(keys);
  for (const ScanOptions& options :
       {ScanOptions{.tile_size = 16}, ScanOptions{.tile_size = 16, .tile_keep = 17},
        ScanOptions{.tile_size = 2048, .tile_keep = 2}}) {
    ExpectRefused(BinaryIndex::Make(code, options).status(), kInvalidArgument, "TILE");
  }
  const auto index = MakeIndex(code);
  Add(*index, keys, 0);
  const auto view = index->Publish();
  ExpectRefused(view->Candidates(Matrix(1, 23), 5).status(), kInvalidArgument, "SHAPE");
  ExpectRefused(view->Candidates(Matrix(1, 24), 5).status(), kInvalidArgument, "ZERO_VECTOR");
  ExpectRefused(view->Candidates(keys, 0).status(), kInvalidArgument, "DEPTH");
  ExpectRefused(view->Candidates(keys, kCandidateDepthMax + 1).status(), kResourceExhausted,
                "LIMIT");
  ExpectRefused(view->Candidates(Matrix(kCandidateCuesMax + 1, 24), 5).status(), kResourceExhausted,
                "LIMIT");
  Matrix odd = Matrix::Copy(keys);
  odd.at(2, 3) = std::numeric_limits<float>::infinity();
  ExpectRefused(view->Candidates(odd, 5).status(), kInvalidArgument, "NOT_FINITE");
}

TEST(BinaryIndex, AnswersFromNothingAndToNobody) {
  const Matrix keys = ClusteredRows(3, 24, 3, 24);
  const auto index = MakeIndex(MakeCode(keys));
  EXPECT_EQ(MustFind(*index->Publish(), keys, 5), std::vector<CandidateList>(3));
  Add(*index, keys, 0);
  Remove(*index, Numbers(0, 3));
  EXPECT_EQ(MustFind(*index->Publish(), keys, 5), std::vector<CandidateList>(3));
  EXPECT_TRUE(MustFind(*index->Publish(), Matrix(0, 24), 5).empty());
}

TEST(BinaryCode, AutomaticBitsFollowTheDimension) {
  EXPECT_EQ(AutomaticCodeBits(24), 256u);
  EXPECT_EQ(AutomaticCodeBits(102), 256u);
  EXPECT_EQ(AutomaticCodeBits(103), 320u);
  EXPECT_EQ(AutomaticCodeBits(128), 320u);
  EXPECT_EQ(AutomaticCodeBits(2000), 4096u);
  EXPECT_EQ(MakeCode(ClusteredRows(9, 128, 3, 25))->bits(), 320u);
}

// bits * angle / pi: over many rotations the mean distance of two codes tells the angle.
TEST(BinaryCode, DistancesTellTheAngle) {
  RecordProperty("seed", 26);
  const Matrix keys = ClusteredRows(12, 200, 12, 26);
  const auto code = MakeCode(keys, {.bits = 4096, .centred = false});
  std::vector<uint64_t> codes(keys.rows() * code->words());
  ASSERT_TRUE(code->EncodeKeys(keys, Numbers(0, 12), codes).ok());
  for (size_t i = 1; i < keys.rows(); ++i) {
    uint32_t distance = 0;
    for (size_t w = 0; w < code->words(); ++w) {
      distance += static_cast<uint32_t>(std::popcount(codes[w] ^ codes[i * code->words() + w]));
    }
    // 4,096 bits give the angle to pi * 0.5 / 64 at one standard deviation.
    EXPECT_NEAR(code->EstimatedCosine(distance),
                PlainScore(Similarity::kCosine, keys.row(0), keys.row(i)), 0.1);
  }
}

}  // namespace
}  // namespace mneme::models
