#define _GNU_SOURCE
#include "CSQLite.h"
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// What the one database of this process is. SQLite hands its system calls no context, so it stands here.
static struct {
  int folder;
  int file;
  char name[NAME_MAX + 1];
  dev_t device;
  ino_t inode;
  // What belongs to a file without a folder: copies of its log and its journal.
  int log;
  int journal;
  char refusal[NAME_MAX + 80];
} place = {.folder = -1, .file = -1, .log = -1, .journal = -1};

enum kind { DATABASE, COMPANION, TEMPORARY, FOREIGN };

static bool is_companion(const char *path) {
  size_t length = strlen(place.name);
  if (place.folder < 0 || strncmp(path, place.name, length) != 0) return false;
  const char *rest = path + length;
  return strcmp(rest, "-journal") == 0 || strcmp(rest, "-wal") == 0 || strcmp(rest, "-shm") == 0;
}

// The copy that stands for a name beside the database; null for any other name, and where there is none.
static int *copy_of(const char *path) {
  size_t length = strlen(place.name);
  if (place.folder >= 0 || strncmp(path, place.name, length) != 0) return NULL;
  int *copy = strcmp(path + length, "-wal") == 0       ? &place.log
              : strcmp(path + length, "-journal") == 0 ? &place.journal
                                                       : NULL;
  return copy != NULL && *copy >= 0 ? copy : NULL;
}

static enum kind kind_of(const char *path) {
  if (strcmp(path, place.name) == 0) return DATABASE;
  if (is_companion(path)) return COMPANION;
  // SQLite's own name for files of sorts and the like, in a folder of such files.
  const char *last = strrchr(path, '/');
  if (last != NULL && strncmp(last + 1, "etilqs_", 7) == 0) return TEMPORARY;
  return FOREIGN;
}

static int refuse(int file, const char *path, const char *why) {
  snprintf(place.refusal, sizeof place.refusal, "%s %s", path, why);
  if (file >= 0) close(file);
  errno = EACCES;
  return -1;
}

static int open_database(const char *path, int flags) {
  if (place.folder < 0) return fcntl(place.file, F_DUPFD_CLOEXEC, 3);
  int file = openat(place.folder, path, (flags & ~O_CREAT) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat facts;
  if (file < 0) return file;
  if (fstat(file, &facts) != 0 || facts.st_dev != place.device || facts.st_ino != place.inode)
    return refuse(file, path, "was exchanged meanwhile");
  return file;
}

static int open_companion(const char *path, int flags, mode_t mode) {
  int file = openat(place.folder, path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, mode);
  struct stat facts, database;
  if (file < 0) {
    if (errno == ELOOP) return refuse(-1, path, "is a link");
    return file;
  }
  if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) return refuse(file, path, "is not a file");
  if (facts.st_nlink > 1) return refuse(file, path, "has further names");
  if (geteuid() == 0 && facts.st_uid != 0) {
    if (fstatat(place.folder, place.name, &database, AT_SYMLINK_NOFOLLOW) != 0 || database.st_uid != facts.st_uid)
      return refuse(file, path, "belongs to another user than the database");
  }
  return file;
}

