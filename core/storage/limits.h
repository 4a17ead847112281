// Bounds of the storage that others must know.
#ifndef MNEME_CORE_STORAGE_LIMITS_H_
#define MNEME_CORE_STORAGE_LIMITS_H_

namespace mneme::storage {

// Table files kept open once the database is.
inline constexpr int kOpenFilesMax = 1024;

}  // namespace mneme::storage

#endif  // MNEME_CORE_STORAGE_LIMITS_H_
