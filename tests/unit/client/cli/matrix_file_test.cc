#include "client/cli/matrix_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "client/cli/context.h"

namespace mneme::cli {
namespace {

using client::GetError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MatrixFileTest : public ::testing::Test {
 protected:
  MatrixFileTest() {
    folder_ = ::testing::TempDir() + "matrix_file_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~MatrixFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::string Save(const std::string& name, const std::string& bytes) const {
    std::ofstream(Path(name), std::ios::binary) << bytes;
    return Path(name);
  }

  // An .npy as NumPy writes it.
  static std::string Npy(const std::string& descr, const std::string& shape,
                         const std::string& data, int version = 1,
                         const std::string& order = "False") {
    std::string header =
        "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
    std::string bytes = "\x93NUMPY";
    bytes += static_cast<char>(version);
    bytes += '\0';
    const uint32_t length = header.size();
    bytes.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
    return bytes + header + data;
  }

  template <typename T>
  static std::string Bytes(std::vector<T> numbers) {
    return std::string(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T));
  }

  // All numbers of a file, or the error.
  static absl::StatusOr<client::Matrix> ReadAll(const std::string& path) {
    auto file = OpenMatrix(path);
    if (!file.ok()) return file.status();
    return (*file)->Read(1000);
  }

  std::string folder_;
};

TEST_F(MatrixFileTest, ReadsEveryNumberTypeOfNpy) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"<f4", Bytes<float>({1, 2, 3, 4, 5, 6})},   {"<f8", Bytes<double>({1, 2, 3, 4, 5, 6})},
      {"|i1", Bytes<int8_t>({1, 2, 3, 4, 5, 6})},  {"|u1", Bytes<uint8_t>({1, 2, 3, 4, 5, 6})},
      {"<i2", Bytes<int16_t>({1, 2, 3, 4, 5, 6})}, {"<u2", Bytes<uint16_t>({1, 2, 3, 4, 5, 6})},
      {"<i4", Bytes<int32_t>({1, 2, 3, 4, 5, 6})}, {"<u4", Bytes<uint32_t>({1, 2, 3, 4, 5, 6})},
      {"<i8", Bytes<int64_t>({1, 2, 3, 4, 5, 6})}, {"<u8", Bytes<uint64_t>({1, 2, 3, 4, 5, 6})},
  };
  for (const auto& [descr, data] : cases) {
    for (const int version : {1, 2, 3}) {
      SCOPED_TRACE(descr + " version " + std::to_string(version));
      const auto matrix = ReadAll(Save("a.npy", Npy(descr, "(2, 3)", data, version)));
      ASSERT_TRUE(matrix.ok()) << matrix.status();
      EXPECT_EQ(matrix->rows, 2u);
      EXPECT_EQ(matrix->cols, 3u);
      EXPECT_THAT(matrix->data, ElementsAre(1, 2, 3, 4, 5, 6));
    }
  }
}

TEST_F(MatrixFileTest, ReadsNegativeNumbersAndBools) {
  EXPECT_THAT(ReadAll(Save("a.npy", Npy("|i1", "(1, 2)", Bytes<int8_t>({-1, -128}))))->data,
              ElementsAre(-1, -128));
  EXPECT_THAT(ReadAll(Save("a.npy", Npy("|b1", "(1, 2)", Bytes<uint8_t>({1, 0}))))->data,
              ElementsAre(1, 0));
}

TEST_F(MatrixFileTest, TakesOneDimensionForOneRow) {
  const auto matrix = ReadAll(Save("a.npy", Npy("<f4", "(3,)", Bytes<float>({1, 2, 3}))));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->rows, 1u);
  EXPECT_EQ(matrix->cols, 3u);
}

TEST_F(MatrixFileTest, ReadsInPartsUpToTheEnd) {
  auto file = OpenMatrix(Save("a.npy", Npy("<i4", "(3, 1)", Bytes<int32_t>({7, 8, 9}))));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->Read(2)->data, ElementsAre(7, 8));
  EXPECT_THAT((*file)->Read(2)->data, ElementsAre(9));
  EXPECT_EQ((*file)->Read(2)->rows, 0u);
}

