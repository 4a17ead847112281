// Numbers and tables for people.
//
// Threads: plain functions and values.
#ifndef MNEME_CLIENT_CLI_TEXT_H_
#define MNEME_CLIENT_CLI_TEXT_H_

#include <chrono>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "mneme/types.h"

namespace mneme::cli {

// Characters on the screen: of UTF-8, none of double width.
size_t Width(const std::string& text);
// At most `width` of them.
std::string Cut(const std::string& text, size_t width);

std::string FormatCount(uint64_t count);            // "10,000"
std::string FormatBytes(uint64_t bytes);            // "31.4 MiB"
std::string FormatNumber(double number);            // four significant digits
std::string FormatPercent(double share);            // "75 %", "0.4 %", "99.9 %", "100 %"
std::string FormatBar(double share, size_t width);  // "████░░░░", full when share >= 1
std::string FormatRate(double per_second);          // "12.3k"
std::string FormatTimeLeft(std::chrono::seconds seconds);  // "1:05", "2:00:00"
std::string FormatTime(client::Timestamp time);            // RFC 3339, UTC, to the nanosecond
std::string FormatSeconds(client::Timestamp time);         // "2024-05-01 12:00:00 UTC"
std::string FormatVector(std::span<const float> numbers);  // "[0.1, 0.2, 0.3, ... 784 numbers]"

// Columns as wide as their widest cell, two spaces apart; numbers to the right.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    bool only_if_filled = false;  // left out where all its cells are empty
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as there are columns.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  void Print(std::ostream& out) const;

 private:
  // By place: those that are printed.
  std::vector<size_t> Shown() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_TEXT_H_
