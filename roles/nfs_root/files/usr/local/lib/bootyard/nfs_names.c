/* Copyright: (c) 2026, Bootyard contributors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Loaded before Ganesha's own code, which hands the names of an NFSv3 client to the kernel as they come: a name such as
 * "../../etc" would leave the export. Below a directory's descriptor a name has no slash here, and what is above the root of a
 * file system is that root itself, as for the kernel's server (seen with Ganesha 4.3). Nothing in memory has handles, since mount
 * points are there: what is not mounted is not exported.
 *
 * It includes no headers, since a master has none: all arguments fit into registers, whatever their types.
 */

typedef long (*function)(long, long, long, long, long);

extern void *dlsym(void *, const char *);
extern int *__errno_location(void);

#define NEXT(name) ((function) dlsym((void *) -1L, name))
#define AT_FDCWD (-100)
#define AT_EMPTY_PATH 0x1000
#define RTLD_DEEPBIND 8
#define EINVAL 22
#define EOPNOTSUPP 95
#define TMPFS_MAGIC 0x01021994

static int is_path(long directory, const char *name)
{
    if ((int) directory == AT_FDCWD || !name)
        return 0;
    for (; *name; name++)
        if (*name == '/')
            return 1;
    return 0;
}

static int refused(int why)
{
    *__errno_location() = why;
    return -1;
}

/* The type is the first field of every Linux's struct statfs, which has less than 32 words. */
static int in_memory(long file)
{
    unsigned long system[32];

    return (int) NEXT("fstatfs")(file, (long) system, 0, 0, 0) == 0 && system[0] == TMPFS_MAGIC;
}

static int is_above(const char *name)
{
    return name[0] == '.' && name[1] == '.' && !name[2];
}

/* The device is the first field of every Linux's struct stat, which has less than 32 words. */
static const char *within(long directory, const char *name)
{
    unsigned long here[32], there[32];
    function status = NEXT("fstatat64");

    if ((int) directory == AT_FDCWD || !name || !is_above(name))
        return name;
    if (!status)
        status = NEXT("fstatat");
    if ((int) status(directory, (long) "", (long) here, AT_EMPTY_PATH, 0) || (int) status(directory, (long) "..", (long) there, 0, 0))
        return name;
    return here[0] == there[0] ? name : ".";
}

/* Functions whose first arguments are a directory and a name. */
#define GUARD(name)                                                                            \
    int name(long directory, const char *path, long a, long b, long c)                        \
    {                                                                                          \
        if (is_path(directory, path))                                                          \
            return refused(EINVAL);                                                                  \
        return (int) NEXT(#name)(directory, (long) within(directory, path), a, b, c);          \
    }

GUARD(fchmodat)
GUARD(fchownat)
GUARD(fstatat)
GUARD(fstatat64)
GUARD(mkdirat)
GUARD(mknodat)
GUARD(openat)
GUARD(openat64)
GUARD(statx)
GUARD(unlinkat)
GUARD(utimensat)

int name_to_handle_at(long directory, const char *path, long handle, long mount, long flags)
{
    if (is_path(directory, path))
        return refused(EINVAL);
    if (in_memory(directory))
        return refused(EOPNOTSUPP);
    return (int) NEXT("name_to_handle_at")(directory, (long) within(directory, path), handle, mount, flags);
}

long readlinkat(long directory, const char *path, long buffer, long size)
{
    return is_path(directory, path) ? refused(EINVAL) : NEXT("readlinkat")(directory, (long) path, buffer, size, 0);
}

int symlinkat(long target, long directory, const char *path)
{
    return is_path(directory, path) ? refused(EINVAL) : (int) NEXT("symlinkat")(target, directory, (long) path, 0, 0);
}

#define GUARD_BOTH(name)                                                                       \
    int name(long from, const char *old, long to, const char *new, long flags)                 \
    {                                                                                          \
        if (is_path(from, old) || is_path(to, new))                                            \
            return refused(EINVAL);                                                                  \
        return (int) NEXT(#name)(from, (long) old, to, (long) new, flags);                     \
    }

GUARD_BOTH(linkat)
GUARD_BOTH(renameat)
GUARD_BOTH(renameat2)

/* Ganesha's modules would look into the C library first, and past this. */
void *dlopen(const char *path, int flags)
{
    return (void *) NEXT("dlopen")((long) path, flags & ~RTLD_DEEPBIND, 0, 0, 0);
}
