// What gRPC itself has to say, which is mostly why a connection was refused: into the server's log.
#ifndef MNEME_SERVER_AUTH_GRPC_LOG_H_
#define MNEME_SERVER_AUTH_GRPC_LOG_H_

namespace mneme::server {

// Lines a second; whoever knocks more often is not told of each time.
inline constexpr double kGrpcLinesPerSecond = 10;

// For the whole process. Errors become warnings, the rest is for level debug.
void TakeOverGrpcLog();

}  // namespace mneme::server

#endif  // MNEME_SERVER_AUTH_GRPC_LOG_H_
