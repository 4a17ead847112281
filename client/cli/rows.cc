#include "client/cli/rows.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/context.h"
#include "client/cli/json_lines.h"
#include "client/cli/matrix_file.h"

namespace mneme::cli {
namespace {

// Columns from files of their own, read in step.
class ColumnRows final : public RowSource {
 public:
  static absl::StatusOr<std::unique_ptr<RowSource>> Open(const StoreFiles& files) {
    auto source = std::make_unique<ColumnRows>();
    if (absl::Status status = source->OpenAll(files); !status.ok()) return status;
    return source;
  }

  std::optional<uint64_t> total() const override { return keys_->rows(); }

  absl::StatusOr<Rows> Read(size_t rows_max, size_t bytes_max) override {
    const size_t row_bytes =
        sizeof(float) * (keys_->cols() + (responses_ ? responses_->cols() : 0)) + 1;
    const size_t count = std::clamp<size_t>(bytes_max / row_bytes, 1, rows_max);
    Rows rows;
    auto keys = keys_->Read(count);
    if (!keys.ok()) return keys.status();
    if (auto s = CheckFinite(files_.keys, *keys); !s.ok()) return s;
    rows.keys = *std::move(keys);
    if (responses_) {
      auto responses = responses_->Read(count);
      if (!responses.ok()) return responses.status();
      if (auto s = CheckFinite(files_.responses, *responses); !s.ok()) return s;
      rows.responses = *std::move(responses);
    }
    const auto end = static_cast<std::ptrdiff_t>(next_ + rows.keys.rows);
    const auto begin = static_cast<std::ptrdiff_t>(next_);
    if (!ids_.empty()) rows.ids.assign(ids_.begin() + begin, ids_.begin() + end);
    if (!weights_.empty()) rows.weights.assign(weights_.begin() + begin, weights_.begin() + end);
    next_ += rows.keys.rows;
    return rows;
  }

 private:
  absl::Status OpenAll(const StoreFiles& files) {
    files_ = files;
    auto keys = OpenMatrix(files.keys);
    if (!keys.ok()) return keys.status();
    keys_ = *std::move(keys);
    if (!files.responses.empty()) {
      auto responses = OpenMatrix(files.responses);
      if (!responses.ok()) return responses.status();
      responses_ = *std::move(responses);
      if (auto s = CheckRows(files.responses, responses_->rows()); !s.ok()) return s;
    }
    if (!files.ids.empty()) {
      if (auto s = ReadIds(files.ids); !s.ok()) return s;
      if (auto s = CheckRows(files.ids, ids_.size()); !s.ok()) return s;
    }
    if (!files.weights.empty()) {
      auto weights = ReadColumn(files.weights);
      if (!weights.ok()) return weights.status();
      weights_ = *std::move(weights);
      return CheckRows(files.weights, weights_.size());
    }
    return absl::OkStatus();
  }

  // The server looks at each number too, but can only count the rows of a request.
  absl::Status CheckFinite(const std::string& path, const client::Matrix& batch) const {
    const auto bad = std::ranges::find_if(batch.data, [](float x) { return !std::isfinite(x); });
    if (bad == batch.data.end()) return absl::OkStatus();
    const auto at = static_cast<size_t>(bad - batch.data.begin());
    return UsageError(absl::StrCat(path, " row ", next_ + at / batch.cols, ", column ",
                                   at % batch.cols, " is ", *bad),
                      absl::StrCat(*bad), "finite numbers",
                      "Remove or replace the row. Rows are counted from 0.");
  }

  absl::Status ReadIds(const std::string& path) {
    if (path.ends_with(".npy")) {
      auto numbers = ReadWholeNumbers(path);
      if (!numbers.ok()) return numbers.status();
      for (const uint64_t number : *numbers) ids_.emplace_back(number);
      return absl::OkStatus();
    }
    std::ifstream file(path);
    if (!file) {
      return UsageError(path + ": cannot be opened", path, "a file with an id a line",
                        "Check the name and the permissions.");
    }
    for (std::string line; std::getline(file, line);) {
      if (line.ends_with('\r')) line.pop_back();  // as Windows ends lines
      if (line.empty()) {
        return UsageError(absl::StrCat(path, ": line ", ids_.size() + 1, " is blank"),
                          "a blank line", "an id a line",
                          "Remove the line, or write the id into it.");
      }
      ids_.push_back(ParseId(line));
    }
    if (file.bad()) return LinesBroken(path, ids_.size());
    return absl::OkStatus();
  }

  absl::Status CheckRows(const std::string& path, size_t rows) const {
    if (rows == keys_->rows()) return absl::OkStatus();
    return UsageError(path + ": has not as many rows as there are keys", absl::StrCat(rows),
                      absl::StrCat(keys_->rows()), "Give one row for each key.");
  }

  StoreFiles files_;
  std::unique_ptr<MatrixFile> keys_;
  std::unique_ptr<MatrixFile> responses_;
  std::vector<client::ItemId> ids_;
  std::vector<float> weights_;
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(const StoreFiles& files, std::istream& in) {
  const bool json = files.keys == "-" || files.keys.ends_with(".jsonl");
  if (!json) return ColumnRows::Open(files);
  for (const std::string& other : {files.responses, files.ids, files.weights}) {
    if (other.empty()) continue;
    return UsageError("JSON Lines bring all their columns", other, "no file beside it",
                      "Put \"response\", \"id\" and \"weight\" into the lines.");
  }
  return OpenJsonLines(files.keys, in);
}

absl::Status LinesBroken(const std::string& name, uint64_t lines) {
  return UsageError(name + ": could not be read to its end",
                    absl::StrCat("an error behind ", lines, " lines"), "a file on a sound disk",
                    "Check that it is no folder and the disk has no errors; try again.");
}

client::ItemId ParseId(const std::string& text) {
  constexpr std::string_view kText = "text:";
  constexpr std::string_view kNumber = "number:";
  uint64_t number = 0;
  if (text.starts_with(kText)) return client::ItemId(text.substr(kText.size()));
  if (text.starts_with(kNumber) && absl::SimpleAtoi(text.substr(kNumber.size()), &number)) {
    return client::ItemId(number);
  }
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (digits && absl::SimpleAtoi(text, &number)) return client::ItemId(number);
  return client::ItemId(text);
}

std::string FormatId(const client::ItemId& id) {
  const std::string text = id.ToString();
  return ParseId(text) == id ? text : "text:" + text;
}

absl::StatusOr<std::vector<float>> ParseNumbers(const std::string& text) {
  std::vector<float> numbers;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    float number = 0;
    if (!absl::SimpleAtof(part, &number)) {
      return UsageError("not a list of numbers", text, "numbers with commas between: 0.1,0.2,-3",
                        "Write the numbers without anything else.");
    }
    numbers.push_back(number);
  }
  return numbers;
}

}  // namespace mneme::cli
