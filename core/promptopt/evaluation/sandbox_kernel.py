"""The kernel's walls around code of people, on Linux: landlock for files, seccomp for system calls.

Loaded by ``sandbox_worker.py`` in the worker only; needs nothing but the standard library, no root, and no
package of the system. Where the kernel lacks one of the two, the other stands. They bind whatever the process
does, also machine code, and can't be taken down again.

Sources: ``landlock(7)``, ``seccomp(2)``, ``linux/landlock.h``, ``linux/filter.h``, and for the numbers of the
system calls ``asm/unistd_64.h`` (x86-64) and ``asm-generic/unistd.h`` (aarch64).
"""

import ctypes
import errno
import os
import platform
import stat
import struct
import sys
from collections.abc import Callable, Iterable

LANDLOCK, SECCOMP = "landlock", "seccomp"

_FORBIDDEN = {
    "processes": """
        fork 57 -, vfork 58 -, clone 56 220, execve 59 221, execveat 322 281, setsid 112 157, setpgid
        109 154, unshare 272 97, setns 308 268
    """,
    "other processes": """
        kill 62 129, tkill 200 130, tgkill 234 131, rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240,
        pidfd_open 434 434, pidfd_send_signal 424 424, pidfd_getfd 438 438, ptrace 101 117,
        process_vm_readv 310 270, process_vm_writev 311 271, process_madvise 440 440, process_mrelease
        448 448, kcmp 312 272, setpriority 141 140, ioprio_set 251 30, sched_setparam 142 118,
        sched_setscheduler 144 119, sched_setaffinity 203 122, sched_setattr 314 274, migrate_pages 256
        238, move_pages 279 239
    """,
    "network": """
        socket 41 198, socketpair 53 199, connect 42 203, bind 49 200, listen 50 201, accept 43 202,
        accept4 288 242, sendto 44 206, sendmsg 46 211, sendmmsg 307 269, recvfrom 45 207, recvmsg 47
        212, recvmmsg 299 243
    """,
    "files": """
        creat 85 -, mkdir 83 -, mkdirat 258 34, mknod 133 -, mknodat 259 33, rmdir 84 -, unlink 87 -,
        unlinkat 263 35, rename 82 -, renameat 264 38, renameat2 316 276, link 86 -, linkat 265 37,
        symlink 88 -, symlinkat 266 36, chmod 90 -, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452,
        chown 92 -, fchown 93 55, lchown 94 -, fchownat 260 54, truncate 76 45, utime 132 -, utimes 235
        -, futimesat 261 -, utimensat 280 88, setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7,
        setxattrat 463 463, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16, memfd_create
        319 279, memfd_secret 447 447, open_by_handle_at 304 265, name_to_handle_at 303 264,
        removexattrat 466 466, file_setattr 469 469
    """,
    "IPC": """
        shmget 29 194, shmat 30 196, shmctl 31 195, msgget 68 186, msgsnd 69 189, msgrcv 70 188, msgctl
        71 187, semget 64 190, semop 65 193, semctl 66 191, semtimedop 220 192, mq_open 240 180,
        mq_unlink 241 181, mq_timedsend 242 182, mq_notify 244 184, add_key 248 217, request_key 249
        218, keyctl 250 219
    """,
    "kernel": """
        io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427, bpf 321 280,
        perf_event_open 298 241, userfaultfd 323 282, fanotify_init 300 262, mount 165 40, umount2 166
        39, pivot_root 155 41, chroot 161 51, mount_setattr 442 442, move_mount 429 429, open_tree 428
        428, fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433, init_module 175 105,
        finit_module 313 273, delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294, reboot
        169 142, swapon 167 224, swapoff 168 225, syslog 103 116, acct 163 89, quotactl 179 60,
        quotactl_fd 443 443, personality 135 92, iopl 172 -, ioperm 173 -, modify_ldt 154 -, sethostname
        170 161, setdomainname 171 162, settimeofday 164 170, clock_settime 227 112, clock_adjtime 305
        266, adjtimex 159 171, setuid 105 146, setgid 106 144, setreuid 113 145, setregid 114 143,
        setresuid 117 147, setresgid 119 149, setgroups 116 159, capset 126 91
    """,
}
"""System calls that fail with "operation not permitted": name, number on x86-64, number on aarch64."""

_ARCHITECTURES = {"x86_64": (0xC000003E, 1), "aarch64": (0xC00000B7, 2)}
"""Machine to its audit number and its column in the tables."""

# What is looked at more closely: by the arguments, or because a C library needs another answer.
_OPEN, _OPENAT, _OPENAT2, _CLONE3 = (2, -1), (257, 56), (437, 437), (435, 435)
_FCNTL, _PRLIMIT, _PRCTL = (72, 25), (302, 261), (157, 167)

_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_OWNER = (8, 10, 15)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: they would have the kernel send a signal to another process."""

_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_BITS_OF_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many kinds of access to files each version of landlock knows (later ones: as the last)."""


