#define _GNU_SOURCE
#include "CSpawn.h"
#include "descriptors.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

union rights {
  char bytes[CMSG_SPACE(COFFER_ORDER_DESCRIPTORS * sizeof(int))];
  struct cmsghdr alignment;
};

int coffer_send_order(int line, const void *bytes, size_t length, const int *descriptors, int count) {
  if (count < 1 || count > COFFER_ORDER_DESCRIPTORS) {
    errno = EINVAL;
    return -1;
  }
  union rights rights;
  memset(&rights, 0, sizeof rights);
  struct iovec piece = {(void *)bytes, length};
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = rights.bytes,
                           .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
  memcpy(CMSG_DATA(header), descriptors, (size_t)count * sizeof(int));
  ssize_t sent;
  do sent = sendmsg(line, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -1 : 0;
}

ssize_t coffer_receive_order(int line, void *bytes, size_t capacity, int *descriptors, int *count, bool waits) {
  union rights rights;
  struct iovec piece = {bytes, capacity};
  struct msghdr message = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = rights.bytes, .msg_controllen = sizeof rights.bytes};
  ssize_t length;
  do length = recvmsg(line, &message, MSG_CMSG_CLOEXEC | (waits ? 0 : MSG_DONTWAIT));
  while (length < 0 && errno == EINTR);
  if (length <= 0) return length;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || header == NULL || header->cmsg_level != SOL_SOCKET ||
      header->cmsg_type != SCM_RIGHTS) {
    errno = EPROTO;
    return -1;
  }
  *count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  memcpy(descriptors, CMSG_DATA(header), (size_t)*count * sizeof(int));
  return length;
}

pid_t coffer_branch_off(void) {
  // What fork() of the C library does besides is for several threads.
  return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}

int coffer_settle(pid_t parent, const int *descriptors, int count) {
  if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return -1;
  // A starter that was killed before that sends nothing any more.
  if (getppid() != parent) {
    errno = ESRCH;
    return -1;
  }
  for (int number = 0; number < count; number++) {
    if (descriptors[number] < count) {
      errno = EBADF;
      return -1;
    }
    if (dup2(descriptors[number], number) < 0) return -1;
  }
  coffer_close_all_from(count);
  return 0;
}