// The data of these three as numpy 2 saved it: tests/unit needs no NumPy.
//   half = numpy.array([[1.5, -2, 0.25], [65504, 2**-24, -2**-14]], 'f2')
TEST_F(MatrixFileTest, ReadsNumpysFloat16Exactly) {
  const std::string data("\x00\x3e\x00\xc0\x00\x34\xff\x7b\x01\x00\x00\x84", 12);
  const auto matrix = ReadAll(Save("a.npy", Npy("<f2", "(2, 3)", data)));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_THAT(matrix->data, ElementsAre(1.5f, -2.0f, 0.25f, 65504.0f, 0x1p-24f, -0x1p-14f));
}

//   numpy.asfortranarray(half)
TEST_F(MatrixFileTest, ReadsNumpysFortranOrderOfFloat16) {
  const std::string data("\x00\x3e\xff\x7b\x00\xc0\x01\x00\x00\x34\x00\x84", 12);
  const auto matrix = ReadAll(Save("a.npy", Npy("<f2", "(2, 3)", data, 1, "True")));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_THAT(matrix->data, ElementsAre(1.5f, -2.0f, 0.25f, 65504.0f, 0x1p-24f, -0x1p-14f));
}

//   numpy.asfortranarray(numpy.arange(6, dtype='f4').reshape(3, 2))
TEST_F(MatrixFileTest, ReadsFortranOrderInPartsUpToTheEnd) {
  const std::string data("\0\0\0\0\0\0\0\x40\0\0\x80\x40\0\0\x80\x3f\0\0\x40\x40\0\0\xa0\x40", 24);
  auto file = OpenMatrix(Save("a.npy", Npy("<f4", "(3, 2)", data, 1, "True")));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->Read(2)->data, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT((*file)->Read(2)->data, ElementsAre(4, 5));
  EXPECT_EQ((*file)->Read(2)->rows, 0u);
}

TEST_F(MatrixFileTest, RefusesAHeaderThatTellsNoOrder) {
  const auto matrix = ReadAll(Save("a.npy", Npy("<f4", "(1, 1)", Bytes<float>({1}), 1, "perhaps")));
  EXPECT_EQ(GetError(matrix.status()).given, "perhaps");
  EXPECT_EQ(ExitCodeOf(matrix.status()), kExitUsage);
}

TEST_F(MatrixFileTest, RefusesWhatItCannotReadRight) {
  const std::string four = Bytes<float>({1, 2, 3, 4});
  EXPECT_THAT(ReadAll(Save("a.npy", Npy(">f4", "(2, 2)", four))).status().message(),
              HasSubstr("holds big-endian numbers"));
  EXPECT_FALSE(ReadAll(Save("a.npy", Npy("<c8", "(2, 1)", four))).ok()) << "complex";
  EXPECT_FALSE(ReadAll(Save("a.npy", Npy("<f4", "()", four))).ok()) << "no dimension";
  EXPECT_FALSE(ReadAll(Save("a.npy", Npy("<f4", "(1, 2, 2)", four))).ok()) << "three dimensions";
  EXPECT_FALSE(ReadAll(Save("a.npy", Npy("<f4", "(2, 3)", four))).ok()) << "too short";
  EXPECT_FALSE(ReadAll(Save("a.npy", Npy("<f4", "(1, 2)", four))).ok()) << "too long";
  EXPECT_FALSE(ReadAll(Save("a.npy", Npy("<f4", "(4611686018427387904, 4)", four))).ok())
      << "a product that overflows";
  EXPECT_FALSE(ReadAll(Save("a.npy", "no header at all")).ok());
  EXPECT_FALSE(ReadAll(Save("a.npy", "")).ok());
  EXPECT_FALSE(ReadAll(Path("absent.npy")).ok());
  EXPECT_FALSE(ReadAll(Save("a.csv", "1,2")).ok());
}

TEST_F(MatrixFileTest, SurvivesAnyCutAndAnyChangedByteOfAHeader) {
  const std::string whole = Npy("<f4", "(2, 2)", Bytes<float>({1, 2, 3, 4}));
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(ReadAll(Save("a.npy", whole.substr(0, length))).ok()) << length;
  }
  const auto seed = std::random_device()();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 500; ++i) {
    std::string changed = whole;
    changed[random() % (whole.size() - 16)] = static_cast<char>(random());
    const auto matrix = ReadAll(Save("a.npy", changed));
    if (matrix.ok()) {
      EXPECT_EQ(matrix->data.size(), matrix->rows * matrix->cols);
    }
  }
}