def kernel_walls(readable: Iterable[str], listed: Iterable[str] = ()) -> Callable[[], list[str]]:
    """Prepare the walls; calling what comes back puts them around the calling process, for good.

    Inside, nothing can be written, no process or thread started, no other process reached and no connection
    made.

    Args:
        readable: files, and folders with all below them, that can be read.
        listed: folders whose files have names there, but can't be read.

    Returns:
        A function that puts up the walls and names those that stand (``landlock``, ``seccomp``).
    """
    if not sys.platform.startswith("linux"):
        return list
    libc = ctypes.CDLL(None, use_errno=True)
    places = [
        *((place, _READ_FILE | _READ_DIR) for place in readable),
        *((place, _READ_DIR) for place in listed),
    ]
    rules = _ruleset(libc, places)
    program = _program()

    def put_up() -> list[str]:
        if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS, which both need
            return []
        libc.prctl(_DIE_WITH_PARENT, 9, 0, 0, 0)
        standing = [LANDLOCK] if rules >= 0 and libc.syscall(_RESTRICT, rules, 0) == 0 else []
        return [*standing, SECCOMP] if program and _seccomp(libc, program) else standing

    return put_up


def _ruleset(libc: ctypes.CDLL, places: Iterable[tuple[str, int]]) -> int:
    """A file descriptor of landlock's rules; -1 if the kernel has no landlock."""
    abi = libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1)
    if abi < 1:
        return -1
    files = (1 << _BITS_OF_ABI.get(abi, 16)) - 1
    network, scoped = (3 if abi >= 4 else 0), (3 if abi >= 6 else 0)
    wanted = struct.pack("QQQ", files, network, scoped)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = libc.syscall(_CREATE, wanted, ctypes.c_size_t(size), 0)
    for place, access in places if rules >= 0 else ():
        _grant(libc, rules, place, access)
    return rules


def _grant(libc: ctypes.CDLL, rules: int, place: str, access: int) -> None:
    try:
        there = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not there
    try:
        # Shared libraries are mapped, not executed, in landlock's words.
        if not stat.S_ISDIR(os.fstat(there).st_mode):
            access &= _READ_FILE
        libc.syscall(_ADD, rules, 1, struct.pack("=Qi", access, there), 0)
    finally:
        os.close(there)


def _seccomp(libc: ctypes.CDLL, program: bytes) -> bool:
    kept = ctypes.create_string_buffer(program, len(program))

    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("program", ctypes.c_void_p))

    given = Filter(len(program) // 8, ctypes.cast(kept, ctypes.c_void_p))
    return libc.prctl(22, 2, ctypes.byref(given), 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _program() -> bytes:
    """The filter as BPF; empty on a machine whose numbers we don't know."""
    known = _ARCHITECTURES.get(platform.machine())
    if known is None or sys.byteorder != "little" or struct.calcsize("P") != 8:
        return b""
    architecture, column = known
    refuse, nothing = _step(_RETURN, _REFUSE | errno.EPERM), _step(_RETURN, _REFUSE | errno.ENOSYS)
    allow = _step(_RETURN, _ALLOW)
    steps = [
        _step(_LOAD, 4),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, 0),
        _step(_AT_LEAST, 0x40000000, 0, 1),  # the x32 numbers, another way to the same calls
        refuse,
    ]
    for number in _numbers(column):
        steps += [_step(_EQUAL, number, 0, 1), refuse]
    for numbers in (
        _CLONE3,
        _OPENAT2,
    ):  # a C library then takes clone and openat
        steps += [_step(_EQUAL, numbers[column - 1], 0, 1), nothing]
    for numbers, place in ((_OPEN, 1), (_OPENAT, 2)):
        if numbers[column - 1] >= 0:
            test = [_argument(place), _step(_ANY_BIT, _WRITES, 0, 1), refuse, allow]
            steps += [_step(_EQUAL, numbers[column - 1], 0, len(test)), *test]
    test = [_argument(1), *(part for one in _OWNER for part in (_step(_EQUAL, one, 0, 1), refuse)), allow]
    steps += [_step(_EQUAL, _FCNTL[column - 1], 0, len(test)), *test]
    # With it a process would live on when its parent is killed.
    test = [_argument(0), _step(_EQUAL, _DIE_WITH_PARENT, 0, 1), refuse, allow]
    steps += [_step(_EQUAL, _PRCTL[column - 1], 0, len(test)), *test]
    test = [_argument(0), _step(_EQUAL, 0, 1, 0), refuse, allow]
    steps += [_step(_EQUAL, _PRLIMIT[column - 1], 0, len(test)), *test, allow]
    return b"".join(steps)


def _numbers(column: int) -> list[int]:
    rows = [row.split() for table in _FORBIDDEN.values() for row in table.split(",")]
    return [int(row[column]) for row in rows if row[column] != "-"]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _argument(place: int) -> bytes:
    """Load the lower half of an argument of the system call."""
    return _step(_LOAD, 16 + 8 * place)
