// A shared library that is opened when the first of its functions is called, and not when the program starts.
//
// A library's functions are named once, in a macro that takes another: F(name, result, parameters, arguments). Out of it are
// made the table of their addresses (COFFER_FIELD), their names (COFFER_NAME), and functions of the same names and types, which
// callers are linked to in the place of the library's (COFFER_FUNCTION). Nobody outside of the program sees those: what other
// libraries call goes to the library itself.
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct coffer_library {
  // What the system's loader looks for, and the package of Debian that has it.
  const char *file, *package;
  const char *const *names;
  // As many addresses of functions as there are names.
  void *functions;
  size_t count;
  pthread_mutex_t lock;
  atomic_bool isOpen;
  // Why its functions cannot be called; empty when they can.
  char problem[256];
};

// Opens a library, unless it is open. Where that fails, or a function is missing, `problem` says so, and every function of it
// ends the program with 127, as the system's loader would have at the start.
void coffer_library_open(struct coffer_library *library);

static inline void coffer_library_ready(struct coffer_library *library) {
  if (!atomic_load_explicit(&library->isOpen, memory_order_acquire)) coffer_library_open(library);
}

// Returns why a library's functions cannot be called; NULL when they can.
static inline const char *coffer_library_problem(struct coffer_library *library) {
  coffer_library_ready(library);
  return library->problem[0] ? library->problem : NULL;
}

#define COFFER_FIELD(name, ...) __typeof__(&name) name;
#define COFFER_NAME(name, ...) #name,
#define COFFER_FUNCTION(name, result, parameters, arguments) \
  __attribute__((visibility("hidden"))) result name parameters { \
    coffer_library_ready(&library); \
    return functions.name arguments; \
  }

// Defines `functions` and `library` for the file that says it.
#define COFFER_LIBRARY(file, package, list) \
  static struct { \
    list(COFFER_FIELD) \
  } functions; \
  static const char *const names[] = {list(COFFER_NAME)}; \
  _Static_assert(sizeof functions == sizeof names, "A name for each function"); \
  static struct coffer_library library = { \
    file, package, names, &functions, sizeof names / sizeof *names, PTHREAD_MUTEX_INITIALIZER, false, ""}
