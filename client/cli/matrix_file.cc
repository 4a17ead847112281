#include "client/cli/matrix_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/context.h"
#include "client/cpp/src/float16.h"

namespace mneme::cli {
namespace {

static_assert(std::endian::native == std::endian::little,
              "both formats hold little-endian numbers");

constexpr size_t kNpyHeaderBytes = 128;  // of the files that we write

absl::Status FileError(const std::string& path, std::string_view message, std::string_view given,
                       std::string_view expected, std::string_view next_step) {
  return UsageError(std::string(path).append(": ").append(message), given, expected, next_step);
}

absl::StatusOr<std::ifstream> OpenFile(const std::string& path, uint64_t& bytes) {
  std::error_code error;
  bytes = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) {
    return FileError(path, "cannot be opened", path, "a file that can be read",
                     "Check the name and the permissions.");
  }
  return file;
}

// Of a file that was as long as it must be when it was opened.
absl::Status CutOff(const std::string& path) {
  return FileError(path, "ended before its last row", "fewer bytes than when it was opened",
                   "a file that nobody writes to, on a disk without errors",
                   "Wait until it is written, or copy it again.");
}

struct NpyHeader {
  char kind = 'f';  // as in NumPy: f float, i signed, u unsigned, b bool
  size_t item_bytes = 4;
  bool is_fortran = false;  // column after column
  std::vector<size_t> shape;
  size_t data_offset = 0;
};

// The text between the quotes, or up to the comma, that follows 'key': in the header's dictionary.
std::string HeaderValue(const std::string& header, const std::string& key, char open, char close) {
  const size_t at = header.find("'" + key + "'");
  if (at == std::string::npos) return "";
  const size_t begin = header.find(open, header.find(':', at));
  const size_t end = begin == std::string::npos ? begin : header.find(close, begin + 1);
  if (end == std::string::npos) return "";
  return header.substr(begin + 1, end - begin - 1);
}

absl::StatusOr<std::vector<size_t>> ParseShape(const std::string& path, const std::string& text) {
  std::vector<size_t> shape;
  for (size_t at = 0; at < text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    std::string part = text.substr(at, comma - at);
    std::erase(part, ' ');
    uint64_t size = 0;
    if (!part.empty()) {
      if (!absl::SimpleAtoi(part, &size)) {
        return FileError(path, "has a header without a shape", text, "a tuple of whole numbers",
                         "Write the file again with numpy.save.");
      }
      shape.push_back(size);
    }
    at = comma + 1;
  }
  if (shape.empty() || shape.size() > 2) {
    return FileError(path, absl::StrCat("has ", shape.size(), " dimensions"),
                     absl::StrCat("shape (", text, ")"), "one or two dimensions",
                     "Reshape to rows x columns before saving.");
  }
  return shape;
}

bool IsKnown(const std::string& descr) {
  static constexpr std::array<std::string_view, 12> kKnown = {"f2", "f4", "f8", "i1", "i2", "i4",
                                                              "i8", "u1", "u2", "u4", "u8", "b1"};
  return descr.size() == 3 &&
         std::find(kKnown.begin(), kKnown.end(), std::string_view(descr).substr(1)) != kKnown.end();
}

absl::Status CheckType(const std::string& path, const std::string& descr) {
  if (!IsKnown(descr)) {
    return FileError(path, "holds numbers of a type that is not read here",
                     absl::StrCat("dtype '", descr, "'"),
                     "float16, float32, float64, a whole number type or bool",
                     "Save it again with .astype('float32').");
  }
  if (descr[0] == '>') {
    return FileError(path, "holds big-endian numbers", absl::StrCat("dtype '", descr, "'"),
                     "little-endian", "Save it again with .astype('float32').");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> IsFortran(const std::string& path, const std::string& header) {
  constexpr std::string_view kKey = "'fortran_order': ";
  const size_t at = header.find(kKey);
  const std::string_view rest =
      at == header.npos ? std::string_view() : std::string_view(header).substr(at + kKey.size());
  if (rest.starts_with("True")) return true;
  if (rest.starts_with("False")) return false;
  return FileError(path, "has a header that does not tell the order of its numbers",
                   rest.substr(0, rest.find(',')), "'fortran_order': True or False",
                   "Write the file again with numpy.save.");
}

absl::StatusOr<NpyHeader> ReadNpyHeader(const std::string& path, std::ifstream& file,
                                        uint64_t file_bytes) {
  std::array<unsigned char, 12> head{};
  file.read(reinterpret_cast<char*>(head.data()), 8);
  if (!file || std::memcmp(head.data(), "\x93NUMPY", 6) != 0) {
    return FileError(path, "is not an .npy file", "another beginning", "the bytes \\x93NUMPY",
                     "Save it with numpy.save.");
  }
  const size_t length_bytes = head[6] == 1 ? 2 : 4;
  file.read(reinterpret_cast<char*>(head.data() + 8), static_cast<std::streamsize>(length_bytes));
  uint32_t length = 0;
  std::memcpy(&length, head.data() + 8, length_bytes);
  if (!file || head[6] < 1 || head[6] > 3 || length > file_bytes) {
    return FileError(path, "has a broken .npy header", absl::StrCat("version ", head[6]),
                     "version 1, 2 or 3", "Save it with numpy.save.");
  }
  std::string text(length, '\0');
  file.read(text.data(), length);
  const std::string descr = HeaderValue(text, "descr", '\'', '\'');
  if (absl::Status status = CheckType(path, descr); !status.ok()) return status;
  const auto is_fortran = IsFortran(path, text);
  if (!is_fortran.ok()) return is_fortran.status();
  auto shape = ParseShape(path, HeaderValue(text, "shape", '(', ')'));
  if (!shape.ok()) return shape.status();
  return NpyHeader{.kind = descr[1],
                   .item_bytes = static_cast<size_t>(descr[2] - '0'),
                   .is_fortran = *is_fortran,
                   .shape = *std::move(shape),
                   .data_offset = 8 + length_bytes + length};
}

enum class Half : uint16_t {};  // NumPy's float16

template <typename Number>
Number ValueOf(Number number) {
  return number;
}
float ValueOf(Half bits) { return client::FromFloat16(static_cast<uint16_t>(bits)); }

template <typename From, typename To>
void ConvertAs(const char* bytes, size_t count, To* out) {
  for (size_t i = 0; i < count; ++i) {
    From number;
    std::memcpy(&number, bytes + i * sizeof(From), sizeof(From));
    out[i] = static_cast<To>(ValueOf(number));
  }
}

template <typename To>
void Convert(char kind, size_t item_bytes, const char* bytes, size_t count, To* out) {
  if (kind == 'f') {
    switch (item_bytes) {
      case 2:
        return ConvertAs<Half>(bytes, count, out);
      case 4:
        return ConvertAs<float>(bytes, count, out);
      default:
        return ConvertAs<double>(bytes, count, out);
    }
  }
  const bool is_signed = kind == 'i';
  switch (item_bytes) {
    case 1:
      is_signed ? ConvertAs<int8_t>(bytes, count, out) : ConvertAs<uint8_t>(bytes, count, out);
      return;
    case 2:
      is_signed ? ConvertAs<int16_t>(bytes, count, out) : ConvertAs<uint16_t>(bytes, count, out);
      return;
    case 4:
      is_signed ? ConvertAs<int32_t>(bytes, count, out) : ConvertAs<uint32_t>(bytes, count, out);
      return;
    default:
      is_signed ? ConvertAs<int64_t>(bytes, count, out) : ConvertAs<uint64_t>(bytes, count, out);
  }
}

class NpyFile final : public MatrixFile {
 public:
  static absl::StatusOr<std::unique_ptr<NpyFile>> Open(const std::string& path) {
    uint64_t bytes = 0;
    auto file = OpenFile(path, bytes);
    if (!file.ok()) return file.status();
    auto header = ReadNpyHeader(path, *file, bytes);
    if (!header.ok()) return header.status();
    auto opened = std::unique_ptr<NpyFile>(new NpyFile(path, *std::move(file), *std::move(header)));
    if (absl::Status status = opened->CheckSize(bytes); !status.ok()) return status;
    return opened;
  }

  char kind() const { return header_.kind; }

  absl::StatusOr<client::Matrix> Read(size_t rows_max) override {
    const size_t rows = std::min(rows_max, rows_ - next_);
    auto numbers = header_.is_fortran ? ReadColumns(rows) : ReadNumbers<float>(rows * cols_);
    if (!numbers.ok()) return numbers.status();
    next_ += rows;
    return client::Matrix{.data = *std::move(numbers), .rows = rows, .cols = cols_};
  }

  template <typename To>
  absl::StatusOr<std::vector<To>> ReadNumbers(size_t count) {
    std::string bytes(count * header_.item_bytes, '\0');
    if (!file_.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) return CutOff(path_);
    std::vector<To> numbers(count);
    Convert(header_.kind, header_.item_bytes, bytes.data(), count, numbers.data());
    return numbers;
  }

 private:
  NpyFile(std::string path, std::ifstream file, NpyHeader header)
      : path_(std::move(path)), file_(std::move(file)), header_(std::move(header)) {
    rows_ = header_.shape.size() == 1 ? 1 : header_.shape[0];
    cols_ = header_.shape.back();
  }

  // The next rows of a file in Fortran order: a piece of each column, so that no more than these
  // rows are ever held.
  absl::StatusOr<std::vector<float>> ReadColumns(size_t rows) {
    std::vector<float> numbers(rows * cols_);
    for (size_t column = 0; column < cols_ && rows > 0; ++column) {
      const size_t before = (column * rows_ + next_) * header_.item_bytes;
      file_.seekg(static_cast<std::streamoff>(header_.data_offset + before));
      const auto piece = ReadNumbers<float>(rows);
      if (!piece.ok()) return piece.status();
      for (size_t row = 0; row < rows; ++row) numbers[row * cols_ + column] = (*piece)[row];
    }
    return numbers;
  }

  absl::Status CheckSize(uint64_t bytes) const {
    if (rows_ > 0 && cols_ == 0) {
      return FileError(path_, "has rows without numbers", absl::StrCat(rows_, " x ", cols_),
                       "at least one column", "Save it again with its columns.");
    }
    const uint64_t room = bytes - std::min<uint64_t>(bytes, header_.data_offset);
    const bool fits = cols_ == 0 || rows_ <= room / header_.item_bytes / cols_;
    if (fits && room == rows_ * cols_ * header_.item_bytes) return absl::OkStatus();
    return FileError(
        path_, "is not as long as its header says", absl::StrCat(room, " bytes of numbers"),
        absl::StrCat(rows_, " x ", cols_, " numbers of ", header_.item_bytes, " bytes"),
        "Save or copy it again.");
  }

  const std::string path_;
  std::ifstream file_;
  const NpyHeader header_;
  size_t next_ = 0;
};

class FvecsFile final : public MatrixFile {
 public:
  static absl::StatusOr<std::unique_ptr<MatrixFile>> Open(const std::string& path) {
    uint64_t bytes = 0;
    auto file = OpenFile(path, bytes);
    if (!file.ok()) return file.status();
    int32_t dim = 0;
    file->read(reinterpret_cast<char*>(&dim), sizeof(dim));
    if (!*file || dim <= 0 || bytes % (4 + 4 * static_cast<uint64_t>(dim)) != 0) {
      return FileError(path, "is not an .fvecs file",
                       absl::StrCat(bytes, " bytes, beginning with the length ", dim),
                       "rows of one int32 length and that many float32s, all of one length",
                       "Check the format; use .npy or .jsonl for others.");
    }
    file->seekg(0);
    auto opened = std::unique_ptr<FvecsFile>(new FvecsFile(path, *std::move(file)));
    opened->cols_ = static_cast<size_t>(dim);
    opened->rows_ = bytes / (4 + 4 * static_cast<uint64_t>(dim));
    return opened;
  }

  absl::StatusOr<client::Matrix> Read(size_t rows_max) override {
    const size_t rows = std::min(rows_max, rows_ - next_);
    client::Matrix matrix{.data = std::vector<float>(rows * cols_), .rows = rows, .cols = cols_};
    for (size_t i = 0; i < rows; ++i) {
      int32_t dim = 0;
      file_.read(reinterpret_cast<char*>(&dim), sizeof(dim));
      if (file_ && dim != static_cast<int32_t>(cols_)) {
        return FileError(path_, absl::StrCat("row ", next_ + i, " has another length"),
                         absl::StrCat(dim), absl::StrCat(cols_),
                         "Split the file into one for each length.");
      }
      file_.read(reinterpret_cast<char*>(matrix.data.data() + i * cols_),
                 static_cast<std::streamsize>(cols_ * sizeof(float)));
      if (!file_) return CutOff(path_);
    }
    next_ += rows;
    return matrix;
  }

 private:
  FvecsFile(std::string path, std::ifstream file)
      : path_(std::move(path)), file_(std::move(file)) {}

  const std::string path_;
  std::ifstream file_;
  size_t next_ = 0;
};

// An .npy that stands for one column.
absl::StatusOr<std::unique_ptr<NpyFile>> OpenColumn(const std::string& path) {
  auto file = NpyFile::Open(path);
  if (!file.ok()) return file.status();
  if ((*file)->rows() > 1 && (*file)->cols() > 1) {
    return FileError(path, "has more than one column",
                     absl::StrCat((*file)->rows(), " x ", (*file)->cols()), "one number a row",
                     "Save one column only.");
  }
  return file;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MatrixFile>> OpenMatrix(const std::string& path) {
  if (path.ends_with(".fvecs")) return FvecsFile::Open(path);
  if (path.ends_with(".npy")) return NpyFile::Open(path);
  return FileError(path, "has a name that does not tell its format", path,
                   "a name ending in .npy, .fvecs or .jsonl, or - for JSON Lines on stdin",
                   "Rename or convert it.");
}

absl::StatusOr<std::vector<uint64_t>> ReadWholeNumbers(const std::string& path) {
  auto file = OpenColumn(path);
  if (!file.ok()) return file.status();
  if ((*file)->kind() != 'i' && (*file)->kind() != 'u') {
    return FileError(path, "does not hold whole numbers",
                     absl::StrCat("kind '", std::string(1, (*file)->kind()), "'"),
                     "a signed or unsigned whole number type",
                     "Save it again with .astype('uint64').");
  }
  const size_t count = (*file)->rows() * (*file)->cols();
  if ((*file)->kind() == 'u') return (*file)->ReadNumbers<uint64_t>(count);
  const auto numbers = (*file)->ReadNumbers<int64_t>(count);
  if (!numbers.ok()) return numbers.status();
  if (const auto it = std::ranges::find_if(*numbers, [](int64_t n) { return n < 0; });
      it != numbers->end()) {
    return FileError(path, "holds a negative id", absl::StrCat(*it), "0 or more",
                     "Use ids from 0 on.");
  }
  return std::vector<uint64_t>(numbers->begin(), numbers->end());
}

absl::StatusOr<std::vector<float>> ReadColumn(const std::string& path) {
  auto file = OpenColumn(path);
  if (!file.ok()) return file.status();
  return (*file)->ReadNumbers<float>((*file)->rows() * (*file)->cols());
}

absl::StatusOr<std::unique_ptr<NpyWriter>> NpyWriter::Create(const std::string& path) {
  auto writer = std::unique_ptr<NpyWriter>(new NpyWriter(path));
  writer->file_.open(writer->part_path(), std::ios::binary | std::ios::trunc);
  writer->file_ << std::string(kNpyHeaderBytes, ' ');
  if (!writer->file_) {
    return FileError(path, "cannot be written", writer->part_path(), "a place that can be written",
                     "Check the folder and its permissions.");
  }
  return writer;
}

NpyWriter::~NpyWriter() {
  if (!finished_) std::remove(part_path().c_str());
}

absl::Status NpyWriter::Write(client::MatrixRef rows) {
  cols_ = rows.cols;
  rows_ += rows.rows;
  file_.write(reinterpret_cast<const char*>(rows.data),
              static_cast<std::streamsize>(rows.rows * rows.cols * sizeof(float)));
  return absl::OkStatus();
}

absl::Status NpyWriter::Finish() {
  std::string dictionary = absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (",
                                        rows_, ", ", cols_, "), }");
  constexpr size_t kPrefixBytes = 10;
  dictionary.resize(kNpyHeaderBytes - kPrefixBytes - 1, ' ');
  file_.seekp(0);
  file_.write("\x93NUMPY\x01\x00", 8);
  const auto length = static_cast<uint16_t>(kNpyHeaderBytes - kPrefixBytes);
  file_.write(reinterpret_cast<const char*>(&length), sizeof(length));
  file_ << dictionary << '\n';
  file_.close();
  std::error_code error;
  if (file_) std::filesystem::rename(part_path(), path_, error);
  if (!file_ || error) {
    return FileError(path_, "could not be written to its end", path_, "room on the disk",
                     "Check the disk and try again.");
  }
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace mneme::cli
