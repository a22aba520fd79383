"""The restrictions of systemd/hncors.service laid on a program, as far as it takes no systemd as process 1.

`python sandbox.py FOLDER COMMAND ...` runs COMMAND under them; FOLDER, where it may write, is its state
directory. What is asked for is read from the unit: system calls by systemd's own groups (systemd-analyze
syscall-filter), address families, and each of the switches in LAID_ON. systemd.exec(5) says what they mean.
Status 77: the kernel refuses namespaces.

Not laid on: NOT_LAID_ON, and homes that hold the interpreter or this source.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd/hncors.service"
REFUSED = 77
NOT_LAID_ON = frozenset(
    "MemoryMax TasksMax LimitNOFILE LimitCORE DevicePolicy ProtectClock ProtectControlGroups ProtectHostname"
    " ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc ProcSubset RestrictRealtime"
    " RemoveIPC KeyringMode SystemCallArchitectures".split()
)
"""By cgroups or a namespace of processes, or denied by the list of calls and for want of capabilities."""
LAID_ON = frozenset(
    "CapabilityBoundingSet AmbientCapabilities NoNewPrivileges SecureBits ProtectSystem ProtectHome"
    " PrivateTmp PrivateDevices PrivateUsers PrivateMounts PrivateIPC RestrictAddressFamilies"
    " RestrictNamespaces RestrictSUIDSGID LockPersonality MemoryDenyWriteExecute SystemCallFilter"
    " SystemCallErrorNumber UMask".split()
)
libc = ctypes.CDLL(None, use_errno=True)

# linux/sched.h, linux/mount.h, linux/prctl.h, linux/securebits.h, linux/capability.h, seccomp.h
NEW_NS, NEW_IPC, NEW_USER = 0x00020000, 0x08000000, 0x10000000
NAMESPACES = (0x00000080, NEW_NS, 0x02000000, 0x04000000, NEW_IPC, NEW_USER, 0x20000000, 0x40000000)
MS_NOSUID, MS_BIND, MS_REC, MS_PRIVATE = 2, 4096, 16384, 1 << 18
AT_FDCWD, AT_RECURSIVE, MOUNT_SETATTR, ATTR_RDONLY = -100, 0x8000, 442, 1
SET_NO_NEW_PRIVS, SET_SECUREBITS, CAPBSET_DROP, SET_MDWE = 38, 28, 24, 65
NOROOT_LOCKED = 0b11
CAPABILITY_VERSION = 0x20080522
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL, NOT_EQUAL, MASKED = 4, 1, 7
WRITE, EXEC, SHM_EXEC = 2, 4, 0o100000
SUID, SGID = 0o4000, 0o2000
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}


def asked(unit: str) -> dict[str, list[str]]:
    """Values by key, in the order of the unit."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", unit, flags=re.M):
        found.setdefault(key, []).append(value)
    return found


def calls(group: str) -> set[str]:
    """The system calls of one of systemd's groups."""
    said = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", group], capture_output=True, text=True, check=True
    )
    words = [line.strip() for line in said.stdout.splitlines()[1:]]
    names = {word for word in words if re.fullmatch(r"\w+", word)}
    return names.union(*(calls(word) for word in words if word.startswith("@")))


def allowed(filters: list[str]) -> set[str]:
    """What SystemCallFilter= lines leave: the first one is a list of what may be, those with ~ take away."""
    names: set[str] = set()
    for line in filters:
        of_line = set().union(
            *(calls(one) if one.startswith("@") else {one} for one in line.removeprefix("~").split())
        )
        names = names - of_line if line.startswith("~") else names | of_line
    return names


class _Compared(ctypes.Structure):  # struct scmp_arg_cmp
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    )


class Filter:
    """One filter of system calls; what is not named has the default."""

    def __init__(self, default: int) -> None:
        self.lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.seccomp_init(ctypes.c_uint32(default)))

    def rule(self, action: int, name: str, *compared: tuple[int, int, int, int]) -> None:
        number = self.lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1:  # none of this kernel's or library's
            return
        rows = (_Compared * len(compared))(*(_Compared(*one) for one in compared))
        refused = self.lib.seccomp_rule_add_array(
            self.context, ctypes.c_uint32(action), number, ctypes.c_uint(len(compared)), rows
        )
        if refused and refused != -errno.EDOM:  # EDOM: none of this architecture's
            raise OSError(-refused, f"rule for {name}")

    def load(self) -> None:
        refused = self.lib.seccomp_load(self.context)
        if refused:
            raise OSError(-refused, "seccomp_load")


