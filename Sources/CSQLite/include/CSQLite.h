// What the program calls of SQLite's library, which is opened when it is needed, and what of it Swift cannot call: variadic
// functions, casts that stand in macros, and a file layer that reaches nothing but one database.
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

// Returns why nothing of the library can be called; NULL when it can.
const char *coffer_sqlite_problem(void);

// The name by which sqlite3_open_v2 finds the file layer below.
#define COFFER_VFS "coffer"

// Makes every later open of this process by the layer COFFER_VFS end at one database: `name` in the open folder `folder`, the
// file of that device and inode and no other. Beside it, only its journal, write-ahead log and shared memory can be reached
// or removed, and only those that are plain files, not links; as root, also none that belong to somebody else than the
// database. What else a journal may name is neither opened nor removed.
//
// Process-wide, as SQLite's table of system calls is: for a process that does nothing else. Returns a SQLite result code.
int coffer_sqlite_enter_folder(int folder, const char *name, dev_t device, ino_t inode);

// The same for a database that is an open file without a name: it cannot have a journal or a write-ahead log.
int coffer_sqlite_enter_file(int file);

// Opens the database of the folder that was entered, or what is beside it ("-wal", "-journal"; "" for itself), for reading,
// as the layer does for SQLite. Returns a descriptor, or -1 with errno.
int coffer_sqlite_open_part(const char *suffix);

// Opens an empty file without a name for reading and writing. Returns a descriptor, or -1 with errno.
int coffer_sqlite_open_nameless(void);

// Leaves the folder that was entered for open files without names, which are from now on "database", its log and its journal;
// -1 for a journal that is not there. The descriptors stay open.
void coffer_sqlite_turn_to_copies(int file, int log, int journal);

// Becomes another user for good, with these groups, the first of them the primary one; gains no rights by any program, and
// still ends with the process that started it. Returns 0, or -1 with errno.
int coffer_sqlite_become(uid_t user, const gid_t *groups, size_t count);

// Files that could not be opened by their look, as a text for messages; nil when there was none.
const char *coffer_sqlite_refusal(void);

// sqlite3_db_config for the operations that take a number. Returns a SQLite result code.
int coffer_sqlite_configure(sqlite3 *database, int operation, int value);

// sqlite3_bind_blob64 and sqlite3_bind_text64 (UTF-8) that copy the bytes.
int coffer_sqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count);
int coffer_sqlite_bind_text(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count);

// Writes a number as `printf('%!.15g')` does; returns the length. `size` is at least 64.
int coffer_sqlite_decimal(double value, char *text, int size);

// Gives the connection the functions ieee754(M, E) and ieee754_from_blob(B), which the program sqlite3 has and the library
// has not, and which dumps use. Returns a SQLite result code.
int coffer_sqlite_add_number_functions(sqlite3 *database);

// Lets the connection compare by bytes where a collation is unknown. Right only for statements that do not depend on an
// order. Returns a SQLite result code.
int coffer_sqlite_accept_unknown_collations(sqlite3 *database);

// Gives the connection the function coffer_converts(X): 1 where a column of a number's affinity would turn X into another
// type of value when it is stored, else 0. Returns a SQLite result code.
int coffer_sqlite_add_conversion_test(sqlite3 *database);

// Reads bytes of the connection's main database file as they stand there. Returns a SQLite result code.
int coffer_sqlite_read_file(sqlite3 *database, void *bytes, int count, sqlite3_int64 offset);
