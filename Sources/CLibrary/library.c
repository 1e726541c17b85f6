#include "CLibrary.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Stands in the place of every function of a library that is not there; which library it is has no room in a call.
static void missing(void) {
  static const char text[] = "coffer: A library that is needed cannot be loaded; 'ldconfig -p' shows which there are\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) {}
  _exit(127);
}

static void set(struct coffer_library *library, size_t number, void *function) {
  memcpy((char *)library->functions + number * sizeof function, &function, sizeof function);
}

static void load(struct coffer_library *library) {
  void *handle = dlopen(library->file, RTLD_LAZY | RTLD_LOCAL);
  if (!handle) {
    snprintf(
      library->problem, sizeof library->problem, "%s cannot be loaded; on Debian it is in the package %s", library->file,
      library->package);
  }
  for (size_t number = 0; handle && number < library->count; number++) {
    void *function = dlsym(handle, library->names[number]);
    if (!function) {
      snprintf(library->problem, sizeof library->problem, "%s has no %s", library->file, library->names[number]);
      break;
    }
    set(library, number, function);
  }
  if (!library->problem[0]) return;
  for (size_t number = 0; number < library->count; number++) set(library, number, (void *)missing);
}

void coffer_library_open(struct coffer_library *library) {
  pthread_mutex_lock(&library->lock);
  if (!atomic_load_explicit(&library->isOpen, memory_order_relaxed)) {
    load(library);
    atomic_store_explicit(&library->isOpen, true, memory_order_release);
  }
  pthread_mutex_unlock(&library->lock);
}
