#define _GNU_SOURCE
#include "CSpawn.h"
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct failure {
  const char *call;
  int code;
};

static int place(int ours, int number) {
  // A copy of a descriptor on itself would stay close-on-exec.
  if (ours == number) return fcntl(number, F_SETFD, 0);
  return dup2(ours, number) < 0 ? -1 : 0;
}

static int place_file(const char *path, int flags, int number) {
  // A FIFO that nobody reads any more is an error; to wait for a reader would hold up every other start.
  int from = open(path, flags | O_CLOEXEC | (flags == O_WRONLY ? O_NONBLOCK : 0));
  if (from < 0 || fcntl(from, F_SETFL, 0) != 0 || place(from, number) != 0) return -1;
  return from == number ? 0 : close(from);
}

static int place_stream(const char *path, int flags, int ours, int number) {
  return path == NULL ? place(ours, number) : place_file(path, flags, number);
}

static bool is_given(const struct coffer_child *child, int number) {
  for (int index = 0; index < child->count; index++) {
    if (child->theirs[index] == number) return true;
  }
  return false;
}

// The child's way from its birth to the program. It shares the starter's memory: nothing is allocated or changed but what
// it fails with.
static void become(const struct coffer_child *child, pid_t parent, volatile struct failure *failure) {
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
  failure->call = "setpgid";
  if (setpgid(0, 0) != 0) return;
  if (child->ends_with_starter) {
    failure->call = "prctl";
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return;
    // A starter that was killed before that sends nothing any more.
    if (getppid() != parent) _exit(127);
  }
  failure->call = "chdir";
  if (child->folder != NULL && chdir(child->folder) != 0) return;
  failure->call = "open";
  if (place_stream(child->input_path, O_RDONLY, child->input, 0) != 0) return;
  if (place_stream(child->output_path, O_WRONLY, child->output, 1) != 0) return;
  failure->call = "dup2";
  if (place(child->error, 2) != 0) return;
  for (int index = 0; index < child->count; index++) {
    if (dup2(child->ours[index], child->theirs[index]) < 0) return;
  }
  // One that our own starter left open stands between them, perhaps.
  for (int number = 3; number < child->close_from; number++) {
    if (!is_given(child, number)) close(number);
  }
  coffer_close_all_from(child->close_from);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  failure->call = "execve";
  execve(child->path, child->arguments, child->environment);
}

int coffer_start(const struct coffer_child *child, pid_t *identifier, const char **call) {
  volatile struct failure failure = {NULL, 0};
  pid_t parent = getpid();
  sigset_t all, before;
  sigfillset(&all);
  // No handler may run in the child while it shares our memory.
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t started = vfork();
  if (started == 0) {
    become(child, parent, &failure);
    failure.code = errno;
    _exit(127);
  }
  int code = started < 0 ? errno : 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  *call = "vfork";
  if (code != 0) return code;
  if (failure.code != 0) {
    *call = failure.call;
    while (waitpid(started, NULL, 0) < 0 && errno == EINTR) {}
    return failure.code;
  }
  *identifier = started;
  return 0;
}
