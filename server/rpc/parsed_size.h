// How much main memory a message takes once it is parsed, told from its bytes.
//
// A message of many small parts takes thirty times its bytes: what is charged for a large one must
// be known before gRPC parses it. Tags are read and contents skipped, so that a batch of vectors
// costs next to nothing: it is the parts that take time, some 10 ns each.
#ifndef MNEME_SERVER_RPC_PARSED_SIZE_H_
#define MNEME_SERVER_RPC_PARSED_SIZE_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <cstdint>

namespace mneme::server {

// An upper bound of what the message of `type` in `bytes` takes, within a small factor; reading
// ends once it is more than `most`, or where the bytes are no message. `type`: of a request of
// AllRpcs, or of a part of one. Thread-safe.
uint64_t ParsedSize(const google::protobuf::Descriptor& type,
                    google::protobuf::io::ZeroCopyInputStream& bytes, uint64_t most);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_PARSED_SIZE_H_
