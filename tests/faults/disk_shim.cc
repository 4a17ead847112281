// A library to load before libc (LD_PRELOAD) into a daemon whose disk is to be slow, full or
// broken. What is to happen stands in the file that DISK_SHIM names, looked at on every call:
//
//   delay MS     fsync and fdatasync take MS milliseconds longer
//   stuck        they do not end while the file says so
//   fail         they fail with EIO
//   full         writes to regular files fail with ENOSPC, and statvfs tells of no free block
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace {

constexpr int kStuckLookMillis = 10;

struct Mode {
  int delay_ms = 0;
  bool stuck = false;
  bool fail = false;
  bool full = false;
};

Mode Look() {
  Mode mode;
  const char* const path = getenv("DISK_SHIM");
  FILE* const file = path == nullptr ? nullptr : fopen(path, "re");
  if (file == nullptr) return mode;
  char word[16] = "";
  if (fscanf(file, "%15s", word) == 1) {
    mode.fail = strcmp(word, "fail") == 0;
    mode.stuck = strcmp(word, "stuck") == 0;
    mode.full = strcmp(word, "full") == 0;
    if (strcmp(word, "delay") == 0 && fscanf(file, "%d", &mode.delay_ms) != 1) mode.delay_ms = 0;
  }
  fclose(file);
  return mode;
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int Sync(const char* name, int file) {
  while (Look().stuck) poll(nullptr, 0, kStuckLookMillis);
  const Mode mode = Look();
  if (mode.delay_ms > 0) poll(nullptr, 0, mode.delay_ms);
  if (!mode.fail) return Next<int(int)>(name)(file);
  errno = EIO;
  return -1;
}

bool IsFull(int file) {
  struct stat what;
  if (fstat(file, &what) != 0 || !S_ISREG(what.st_mode) || !Look().full) return false;
  errno = ENOSPC;
  return true;
}

}  // namespace

extern "C" {

int fsync(int file) { return Sync("fsync", file); }
int fdatasync(int file) { return Sync("fdatasync", file); }

ssize_t write(int file, const void* data, size_t bytes) {
  if (IsFull(file)) return -1;
  return Next<ssize_t(int, const void*, size_t)>("write")(file, data, bytes);
}
ssize_t pwrite64(int file, const void* data, size_t bytes, off64_t offset) {
  if (IsFull(file)) return -1;
  return Next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64")(file, data, bytes, offset);
}
ssize_t pwrite(int file, const void* data, size_t bytes, off_t offset) {
  if (IsFull(file)) return -1;
  return Next<ssize_t(int, const void*, size_t, off_t)>("pwrite")(file, data, bytes, offset);
}
int statvfs(const char* path, struct statvfs* answer) {
  const int result = Next<int(const char*, struct statvfs*)>("statvfs")(path, answer);
  if (result == 0 && Look().full) answer->f_bavail = answer->f_bfree = 0;
  return result;
}
}
