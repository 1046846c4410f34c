/* Stands between a gateway and its disk: lets a write fail when a test says so, and notes in what
 * order records reach the disk and answers go out. To be preloaded.
 *
 * DISK_CONTROL names a file that holds "N ERRNO MODE ROUND": of the writes to the store since it
 * held another ROUND the N-th fails, with MODE 1 all after it too. FILE.hit is made when one did.
 * Without the file all goes well. DISK_TRACE names a file that gets an S for each time the store was synced, and an R for
 * each response to a bind. DISK_READONLY names a file: while it is there no file of the store can be
 * opened for writing, nor made. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int writes, last_round;

/* The function of that name behind this one. */
#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int is_store(int fd)
{
    char link[64], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, "bindgate.sqlite") != NULL;
}

static int fails(int fd)
{
    const char *control = getenv("DISK_CONTROL");
    if (!control || !is_store(fd)) return 0;
    FILE *file = fopen(control, "r");
    if (!file) return 0;
    int at = 0, code = 0, mode = 0, round = 0;
    int read = fscanf(file, "%d %d %d %d", &at, &code, &mode, &round);
    fclose(file);
    if (read != 4) return 0;
    if (atomic_exchange(&last_round, round) != round) atomic_store(&writes, 0);
    int now = atomic_fetch_add(&writes, 1) + 1;
    if (now != at && !(mode == 1 && now > at)) return 0;
    char hit[1100];
    snprintf(hit, sizeof hit, "%s.hit", control);
    int mark = open(hit, O_CREAT | O_WRONLY, 0600);
    if (mark >= 0) close(mark);
    errno = code;
    return 1;
}

static void trace(char what)
{
    const char *name = getenv("DISK_TRACE");
    if (!name) return;
    int file = open(name, O_CREAT | O_WRONLY | O_APPEND, 0600);
    if (file < 0) return;
    REAL(write);
    if (real(file, &what, 1) != 1) abort();
    close(file);
}

/* Whether bytes begin with an LDAPMessage that holds a BindResponse (RFC 4511 section 4.2.2). */
static void look(const unsigned char *bytes, size_t length)
{
    if (length < 8 || bytes[0] != 0x30) return;
    size_t at = 2 + (bytes[1] & 0x80 ? bytes[1] & 0x7f : 0);
    if (at + 2 >= length || bytes[at] != 2) return;
    at += 2 + bytes[at + 1];
    if (at < length && bytes[at] == 0x61) trace('R');
}

static int is_refused(const char *path, int flags)
{
    const char *mark = getenv("DISK_READONLY");
    if (!mark || !(flags & (O_WRONLY | O_RDWR | O_CREAT))) return 0;
    if (!strstr(path, "/store/") || access(mark, F_OK) != 0) return 0;
    errno = EROFS;
    return 1;
}

int open(const char *path, int flags, ...)
{
    REAL(open);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return is_refused(path, flags) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    REAL(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return is_refused(path, flags) ? -1 : real(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    REAL(write);
    if (fails(fd)) return -1;
    look(bytes, length);
    return real(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at)
{
    REAL(pwrite);
    return fails(fd) ? -1 : real(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at)
{
    REAL(pwrite64);
    return fails(fd) ? -1 : real(fd, bytes, length, at);
}

int ftruncate64(int fd, off64_t length)
{
    REAL(ftruncate64);
    return fails(fd) ? -1 : real(fd, length);
}

int fsync(int fd)
{
    REAL(fsync);
    if (fails(fd)) return -1;
    int done = real(fd);
    if (done == 0 && is_store(fd)) trace('S');
    return done;
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    if (fails(fd)) return -1;
    int done = real(fd);
    if (done == 0 && is_store(fd)) trace('S');
    return done;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    REAL(send);
    look(bytes, length);
    return real(fd, bytes, length, flags);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(writev);
    if (count > 0) look(parts[0].iov_base, parts[0].iov_len);
    return real(fd, parts, count);
}
