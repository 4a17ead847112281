// A backup as people see it.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_BACKUPS_H_
#define MNEME_CLIENT_CLI_BACKUPS_H_

#include <ostream>

#include "mneme/admin.h"

namespace mneme::cli {

// When it was made, its bytes, and a table of the memories and positions that it holds.
void PrintBackup(const client::Backup& backup, std::ostream& out);

// The memories that came back, and what was compared.
void PrintRestored(const client::Restored& restored, std::ostream& out);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_BACKUPS_H_
