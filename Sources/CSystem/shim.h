// Linux interfaces that the toolchain's Glibc module leaves out.
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/types.h>
#include <unistd.h>

// Declared here because the headers want _GNU_SOURCE for them, which would change types that other modules see.
extern int pipe2(int ends[2], int flags);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);
