"""The walls around code of people that Python itself can put up: limits, another user, an audit hook.

Loaded by ``sandbox_worker.py`` in the worker only; needs nothing but the standard library. The hook gives the
clear reasons; what holds against code that wants out are the limits and, on Linux, ``sandbox_kernel.py``.
"""

import _thread
import contextlib
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

# What neither flavour may do. An entry ending in a dot stands for every event below it.
_NEVER = (
    "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.posix_spawn", "os.spawn", "os.startfile",
    "os.system", "pty.spawn", "signal.pthread_kill", "socket.", "subprocess.", "_winapi.", "winreg.",
)  # fmt: skip
# What an assertion may not do besides, as it has no business beyond the texts that it is given.
_NOT_IN_ASSERTIONS = ("ctypes.", "gc.get_", "sqlite3.", "sys.settrace", "sys.setprofile")
_CHANGES_FILES = (
    "os.chflags", "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.setxattr", "os.symlink", "os.truncate", "os.utime", "shutil.",
)  # fmt: skip
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/etc/ld.so.cache",
    "/etc/localtime", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom",
)  # fmt: skip
_MODULES = tuple(all_suffixes())
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def drop_root() -> None:
    """Become nobody if we are root, unless nobody could then read the standard library."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return
    nobody = 65534
    try:
        os.setgroups([])
        os.setegid(nobody)
        os.seteuid(nobody)
        readable = os.access(os.__file__, os.R_OK, effective_ids=True)
        os.seteuid(0)
        os.setegid(0)
        if readable:
            os.setgid(nobody)
            os.setuid(nobody)
    except OSError:
        return  # a container without the right to change user: the other walls stand


def limit(memory_mb: int, files: int) -> None:
    """Limit memory and open files, and let nothing be written."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        "RLIMIT_AS": memory_mb * 2**20,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_NOFILE": files,
        "RLIMIT_CORE": 0,
    }
    for name, value in limits.items():
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, OSError, ValueError):
            continue  # macOS has no RLIMIT_AS


def forbid_processes() -> None:
    """No new process or thread of this user (a limit that does not bind root)."""
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def start_clock(timeout: float) -> None:
    """Die by ourselves if the parent is gone and can't end us: by processor time, and by the clock."""
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = math.ceil(usage.ru_utime + usage.ru_stime + timeout) + 2
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
    signal.setitimer(signal.ITIMER_REAL, 2 * timeout + 5)


def stop_clock() -> None:
    """Undo the part of :func:`start_clock` that goes by the clock."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, 0)


def forbid_threads() -> None:
    """A thread would live on into the next check. Python before 3.12 raises no audit event for one."""

    def refuse(*_args: Any, **_named: Any) -> None:
        raise PermissionError("the sandbox does not allow threads")

    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        if hasattr(_thread, name):
            setattr(_thread, name, refuse)


def readable(paths: Iterable[str], home: str) -> tuple[list[str], list[str]]:
    """What code may read: the standard library, what it links to, and ``paths`` with all below them.

    Of a path that has the home folder in it (somebody keeps a project right there) only the modules
    themselves can be read, or all the keys in it could be.

    Returns:
        Files and folders that can be read, and folders that can only be listed.
    """
    found = [*(place for place in sys.path if place not in set(paths)), *_SYSTEM]
    found += [str(Path(sys.base_prefix, name)) for name in ("lib", "lib64", "DLLs")]
    listed: list[str] = []
    for place in paths:
        if Path(place).is_dir() and Path(home).is_relative_to(os.path.realpath(place)):
            listed.append(place)
            modules = (file for file in Path(place).iterdir() if file.name.endswith(_MODULES))
            found += [str(file) for file in modules if file.is_file()]
        else:
            found.append(place)
    return found, listed


def guard(
    own_modules: bool, readable: Iterable[str], listed: Iterable[str]
) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that refuses, with a reason, what checks have no business doing."""
    denied = _NEVER + _CHANGES_FILES + (() if own_modules else _NOT_IN_ASSERTIONS)
    exact = frozenset(name for name in denied if name[-1] not in "._")
    prefixes = tuple(name for name in denied if name[-1] in "._")
    may_read = _among(readable)
    may_list = _among([*readable, *listed])
    devnull = os.devnull

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            if args[0] != devnull and (args[2] or 0) & _WRITES:
                raise PermissionError(f"the sandbox does not allow writing files ({args[0]!r})")
            if not may_read(args[0]):
                raise PermissionError(f"the sandbox does not allow reading {args[0]!r}")
        elif event in ("os.listdir", "os.scandir"):
            if not may_list(args[0]):
                raise PermissionError(f"the sandbox does not allow listing {args[0]!r}")
        elif event in exact or event.startswith(prefixes):
            raise PermissionError(f"the sandbox does not allow {event}")

    return hook


def _among(places: Iterable[str]) -> Callable[[Any], bool]:
    """Whether a path is one of ``places`` or below one."""
    exact = frozenset(name for place in places for name in (place, os.path.realpath(place)))
    below = tuple(place.rstrip(os.sep) + os.sep for place in exact)
    abspath, realpath, fsdecode = os.path.abspath, os.path.realpath, os.fsdecode

    def within(place: str) -> bool:
        return place in exact or place.startswith(below)

    def among(path: Any) -> bool:
        if isinstance(path, int):
            return True
        said = abspath(fsdecode(path or "."))
        return within(said) and within(realpath(said))

    return among
