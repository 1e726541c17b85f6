#define _GNU_SOURCE
#include "descriptors.h"

#include <sys/syscall.h>
#include <unistd.h>

// Old kernels have no close_range, and some sandboxes refuse it.
void coffer_close_all_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0) return;
#endif
  long last = sysconf(_SC_OPEN_MAX);
  if (last < 0 || last > 1 << 20) last = 1 << 20;
  for (int number = first; number < last; number++) close(number);
}
