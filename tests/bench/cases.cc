#include <array>

#include "tests/bench/case.h"

namespace mneme::bench {

std::span<const Case> Cases() {
  static constexpr std::array<Case, 16> kCases = {{
      {"floors", "What this machine can do: memory, matrix products, disk, bare calls",
       "none: the other cases are read beside it", RunFloors},
      {"exact-1m", "Exact lists of 10 from 1M x 128 Gaussian unit keys (dot), one cue at a time",
       ">= 9x Faiss IndexFlatIP as a user gets it, >= 7x with both on one thread; the same items",
       RunExactMillion},
      {"exact-1m-64", "The same with 64 cues in flight over gRPC, beside Faiss in its own process",
       ">= 4x Faiss IndexFlatIP called with a batch of 64; the same items",
       RunExactMillionInFlight},
      {"exact-fashion",
       "Exact lists of 10 from 60,000 images of 784 numbers (l2), one cue at a time",
       ">= 6x Faiss IndexFlatL2; the same items", RunExactImages},
      {"exact-glove", "Exact lists of 10 from 341,000 word vectors of 100 numbers (cosine)",
       ">= 6x Faiss IndexFlatIP on unit vectors; the same items", RunExactWords},
      {"latency", "A Retrieve of one cue from 100 x 128 items beside a bare echo of its sizes",
       "p50 <= 1.15x echo; p99 at half load <= 2x its p50; p99 beside a running 1M scan <= 1 ms",
       RunLatency,
       "Of the server's CPU for such a Retrieve 7 % is mneme's own code, the rest is gRPC's and "
       "the "
       "kernel's (perf). With client and server on two cores a wake-up waits for whatever runs, so "
       "tails are those of the bare echo, told beside them. What would close it: fewer threads "
       "between socket and handler than gRPC's callback API has, or cores for the client alone"},
      {"durable-store", "Stores of one row, each durable (DISK), 64 in flight",
       ">= 0.7x the smaller of echo calls/s at 64 and 64 x fdatasync/s; by StoreStream >= 0.7x "
       "64 x fdatasync/s or 100,000/s; >= 1.5x PostgreSQL's inserts of one row",
       RunDurableStores,
       "A Store by itself costs the server about 50 us of CPU, half of it calls and wake-ups as in "
       "the echo; PostgreSQL's protocol needs fewer. Rows of a stream share messages and cost 20 "
       "us, "
       "all but 5 of them on the committer: a third in RocksDB (five keys a row: the row, its id, "
       "its log record, its outcome and that one's time), a sixth in write and sync, a sixth in "
       "allocation, a tenth in the estimate of beta while the memory doubles. What would close it: "
       "one record for row and log, one for the outcomes of a session, answers sent by other "
       "threads "
       "than the committer's"},
      {"batch-store", "Stores of many rows of 128 numbers, durable (DISK)",
       ">= 100,000 rows/s, or 80 % of the smaller floor (disk, sgemm)", RunBatchStores},
      {"group-commit", "How many fsyncs many small Stores took", "none", RunGroupCommit},
      {"restart", "Start after kill -9 with 1M x 128 stored",
       "ready within 3 s and the reading time at the disk's measured rate", RunRestart},
      {"inserts", "Inserts while answering: one half of the clients stores, the other asks",
       ">= 5x hnswlib's insert rate; answers' p99 <= 1.5x that without inserts", RunInserts,
       "Stores in a closed loop take all that lists leave. The committer lets scans end before it "
       "takes a group (2 ms at most), without which this was 8 to 69, and then takes cores for its "
       "callers' next Stores; and the memory itself grows by 40,000 rows in a round. What would "
       "close it: a core for answers alone, or Stores admitted at a rate"},
      {"bytes", "Bytes that memories of random specs hold, beside what Forecast promised",
       "within 5 % in each", RunBytes},
      {"binary-scan", "The binary index: 1M codes of 1,024 bits scanned, the best rescored",
       ">= 85 % of the memory bandwidth, by two threads; >= 600 cues/s in batches", RunBinaryScan},
      {"recall-speed", "Queries/s against recall at 10 on word vectors (cosine), one thread",
       "at recall >= 0.999 ahead of hnswlib, Faiss HNSW and USearch; at 0.95 >= 0.9x the best",
       RunRecallSpeed},
      {"recall", "Recalls of 100,000 x 128 items, 64 cues at once, beside two matrix products",
       ">= 0.6x the rate of two sgemm of the same shapes; no scores of all items in memory",
       RunRecall},
      {"linear", "Store and recall of a linear memory beside the BLAS calls of their shapes",
       "none", RunLinear},
  }};
  return kCases;
}

}  // namespace mneme::bench
