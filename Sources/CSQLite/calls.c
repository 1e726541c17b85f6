#include "CSQLite.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

int coffer_sqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
  if (count == 0) return sqlite3_bind_zeroblob(statement, index, 0);
  return sqlite3_bind_blob64(statement, index, bytes, count, SQLITE_TRANSIENT);
}

int coffer_sqlite_bind_text(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count) {
  return sqlite3_bind_text64(statement, index, count == 0 ? "" : bytes, count, SQLITE_TRANSIENT, SQLITE_UTF8);
}

// M times two to the power of E.
static void from_parts(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  sqlite3_int64 exponent = sqlite3_value_int64(values[1]);
  if (exponent > 4096) exponent = 4096;
  if (exponent < -4096) exponent = -4096;
  sqlite3_result_double(context, ldexp((double)sqlite3_value_int64(values[0]), (int)exponent));
}

// The eight bytes of a number, the most significant first.
static void from_blob(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  if (sqlite3_value_type(values[0]) != SQLITE_BLOB || sqlite3_value_bytes(values[0]) != sizeof(double)) return;
  const unsigned char *bytes = sqlite3_value_blob(values[0]);
  uint64_t pattern = 0;
  double number;
  for (size_t i = 0; i < sizeof pattern; i++) pattern = pattern << 8 | bytes[i];
  memcpy(&number, &pattern, sizeof number);
  sqlite3_result_double(context, number);
}

int coffer_sqlite_add_number_functions(sqlite3 *database) {
  const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  int code = sqlite3_create_function_v2(database, "ieee754", 2, flags, NULL, from_parts, NULL, NULL, NULL);
  if (code != SQLITE_OK) return code;
  return sqlite3_create_function_v2(database, "ieee754_from_blob", 1, flags, NULL, from_blob, NULL, NULL, NULL);
}

static int compare_bytes(void *context, int firstLength, const void *first, int secondLength, const void *second) {
  (void)context;
  int order = memcmp(first, second, firstLength < secondLength ? firstLength : secondLength);
  return order != 0 ? order : firstLength - secondLength;
}

static void add_collation(void *context, sqlite3 *database, int encoding, const char *name) {
  (void)context;
  sqlite3_create_collation_v2(database, name, encoding, NULL, compare_bytes, NULL);
}

int coffer_sqlite_accept_unknown_collations(sqlite3 *database) {
  return sqlite3_collation_needed(database, NULL, add_collation);
}

static void converts(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  int before = sqlite3_value_type(values[0]);
  double number = sqlite3_value_double(values[0]);
  bool isWhole = before == SQLITE_FLOAT && fabs(number) < 9.3e18 && number == floor(number);
  sqlite3_result_int(context, isWhole || sqlite3_value_numeric_type(values[0]) != before);
}

int coffer_sqlite_add_conversion_test(sqlite3 *database) {
  return sqlite3_create_function_v2(database, "coffer_converts", 1, SQLITE_UTF8 | SQLITE_INNOCUOUS, NULL, converts, NULL, NULL, NULL);
}

int coffer_sqlite_read_file(sqlite3 *database, void *bytes, int count, sqlite3_int64 offset) {
  sqlite3_file *file = NULL;
  int code = sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code != SQLITE_OK) return code;
  if (file == NULL || file->pMethods == NULL) return SQLITE_MISUSE;
  return file->pMethods->xRead(file, bytes, count, offset);
}