static int open_temporary(const char *path, int flags) {
  char folder[PATH_MAX];
  const char *last = strrchr(path, '/');
  size_t length = last - path;
  if (length >= sizeof folder) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(folder, path, length);
  folder[length] = 0;
  int file = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  file = open(path, flags | O_EXCL | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  // As of the other kind, nothing is left when it is closed.
  if (file >= 0) unlink(path);
  return file;
}

static int sandboxed_open(const char *path, int flags, int mode) {
  int *copy = copy_of(path);
  if (copy != NULL) return fcntl(*copy, F_DUPFD_CLOEXEC, 3);
  switch (kind_of(path)) {
    case DATABASE: return open_database(path, flags);
    case COMPANION: return open_companion(path, flags, mode);
    case TEMPORARY: return open_temporary(path, flags);
    // Another journal that ours names: it is treated as empty, and stays. What it stands for is then rolled back.
    case FOREIGN: return open("/dev/null", O_RDONLY | O_CLOEXEC);
  }
  return -1;
}

static int sandboxed_unlink(const char *path) {
  int *copy = copy_of(path);
  if (copy != NULL) {
    close(*copy);
    *copy = -1;
    return 0;
  }
  switch (kind_of(path)) {
    case COMPANION: return unlinkat(place.folder, path, 0);
    case TEMPORARY: return unlink(path) == 0 || errno == ENOENT ? 0 : -1;
    case DATABASE:
    case FOREIGN: return 0;
  }
  return 0;
}

static int sandboxed_access(const char *path, int mode) {
  if (path[0] == '/') return access(path, mode);
  if (copy_of(path) != NULL) return 0;
  if (place.folder < 0) {
    errno = ENOENT;
    return -1;
  }
  return faccessat(place.folder, path, mode, AT_EACCESS);
}

static int sandboxed_stat(const char *path, struct stat *facts) {
  if (path[0] == '/') return stat(path, facts);
  int *copy = copy_of(path);
  if (copy != NULL) return fstat(*copy, facts);
  if (place.folder < 0) return fstat(place.file, facts);
  return fstatat(place.folder, path, facts, AT_SYMLINK_NOFOLLOW);
}

static int sandboxed_open_directory(const char *path, int *file) {
  (void)path;
  *file = place.folder < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                           : openat(place.folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return *file >= 0 ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int keep_path(sqlite3_vfs *vfs, const char *path, int size, char *full) {
  (void)vfs;
  snprintf(full, size, "%s", path);
  return (int)strlen(path) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int enter(void) {
  static sqlite3_vfs layer;
  sqlite3_vfs *system = sqlite3_vfs_find("unix");
  if (system == NULL || system->iVersion < 3) return SQLITE_MISUSE;
  const struct {
    const char *name;
    sqlite3_syscall_ptr call;
  } calls[] = {
      {"open", (sqlite3_syscall_ptr)sandboxed_open},     {"unlink", (sqlite3_syscall_ptr)sandboxed_unlink},
      {"access", (sqlite3_syscall_ptr)sandboxed_access}, {"stat", (sqlite3_syscall_ptr)sandboxed_stat},
      {"openDirectory", (sqlite3_syscall_ptr)sandboxed_open_directory},
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    int code = system->xSetSystemCall(system, calls[i].name, calls[i].call);
    if (code != SQLITE_OK) return code;
  }
  layer = *system;
  layer.pNext = NULL;
  layer.zName = COFFER_VFS;
  layer.xFullPathname = keep_path;
  return sqlite3_vfs_register(&layer, 1);
}

int coffer_sqlite_enter_folder(int folder, const char *name, dev_t device, ino_t inode) {
  // SQLite takes these for databases in memory or for URIs.
  if (name[0] == 0 || name[0] == ':' || strncmp(name, "file:", 5) == 0) return SQLITE_CANTOPEN;
  if (strlen(name) > NAME_MAX || strchr(name, '/') != NULL) return SQLITE_CANTOPEN;
  strcpy(place.name, name);
  place.folder = folder;
  place.device = device;
  place.inode = inode;
  return enter();
}

int coffer_sqlite_enter_file(int file) {
  strcpy(place.name, "database");
  place.file = file;
  return enter();
}

int coffer_sqlite_open_part(const char *suffix) {
  char path[NAME_MAX + 16];
  int length = snprintf(path, sizeof path, "%s%s", place.name, suffix);
  if (length < 0 || (size_t)length >= sizeof path || kind_of(path) == FOREIGN) {
    errno = EINVAL;
    return -1;
  }
  return sandboxed_open(path, O_RDONLY, 0);
}

int coffer_sqlite_open_nameless(void) {
  for (const char *const *folder = (const char *const[]){"/var/tmp", "/tmp", NULL}; *folder != NULL; folder++) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/etilqs_coffer", *folder);
    int file = open_temporary(path, O_RDWR);
    if (file >= 0) return file;
  }
  return -1;
}

void coffer_sqlite_turn_to_copies(int file, int log, int journal) {
  strcpy(place.name, "database");
  place.folder = -1;
  place.file = file;
  place.log = log;
  place.journal = journal;
}

const char *coffer_sqlite_refusal(void) { return place.refusal[0] != 0 ? place.refusal : NULL; }
