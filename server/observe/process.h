// What the process itself takes of the machine.
#ifndef MNEME_SERVER_OBSERVE_PROCESS_H_
#define MNEME_SERVER_OBSERVE_PROCESS_H_

#include <cstdint>

namespace mneme::server {

// Bytes of main memory that are resident; 0 where /proc does not tell.
uint64_t ResidentBytes();

// Has large blocks go back to the system as soon as they are freed, and keeps the allocator from
// making a heap for each thread: what is freed is then not resident. Once, before other threads.
void BoundAllocator();

}  // namespace mneme::server

#endif  // MNEME_SERVER_OBSERVE_PROCESS_H_
