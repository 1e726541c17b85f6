// Linux interfaces that the toolchain's Glibc module leaves out.
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/types.h>
#include <unistd.h>

// Declared here because <unistd.h> wants _GNU_SOURCE for it, which would change types that other modules see.
extern int pipe2(int ends[2], int flags);