TEST_F(MatrixFileTest, ReadsFvecs) {
  const std::string row = Bytes<int32_t>({2}) + Bytes<float>({1.5, -2});
  const auto matrix = ReadAll(Save("a.fvecs", row + row + row));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->rows, 3u);
  EXPECT_THAT(matrix->data, ElementsAre(1.5, -2, 1.5, -2, 1.5, -2));
}

TEST_F(MatrixFileTest, RefusesFvecsOfUnequalRows) {
  const std::string two = Bytes<int32_t>({2}) + Bytes<float>({1, 2});
  const std::string other = Bytes<int32_t>({1}) + Bytes<float>({1, 2});
  const auto matrix = ReadAll(Save("a.fvecs", two + other));
  EXPECT_THAT(GetError(matrix.status()).message, HasSubstr("row 1 has another length"));
  EXPECT_FALSE(ReadAll(Save("a.fvecs", two + "abc")).ok());
  EXPECT_FALSE(ReadAll(Save("a.fvecs", Bytes<int32_t>({-4}))).ok());
  EXPECT_FALSE(ReadAll(Save("a.fvecs", "")).ok());
}

// Zeros in place of the rows that are gone would be stored as if they were data.
TEST_F(MatrixFileTest, AFileThatIsCutOffWhileItIsReadIsAnError) {
  constexpr size_t kCols = 64 * 1024;  // a row is more than a stream reads ahead
  const std::string numbers = Bytes(std::vector<float>(3 * kCols, 1));
  const std::string shape = "(3, " + std::to_string(kCols) + ")";
  const std::string row = Bytes<int32_t>({kCols}) + Bytes(std::vector<float>(kCols, 1));
  for (const std::string& path : {Save("rows.npy", Npy("<f4", shape, numbers)),
                                  Save("columns.npy", Npy("<f4", shape, numbers, 1, "True")),
                                  Save("rows.fvecs", row + row + row)}) {
    SCOPED_TRACE(path);
    auto file = OpenMatrix(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Read(1).ok());
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 4);
    const auto rest = (*file)->Read(2);
    EXPECT_EQ(GetError(rest.status()).message, path + ": ended before its last row");
    EXPECT_EQ(ExitCodeOf(rest.status()), kExitUsage);
  }
}

TEST_F(MatrixFileTest, KeepsAllBitsOfIds) {
  const auto ids = ReadWholeNumbers(
      Save("a.npy", Npy("<u8", "(2,)", Bytes<uint64_t>({9007199254740993, ~0ull}))));
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_THAT(*ids, ElementsAre(9007199254740993u, ~0ull));
  EXPECT_FALSE(ReadWholeNumbers(Save("a.npy", Npy("<f8", "(1,)", Bytes<double>({1})))).ok());
  EXPECT_FALSE(ReadWholeNumbers(Save("a.npy", Npy("<i8", "(1,)", Bytes<int64_t>({-1})))).ok());
  EXPECT_FALSE(
      ReadWholeNumbers(Save("a.npy", Npy("<i4", "(2, 2)", Bytes<int32_t>({1, 2, 3, 4})))).ok());
}

TEST_F(MatrixFileTest, WritesWhatItReads) {
  auto writer = NpyWriter::Create(Path("out.npy"));
  ASSERT_TRUE(writer.ok()) << writer.status();
  std::vector<float> numbers(15);
  std::iota(numbers.begin(), numbers.end(), 0.5f);
  ASSERT_TRUE((*writer)->Write({numbers.data(), 2, 3}).ok());
  ASSERT_TRUE((*writer)->Write({numbers.data() + 6, 3, 3}).ok());
  EXPECT_FALSE(std::filesystem::exists(Path("out.npy"))) << "not before it is complete";
  ASSERT_TRUE((*writer)->Finish().ok());
  const auto matrix = ReadAll(Path("out.npy"));
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->rows, 5u);
  EXPECT_EQ(matrix->data, numbers);
  EXPECT_EQ(std::filesystem::file_size(Path("out.npy")) % 64, 15 * 4 % 64) << "aligned numbers";
}

TEST_F(MatrixFileTest, LeavesNothingBehindWhenNotFinished) {
  ASSERT_TRUE(NpyWriter::Create(Path("out.npy")).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_FALSE(NpyWriter::Create(Path("absent/out.npy")).ok());
}

}  // namespace
}  // namespace mneme::cli
