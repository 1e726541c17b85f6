#include "CSQLite.h"
#include "CLibrary.h"

#include <string.h>

#define FUNCTIONS(F) \
  F(sqlite3_backup_finish, int, (sqlite3_backup *a), (a)) \
  F(sqlite3_backup_init, sqlite3_backup *, (sqlite3 *a, const char *b, sqlite3 *c, const char *d), (a, b, c, d)) \
  F(sqlite3_backup_pagecount, int, (sqlite3_backup *a), (a)) \
  F(sqlite3_backup_step, int, (sqlite3_backup *a, int b), (a, b)) \
  F(sqlite3_bind_blob64, int, (sqlite3_stmt *a, int b, const void *c, sqlite3_uint64 d, void (*e)(void *)), (a, b, c, d, e)) \
  F(sqlite3_bind_double, int, (sqlite3_stmt *a, int b, double c), (a, b, c)) \
  F(sqlite3_bind_text64, int, (sqlite3_stmt *a, int b, const char *c, sqlite3_uint64 d, void (*e)(void *), unsigned char f), (a, b, c, d, e, f)) \
  F(sqlite3_bind_value, int, (sqlite3_stmt *a, int b, const sqlite3_value *c), (a, b, c)) \
  F(sqlite3_bind_zeroblob, int, (sqlite3_stmt *a, int b, int c), (a, b, c)) \
  F(sqlite3_busy_timeout, int, (sqlite3 *a, int b), (a, b)) \
  F(sqlite3_close_v2, int, (sqlite3 *a), (a)) \
  F(sqlite3_collation_needed, int, (sqlite3 *a, void *b, void (*c)(void *, sqlite3 *, int, const char *)), (a, b, c)) \
  F(sqlite3_column_blob, const void *, (sqlite3_stmt *a, int b), (a, b)) \
  F(sqlite3_column_bytes, int, (sqlite3_stmt *a, int b), (a, b)) \
  F(sqlite3_column_bytes16, int, (sqlite3_stmt *a, int b), (a, b)) \
  F(sqlite3_column_count, int, (sqlite3_stmt *a), (a)) \
  F(sqlite3_column_double, double, (sqlite3_stmt *a, int b), (a, b)) \
  F(sqlite3_column_int64, sqlite3_int64, (sqlite3_stmt *a, int b), (a, b)) \
  F(sqlite3_column_text, const unsigned char *, (sqlite3_stmt *a, int b), (a, b)) \
  F(sqlite3_column_type, int, (sqlite3_stmt *a, int b), (a, b)) \
  F(sqlite3_column_value, sqlite3_value *, (sqlite3_stmt *a, int b), (a, b)) \
  F(sqlite3_complete, int, (const char *a), (a)) \
  F(sqlite3_create_collation_v2, int, (sqlite3 *a, const char *b, int c, void *d, int (*e)(void *, int, const void *, int, const void *), void (*f)(void *)), (a, b, c, d, e, f)) \
  F(sqlite3_create_function_v2, int, (sqlite3 *a, const char *b, int c, int d, void *e, void (*f)(sqlite3_context *, int, sqlite3_value **), void (*g)(sqlite3_context *, int, sqlite3_value **), void (*h)(sqlite3_context *), void (*i)(void *)), (a, b, c, d, e, f, g, h, i)) \
  F(sqlite3_errcode, int, (sqlite3 *a), (a)) \
  F(sqlite3_errmsg, const char *, (sqlite3 *a), (a)) \
  F(sqlite3_errstr, const char *, (int a), (a)) \
  F(sqlite3_file_control, int, (sqlite3 *a, const char *b, int c, void *d), (a, b, c, d)) \
  F(sqlite3_finalize, int, (sqlite3_stmt *a), (a)) \
  F(sqlite3_get_autocommit, int, (sqlite3 *a), (a)) \
  F(sqlite3_libversion, const char *, (void), ()) \
  F(sqlite3_limit, int, (sqlite3 *a, int b, int c), (a, b, c)) \
  F(sqlite3_open_v2, int, (const char *a, sqlite3 **b, int c, const char *d), (a, b, c, d)) \
  F(sqlite3_prepare_v3, int, (sqlite3 *a, const char *b, int c, unsigned int d, sqlite3_stmt **e, const char **f), (a, b, c, d, e, f)) \
  F(sqlite3_randomness, void, (int a, void *b), (a, b)) \
  F(sqlite3_reset, int, (sqlite3_stmt *a), (a)) \
  F(sqlite3_result_double, void, (sqlite3_context *a, double b), (a, b)) \
  F(sqlite3_result_int, void, (sqlite3_context *a, int b), (a, b)) \
  F(sqlite3_set_authorizer, int, (sqlite3 *a, int (*b)(void *, int, const char *, const char *, const char *, const char *), void *c), (a, b, c)) \
  F(sqlite3_step, int, (sqlite3_stmt *a), (a)) \
  F(sqlite3_value_blob, const void *, (sqlite3_value *a), (a)) \
  F(sqlite3_value_bytes, int, (sqlite3_value *a), (a)) \
  F(sqlite3_value_double, double, (sqlite3_value *a), (a)) \
  F(sqlite3_value_int64, sqlite3_int64, (sqlite3_value *a), (a)) \
  F(sqlite3_value_numeric_type, int, (sqlite3_value *a), (a)) \
  F(sqlite3_value_type, int, (sqlite3_value *a), (a)) \
  F(sqlite3_vfs_find, sqlite3_vfs *, (const char *a), (a)) \
  F(sqlite3_vfs_register, int, (sqlite3_vfs *a, int b), (a, b))

// Those that take as many arguments as somebody likes are called here.
#define ALL(F) \
  FUNCTIONS(F) \
  F(sqlite3_db_config) \
  F(sqlite3_snprintf)

COFFER_LIBRARY("libsqlite3.so.0", "libsqlite3-0", ALL);

FUNCTIONS(COFFER_FUNCTION)

const char *coffer_sqlite_problem(void) { return coffer_library_problem(&library); }

int coffer_sqlite_configure(sqlite3 *database, int operation, int value) {
  coffer_library_ready(&library);
  return functions.sqlite3_db_config(database, operation, value, (int *)0);
}

int coffer_sqlite_decimal(double value, char *text, int size) {
  coffer_library_ready(&library);
  functions.sqlite3_snprintf(size, text, "%!.15g", value);
  return (int)strlen(text);
}
