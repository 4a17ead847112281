// JSON Lines as somebody may hand them over: any text.
#include "client/cli/json_lines.h"

#include <cmath>
#include <sstream>

#include "client/cli/json.h"
#include "core/base/status.h"
#include "tests/fuzz/fuzz.h"

namespace mneme::fuzz {
namespace {

constexpr size_t kRowsAtOnce = 2;
constexpr size_t kBytesAtOnce = 1 << 10;

bool Finite(const client::Matrix& matrix) {
  return std::all_of(matrix.data.begin(), matrix.data.end(),
                     [](float x) { return std::isfinite(x); });
}

// A column has an entry for each row, or none at all.
void CheckColumns(const cli::Rows& rows) {
  const size_t n = rows.keys.rows;
  for (const client::Matrix* matrix : {&rows.keys, &rows.responses}) {
    MNEME_CHECK(matrix->rows == n || matrix->rows == 0);
    MNEME_CHECK(matrix->data.size() == matrix->rows * matrix->cols && Finite(*matrix));
  }
  for (const size_t size :
       {rows.ids.size(), rows.weights.size(), rows.payloads.size(), rows.attributes.size()}) {
    MNEME_CHECK(size == n || size == 0);
  }
}

client::Item ItemOf(const cli::Rows& rows, size_t i) {
  client::Item item;
  item.key.assign(rows.keys.row(i).begin(), rows.keys.row(i).end());
  if (!rows.ids.empty()) item.id = rows.ids[i];
  if (!rows.payloads.empty()) item.payload = rows.payloads[i];
  if (!rows.attributes.empty()) item.attributes = rows.attributes[i];
  return item;
}

// An item that is printed can be stored again.
void CheckPrint(const cli::Rows& rows, size_t i) {
  const client::Item item = ItemOf(rows, i);
  std::istringstream printed(cli::Dump(cli::ToJson(item)));
  auto source = cli::OpenJsonLines("-", printed);
  MNEME_CHECK(source.ok());
  const auto back = (*source)->Read(kRowsAtOnce, kBytesAtOnce);
  MNEME_CHECK(back.ok() && back->keys.rows == 1);
  const client::Item again = ItemOf(*back, 0);
  MNEME_CHECK(again.key == item.key && again.id == item.id && again.payload == item.payload);
  MNEME_CHECK(again.attributes == item.attributes);
}

}  // namespace

void TestOne(std::string_view bytes) {
  std::istringstream in{std::string(bytes)};
  auto source = cli::OpenJsonLines("-", in);
  MNEME_CHECK(source.ok());
  for (;;) {
    const auto rows = (*source)->Read(kRowsAtOnce, kBytesAtOnce);
    if (!rows.ok()) {
      MNEME_CHECK(rows.status().code() == absl::StatusCode::kInvalidArgument);
      MNEME_CHECK(rows.status().message().find("line") != absl::string_view::npos);
      return;
    }
    CheckColumns(*rows);
    if (rows->keys.rows == 0) return;
    for (size_t i = 0; i < rows->keys.rows; ++i) CheckPrint(*rows, i);
  }
}

std::vector<Seed> Seeds() {
  return {
      {"arrays", "[1, 2, 3]\n\n[4.5, -5e-3, 6]\n"},
      {"items", R"({"id": 7, "key": [0.5, 1], "response": [1], "weight": 2, "payload": "text"})"
                "\n"
                R"({"id": "anna", "key": [1, 2], "response": [0], "payload_base64": "/wA="})"
                "\n"},
      {"attributes",
       R"({"key": [1], "attributes": {"year": 1999, "rating": 4.5, "ok": true, "tags": ["a", "b"],)"
       R"( "at": {"timestamp": "1999-12-31T23:59:59Z"}, "sizes": [1, 2], "shares": [0.5, 1.5]}})"
       "\n"},
      {"too_large", "[1e300]\n"},
      {"whole_too_large", "{\"key\": [1], \"attributes\": {\"a\": 18446744073709551615}}"},
      {"time_too_late",
       R"({"key": [1], "attributes": {"at": {"timestamp": "9999-12-31T23:59:59Z"}}})"},
      {"no_numbers", "[]"},
      {"nested", R"({"key": [[[[1]]]], "weight": [[[]]]})"},
      {"unknown_field", R"({"key": [1], "colour": "red"})"},
  };
}

}  // namespace mneme::fuzz
