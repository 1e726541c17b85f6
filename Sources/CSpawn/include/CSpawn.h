// Starting a program that ends with the thread that started it, which posix_spawn cannot ask for.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

// What a child is to be. Paths that are NULL are not used.
struct coffer_child {
  const char *path;
  char *const *arguments;
  char *const *environment;
  const char *folder;
  // Opened by the child in place of its first two streams; where NULL, the descriptor beside it is used.
  const char *input_path;
  const char *output_path;
  int input;
  int output;
  int error;
  // Further descriptors: ours, and the child's numbers for them. Ours are above all of the child's.
  int count;
  const int *ours;
  const int *theirs;
  // All descriptors of the child from this number on are closed.
  int close_from;
  // Whether it is sent SIGTERM when the thread that starts it ends, however that ends.
  bool ends_with_starter;
};

// Starts the child: the leader of a process group of its own, with default signal handling.
//
// Returns 0 and the child's number, or the code of the error; call then names what failed, for example "execve".
int coffer_start(const struct coffer_child *child, pid_t *identifier, const char **call);