def denied(families: list[str]) -> Filter:
    """What is denied by its arguments."""
    made = Filter(ALLOW)
    no = ERRNO | errno.EPERM
    made.rule(no, "mmap", (2, MASKED, WRITE | EXEC, WRITE | EXEC))
    for name in ("mprotect", "pkey_mprotect"):
        made.rule(no, name, (2, MASKED, EXEC, EXEC))
    made.rule(no, "shmat", (2, MASKED, SHM_EXEC, SHM_EXEC))
    for flag in NAMESPACES:
        made.rule(no, "unshare", (0, MASKED, flag, flag))
        made.rule(no, "clone", (0, MASKED, flag, flag))
    made.rule(ERRNO | errno.ENOSYS, "clone3")  # its flags are in memory, which no filter reads
    made.rule(no, "setns")
    made.rule(no, "personality", (0, NOT_EQUAL, 0, 0))
    for name, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mknod", 1), ("mkdir", 1)):
        for bit in (SUID, SGID):
            made.rule(no, name, (argument, MASKED, bit, bit))
    may = {FAMILIES[name] for name in families}
    for family in set(range(46)) - may:
        made.rule(ERRNO | errno.EAFNOSUPPORT, "socket", (0, EQUAL, family, 0))
    return made


def only(names: set[str]) -> Filter:
    made = Filter(ERRNO | errno.EPERM)
    for name in sorted(names):
        made.rule(ALLOW, name)
    return made


def did(result: int, what: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), what)


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    arguments = [one.encode() if one is not None else None for one in (source, target, kind)]
    did(libc.mount(*arguments, ctypes.c_ulong(flags), data and data.encode()), f"mount {target}")


def read_only(path: str, *, yes: bool, below: bool) -> None:
    """By mount_setattr(2), since Linux 5.12."""
    attributes = (ctypes.c_uint64 * 4)(ATTR_RDONLY if yes else 0, 0 if yes else ATTR_RDONLY, 0, 0)
    done = libc.syscall(
        MOUNT_SETATTR, AT_FDCWD, path.encode(), AT_RECURSIVE if below else 0, ctypes.byref(attributes), 32
    )
    did(done, f"mount_setattr {path}")


def own_world(folder: Path) -> None:
    """A user, mounts and IPC of its own; everything read-only but `folder`, /tmp and devices private."""
    user, group = os.getuid(), os.getgid()
    did(libc.unshare(NEW_USER | NEW_NS | NEW_IPC), "unshare")
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        Path(f"/proc/self/{file}").write_text(text, encoding="ascii")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    here = os.open(folder, os.O_PATH)
    devices = [
        (name, os.open(f"/dev/{name}", os.O_PATH)) for name in "null zero full random urandom tty".split()
    ]
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=4m")
    for name, descriptor in devices:
        Path(f"/dev/{name}").touch()
        mount(f"/proc/self/fd/{descriptor}", f"/dev/{name}", None, MS_BIND)
    Path("/dev/shm").mkdir()
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID)
    for place in ("/tmp", "/var/tmp"):
        mount("tmpfs", place, "tmpfs", MS_NOSUID, "mode=1777")
    for place in ("/home", "/root"):
        used = (sys.base_prefix, sys.prefix, str(ROOT))
        if Path(place).is_dir() and not any(one.startswith(place) for one in used):
            mount("tmpfs", place, "tmpfs", MS_NOSUID, "mode=000")
    folder.mkdir(parents=True, exist_ok=True)  # it may be below what is private now
    mount(f"/proc/self/fd/{here}", str(folder), None, MS_BIND)
    read_only("/", yes=True, below=True)
    for place in (str(folder), "/tmp", "/var/tmp", "/dev/shm"):
        read_only(place, yes=False, below=False)
    for descriptor in (here, *(one for _, one in devices)):
        os.close(descriptor)


def no_capabilities() -> None:
    did(libc.prctl(SET_SECUREBITS, NOROOT_LOCKED, 0, 0, 0), "securebits")
    for capability in range(64):
        if libc.prctl(CAPBSET_DROP, capability, 0, 0, 0):
            break  # the last this kernel knows was the one before
    head = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    did(libc.capset(ctypes.byref(head), ctypes.byref((ctypes.c_uint32 * 6)())), "capset")


def restrict(folder: Path) -> None:
    """Lay everything on this process."""
    unit = asked(UNIT.read_text(encoding="utf-8"))
    names = allowed(unit["SystemCallFilter"])
    by_argument, by_name = denied(unit["RestrictAddressFamilies"][0].split()), only(names)
    try:
        own_world(folder)
    except OSError as refused:
        print(f"refused: {refused}", file=sys.stderr)
        raise SystemExit(REFUSED) from refused
    no_capabilities()
    did(libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    libc.prctl(SET_MDWE, 1, 0, 0, 0)  # since Linux 6.3; the filter is there besides
    by_argument.load()
    by_name.load()
    os.umask(int(unit["UMask"][0], 8))


if __name__ == "__main__":
    restrict(Path(sys.argv[1]))
    os.chdir(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
