// Starting a program that ends with the thread that started it, which posix_spawn cannot ask for.
#pragma once
#include <stdbool.h>
#include <stddef.h>
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
  // Above all of the child's numbers. What it is not given is closed, below this number and from it on.
  int close_from;
  // Whether it is sent SIGTERM when the thread that starts it ends, however that ends.
  bool ends_with_starter;
};

// Starts the child: the leader of a process group of its own, with default signal handling.
//
// Returns 0 and the child's number, or the code of the error; call then names what failed, for example "execve".
int coffer_start(const struct coffer_child *child, pid_t *identifier, const char **call);

// How many descriptors an order to branch off has at most.
#define COFFER_ORDER_DESCRIPTORS 4

// Sends an order through a SOCK_SEQPACKET socket: bytes, and descriptors. Returns -1 and sets errno where it cannot.
int coffer_send_order(int line, const void *bytes, size_t length, const int *descriptors, int count);

// Receives an order, or whatever else comes with descriptors, which are close-on-exec. Returns its length, 0 at the end of the
// line, and -1 with errno, also where there is none now and it does not wait.
ssize_t coffer_receive_order(int line, void *bytes, size_t capacity, int *descriptors, int *count, bool waits);

// Makes a process that goes on from here, with the caller's parent for its parent: it is that one's to wait for. The caller
// must have no other thread. Returns 0 in the new process, its number in the caller, and -1 with errno.
pid_t coffer_branch_off(void);

// Makes a process that has branched off what coffer_start would have made of it: the leader of a group of its own, which
// gets SIGTERM when the thread ends that started the caller, and has these descriptors, from 0 on, and no others, all of
// which are above these numbers. Returns -1 and sets errno where it cannot.
int coffer_settle(pid_t parent, const int *descriptors, int count);

// The user at the other end of a local socket, when it was connected; -1 and errno where there is none.
long coffer_peer_user(int socket);
