// Matrices in files, .npy and .fvecs, as somebody may hand them over: any bytes.
#include "client/cli/matrix_file.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "core/base/status.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

constexpr size_t kRowsAtOnce = 3;
constexpr int kReadsMax = 1 << 12;

// A file that is there as long as this is.
class TemporaryFile {
 public:
  TemporaryFile(std::string_view ending, std::string_view bytes)
      : path_((std::filesystem::temp_directory_path() /
               ("mneme-fuzz-" + std::to_string(getpid()) + std::string(ending)))
                  .string()) {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file << bytes;
    MNEME_CHECK(!file.flush().fail());
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

// The command line's errors are not made by core/base, but they are to be as good.
void CheckUsageError(const absl::Status& status) {
  MNEME_CHECK(status.code() == absl::StatusCode::kInvalidArgument && !status.message().empty());
}

struct Contents {
  std::vector<float> numbers;
  size_t rows = 0;
  size_t cols = 0;
};

// All rows, a few at a time; nothing where the file turned out to be bad on the way.
absl::StatusOr<Contents> ReadAll(const std::string& path) {
  auto file = cli::OpenMatrix(path);
  if (!file.ok()) return file.status();
  Contents all{.cols = (*file)->cols()};
  for (int reads = 0; reads < kReadsMax; ++reads) {
    auto some = (*file)->Read(kRowsAtOnce);
    if (!some.ok()) return some.status();
    MNEME_CHECK(some->cols == all.cols && some->data.size() == some->rows * some->cols);
    if (some->rows == 0) break;
    MNEME_CHECK(some->rows <= kRowsAtOnce);
    all.numbers.insert(all.numbers.end(), some->data.begin(), some->data.end());
    all.rows += some->rows;
  }
  MNEME_CHECK(all.rows == (*file)->rows());
  return all;
}

bool SameBits(const Contents& a, const Contents& b) {
  return a.rows == b.rows && a.cols == b.cols &&
         (a.numbers.empty() ||
          std::memcmp(a.numbers.data(), b.numbers.data(), a.numbers.size() * sizeof(float)) == 0);
}

// What is written is read back.
void CheckWriter(const Contents& contents) {
  const TemporaryFile file(".out.npy", "");
  auto writer = cli::NpyWriter::Create(file.path());
  MNEME_CHECK(writer.ok());
  const client::MatrixRef rows{contents.numbers.data(), contents.rows, contents.cols};
  MNEME_CHECK((*writer)->Write(rows).ok() && (*writer)->Finish().ok());
  const auto back = ReadAll(file.path());
  MNEME_CHECK(back.ok() && SameBits(*back, contents));
}

}  // namespace

// 0: .fvecs, else .npy; then the file.
void TestOne(std::string_view bytes) {
  Input in(bytes);
  const bool fvecs = in.Byte() % 2 == 0;
  const TemporaryFile file(fvecs ? ".fvecs" : ".npy", in.rest());
  const auto contents = ReadAll(file.path());
  if (contents.ok()) {
    CheckWriter(*contents);
  } else {
    CheckUsageError(contents.status());
  }
  if (fvecs) return;
  const auto column = cli::ReadColumn(file.path());
  const auto ids = cli::ReadWholeNumbers(file.path());
  if (!column.ok()) CheckUsageError(column.status());
  if (!ids.ok()) CheckUsageError(ids.status());
  if (column.ok()) MNEME_CHECK(contents.ok() && column->size() == contents->numbers.size());
  if (ids.ok()) MNEME_CHECK(column.ok() && ids->size() == column->size());
}

namespace {

std::string Npy(const std::string& dictionary, std::string_view numbers, char version = 1) {
  std::string out = std::string("\1\x93NUMPY").append(1, version).append(1, '\0');
  const auto length = static_cast<uint32_t>(dictionary.size());
  out.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
  return out.append(dictionary).append(numbers);
}

std::string Header(const std::string& type, const std::string& shape) {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }\n";
}

std::string Fvecs(int32_t dim, size_t rows) {
  std::string out(1, '\0');
  for (size_t i = 0; i < rows; ++i) {
    out.append(reinterpret_cast<const char*>(&dim), sizeof(dim));
    for (int32_t j = 0; j < dim; ++j) {
      const float number = static_cast<float>(j) / 2;
      out.append(reinterpret_cast<const char*>(&number), sizeof(number));
    }
  }
  return out;
}

}  // namespace

std::vector<Seed> Seeds() {
  std::vector<Seed> seeds = {{"fvecs", Fvecs(3, 4)}, {"fvecs_one", Fvecs(1, 1)}};
  for (const char* type :
       {"<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1", ">f4"}) {
    const size_t bytes = static_cast<size_t>(type[2] - '0');
    const std::string name = std::string("npy_") + (type[0] == '>' ? "big_" : "") + (type + 1);
    seeds.push_back({name, Npy(Header(type, "2, 3"), std::string(6 * bytes, '\1'))});
  }
  seeds.push_back({"npy_flat", Npy(Header("<f4", "2,"), std::string(8, '\2'))});
  seeds.push_back({"npy_version_2", Npy(Header("<f4", "1, 1"), "abcd", 2)});
  seeds.push_back({"npy_no_columns", Npy(Header("<f4", "4000000000, 0"), "")});
  return seeds;
}

}  // namespace mneme::fuzz
