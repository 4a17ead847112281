// sqlite-vec, a table of vectors in SQLite, from the extension that its Python wheel brings
// (tests/tools/fetch-peers). It scans all rows; the database lies in memory, which is its best.
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/bench/peer.h"

namespace mneme::bench {
namespace {

// A peer that fails has nothing to say: mneme-bench reports that it ended.
void Must(bool good, sqlite3* database) {
  if (good) return;
  std::fprintf(stderr, "sqlite-vec: %s\n", sqlite3_errmsg(database));
  std::exit(1);
}

class SqliteVecPeer final : public Peer {
 public:
  explicit SqliteVecPeer(const PeerSpec& spec) : dim_(spec.dim) {
    Must(sqlite3_open(":memory:", &database_) == SQLITE_OK, database_);
    sqlite3_enable_load_extension(database_, 1);
    Must(sqlite3_load_extension(database_, MNEME_BENCH_SQLITE_VEC, nullptr, nullptr) == SQLITE_OK,
         database_);
    // Unit vectors: their order by inner product is that by distance.
    Execute("CREATE VIRTUAL TABLE items USING vec0(key float[" + std::to_string(dim_) + "])");
    insert_ = Prepare("INSERT INTO items(rowid, key) VALUES (?, ?)");
    search_ = Prepare("SELECT rowid FROM items WHERE key MATCH ? AND k = ? ORDER BY distance");
  }
  ~SqliteVecPeer() override {
    sqlite3_finalize(insert_);
    sqlite3_finalize(search_);
    sqlite3_close(database_);
  }
  SqliteVecPeer(const SqliteVecPeer&) = delete;
  SqliteVecPeer& operator=(const SqliteVecPeer&) = delete;

  void Add(const float* rows, size_t count, size_t first) override {
    Execute("BEGIN");
    for (size_t i = 0; i < count; ++i) {
      sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(first + i));
      BindVector(insert_, 2, rows + i * dim_);
      Must(sqlite3_step(insert_) == SQLITE_DONE, database_);
      sqlite3_reset(insert_);
    }
    Execute("COMMIT");
  }

  void Search(const float* cues, size_t count, size_t k, int64_t* ids) override {
    std::fill_n(ids, count * k, -1);
    for (size_t i = 0; i < count; ++i) {
      BindVector(search_, 1, cues + i * dim_);
      sqlite3_bind_int64(search_, 2, static_cast<sqlite3_int64>(k));
      int status = sqlite3_step(search_);
      for (size_t j = 0; j < k && status == SQLITE_ROW; ++j) {
        ids[i * k + j] = sqlite3_column_int64(search_, 0);
        status = sqlite3_step(search_);
      }
      Must(status == SQLITE_DONE || status == SQLITE_ROW, database_);
      sqlite3_reset(search_);
    }
  }

 private:
  void Execute(const std::string& sql) {
    Must(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK, database_);
  }
  sqlite3_stmt* Prepare(const char* sql) {
    sqlite3_stmt* out = nullptr;
    Must(sqlite3_prepare_v2(database_, sql, -1, &out, nullptr) == SQLITE_OK, database_);
    return out;
  }
  void BindVector(sqlite3_stmt* statement, int place, const float* vector) {
    sqlite3_bind_blob(statement, place, vector, static_cast<int>(dim_ * sizeof(float)),
                      SQLITE_STATIC);
  }

  size_t dim_;
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* search_ = nullptr;
};

}  // namespace

std::unique_ptr<Peer> MakeSqliteVec(const PeerSpec& spec) {
  return std::make_unique<SqliteVecPeer>(spec);
}

}  // namespace mneme::bench
