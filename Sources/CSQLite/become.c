#define _GNU_SOURCE
#include "CSQLite.h"
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

int coffer_sqlite_become(uid_t user, const gid_t *groups, size_t count) {
  pid_t starter = getppid();
  if (count == 0) {
    errno = EINVAL;
    return -1;
  }
  if (setgroups(count, groups) != 0 || setresgid(groups[0], groups[0], groups[0]) != 0) return -1;
  if (setresuid(user, user, user) != 0) return -1;
  if (user != 0 && setresuid(0, 0, 0) == 0) {
    errno = EPERM;
    return -1;
  }
  // The kernel forgets the signal when the user changes.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return -1;
  if (getppid() != starter) {
    errno = ESRCH;
    return -1;
  }
  return 0;
}
