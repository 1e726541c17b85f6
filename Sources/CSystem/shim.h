// Linux interfaces that the toolchain's Glibc module leaves out.
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

// Declared here because the headers want _GNU_SOURCE for them, which would change types that other modules see.
extern int pthread_setname_np(pthread_t thread, const char *name);
extern int renameat2(int oldFolder, const char *oldName, int newFolder, const char *newName, unsigned flags);
extern int pthread_cond_clockwait(pthread_cond_t *, pthread_mutex_t *, clockid_t clock, const struct timespec *time);
extern int pipe2(int ends[2], int flags);
extern int memfd_create(const char *name, unsigned flags);
extern int syncfs(int file);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int first);

// O_PATH of asm-generic/fcntl.h, which the headers want _GNU_SOURCE for, too.
static const int coffer_open_path = 010000000;

// MFD_CLOEXEC of linux/memfd.h.
static const unsigned coffer_memory_file_closes = 1;

// SEEK_DATA, SEEK_HOLE, O_NOATIME and AT_EMPTY_PATH, which they want it for as well.
static const int coffer_seek_data = 3;
static const int coffer_seek_hole = 4;
static const int coffer_open_without_access_time = 01000000;
static const int coffer_at_empty_path = 0x1000;

// POSIX_SPAWN_SETSID of spawn.h, likewise.
static const short coffer_spawn_session = 0x80;

// Macros cannot be called from Swift.
static inline unsigned coffer_major(unsigned long device) { return gnu_dev_major(device); }
static inline unsigned coffer_minor(unsigned long device) { return gnu_dev_minor(device); }
static inline unsigned long coffer_device(unsigned major, unsigned minor) { return gnu_dev_makedev(major, minor); }

// Whether an open folder is one of those in which the kernel shows processes (PROC_SUPER_MAGIC of linux/magic.h).
static inline int coffer_shows_processes(int folder) {
  struct statfs facts;
  return fstatfs(folder, &facts) == 0 && facts.f_type == 0x9fa0;
}

// Opens a folder below an open one by the way to it, on which no link is followed, and which leads nowhere else. Linux has it from 5.6
// on, and some sandboxes refuse it: -1 and errno.
static inline int coffer_open_folder_below(int folder, const char *way) {
  struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  return (int)syscall(SYS_openat2, folder, way, &how, sizeof how);
}

// Begins to write what of a file is not on the disk yet; does not wait for it. Declared here, because headers do so for GNU only.
extern int sync_file_range(int file, long long start, long long count, unsigned flags);
static inline int coffer_begin_writing(int file) { return sync_file_range(file, 0, 0, 2); }

// Which kind of file system an open file is on, by linux/magic.h; -1 where that is not known.
static inline long coffer_file_system_type(int file) {
  struct statfs facts;
  return fstatfs(file, &facts) == 0 ? (long)(unsigned)facts.f_type : -1;
}

// Whether a file system is mounted at the name in the folder, be it a single file: 1 or 0, or -1 where the system cannot tell.
static inline int coffer_is_mount_point(int folder, const char *name) {
  struct statx facts;
  if (syscall(SYS_statx, folder, name, 0x100 /* AT_SYMLINK_NOFOLLOW */, STATX_TYPE, &facts) != 0) return -1;
  if (!(facts.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)) return -1;
  return (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// Flags of mount(2) for a file system of others' files: nobody writes, no device and no right to run as somebody else counts.
static const unsigned long coffer_mount_without_rights = MS_RDONLY | MS_NOSUID | MS_NODEV;
static const unsigned long coffer_mount_without_programs = MS_NOEXEC;
// Flags of umount2(2): at once, though it is in use; not through a link.
static const int coffer_unmount_now = MNT_DETACH;
static const int coffer_unmount_no_link = UMOUNT_NOFOLLOW;

// A variable of the C library; Swift takes it for shared state. Read before there are threads.
extern char **environ;
static inline char *const *coffer_environment(void) { return environ; }

// Variadic functions cannot be called from Swift.
static inline int coffer_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *time) {
  return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, time);
}
// Of malloc.h, with its M_ARENA_MAX and M_MMAP_THRESHOLD.
extern int mallopt(int what, int value);
static inline int coffer_limit_arenas(int count) { return mallopt(-8, count); }
static inline int coffer_map_from(int size) { return mallopt(-3, size); }
static inline int coffer_forbid_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// The kernel's keyrings: see keyrings(7). Serial numbers and lengths are returned, or -1 with errno. The C library has no
// functions for them.
static inline long coffer_add_process_key(const char *description, const void *payload, size_t length) {
  return syscall(SYS_add_key, "user", description, payload, length, KEY_SPEC_PROCESS_KEYRING);
}
static inline long coffer_find_user_key(const char *description) {
  return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", description, 0);
}
static inline long coffer_read_key(long key, void *buffer, size_t length) {
  return syscall(SYS_keyctl, KEYCTL_READ, key, buffer, length);
}
static inline long coffer_set_key_timeout(long key, unsigned seconds) {
  return syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key, seconds);
}
static inline long coffer_set_key_permissions(long key, unsigned permissions) {
  return syscall(SYS_keyctl, KEYCTL_SETPERM, key, permissions);
}
static inline long coffer_link_user_key(long key) {
  return syscall(SYS_keyctl, KEYCTL_LINK, key, KEY_SPEC_USER_KEYRING);
}
