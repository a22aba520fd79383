"""The daemon at work under its unit's restrictions: namespaces, read-only paths, filters of system calls, no
capabilities, no memory that is writable and executable. They are laid on as the kernel has them (sandbox.py).
"""

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from daemon_process import RUN, casting, configure, epochs, running
from sandbox import LAID_ON, NOT_LAID_ON, REFUSED, UNIT
from waiting import until

TESTS = Path(__file__).parent
LAY_ON = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
import sandbox
sandbox.restrict(Path(sys.argv[1]).parent)
os.execv(sys.executable, [sys.executable, "-c", {RUN!r}, sys.argv[1]])
"""
PROBE = """
import ctypes, errno, json, mmap, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    ctypes.set_errno(0)
    return 0 if getattr(libc, name)(*arguments) >= 0 else ctypes.get_errno()

def tried(deed):
    try:
        deed()
    except OSError as refused:
        return refused.errno
    return 0

told = {
    "write where it may": tried(lambda: open("probe", "w").close()),
    "write elsewhere": tried(lambda: open("/etc/hncors-probe", "w").close()),
    "write to the program": tried(lambda: open(sys.argv[1], "a").close()),
    "an internet socket": tried(lambda: socket.socket(socket.AF_INET6).close()),
    "a packet socket": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
    "a netlink socket": tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
    "memory to write and execute": tried(
        lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    ),
    "mount": call("mount", b"none", b"/mnt", b"tmpfs", 0, None),
    "unshare": call("unshare", 0x10000000),
    "ptrace": call("ptrace", 16, os.getppid(), 0, 0),
    "reboot": call("reboot", 0),
    "raise its priority": call("setpriority", 0, 0, -5),
    "swap": call("swapon", b"/tmp/x", 0),
    "load a module": call("syscall", 313, 0, b"", 0),
    "another personality": call("personality", 0x0008),
    "set the user's bit": tried(lambda: os.chmod("probe", 0o4755)),
    "make a device": tried(lambda: os.mknod("device", 0o600 | 0o020000, os.makedev(1, 3))),
    "see disks": int(any(name.startswith(("sd", "vd", "nvme")) for name in os.listdir("/dev"))),
}
print(json.dumps({what: errno.errorcode.get(number, number) for what, number in told.items()}))
"""


hidden = pytest.mark.skipif(
    str(Path(__file__).resolve()).startswith(("/tmp/", "/var/tmp/")),
    reason="PrivateTmp= hides a checkout below /tmp",
)


def test_every_restriction_of_the_unit_is_laid_on_or_named() -> None:
    service = UNIT.read_text(encoding="utf-8").split("[Service]")[1].split("[Install]")[0]
    keys = set(re.findall(r"^(\w+)=", service, flags=re.M))
    usual = set(
        "Type NotifyAccess ExecStart ExecReload WatchdogSec TimeoutStartSec TimeoutStopSec Restart RestartSec"
        " RestartPreventExitStatus User Group StateDirectory StateDirectoryMode WorkingDirectory"
        " LoadCredential".split()
    )
    assert keys - usual == LAID_ON | NOT_LAID_ON


@pytest.mark.peer("systemd-analyze", "libseccomp.so.2")
@hidden
def test_what_is_asked_for_is_in_force(tmp_path) -> None:
    command = [sys.executable, TESTS / "sandbox.py", tmp_path, sys.executable, "-c", PROBE, str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == REFUSED:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    may = ("write where it may", "an internet socket")
    assert {what: found.pop(what) for what in may} == dict.fromkeys(may, 0)
    assert found.pop("see disks") == 0
    assert found.pop("write elsewhere") == found.pop("write to the program") == "EROFS"
    assert found.pop("a packet socket") == found.pop("a netlink socket") == "EAFNOSUPPORT"
    assert found.pop("memory to write and execute") in ("EPERM", "EACCES")
    assert set(found.values()) == {"EPERM"}, found


@pytest.mark.peer("systemd-analyze", "libseccomp.so.2")
@hidden
async def test_the_daemon_works_under_the_unit_s_restrictions(tmp_path) -> None:
    probe = [sys.executable, TESTS / "sandbox.py", tmp_path, "/bin/true"]
    if (await asyncio.to_thread(subprocess.run, probe, check=False)).returncode == REFUSED:
        pytest.skip("the kernel refuses namespaces")
    more = '[ledger]\nfile = "ledger.sqlite3"\n[record]\nfolder = "recordings"\nquota_gb = 0.1'
    async with casting(A=epochs, B=epochs) as caster:
        config = configure(tmp_path, caster.port, "A", "B", more=more)
        by_name = tmp_path / "stations/B.toml"  # a name has to be looked up, in a thread
        by_name.write_text(by_name.read_text().replace("127.0.0.1", "localhost"), encoding="utf-8")
        async with running(config, LAY_ON) as daemon:

            async def streaming() -> bool:
                return await daemon.states() == {"A": "streaming", "B": "streaming"}

            await until(streaming)

            async def kept() -> bool:
                return await daemon.metrics("hncors_ledger_up", "hncors_record_up") == [1.0, 1.0] and bool(
                    list((tmp_path / "recordings").rglob("*.rtcm3"))
                )

            await until(kept)
            status = await asyncio.to_thread(Path(f"/proc/{daemon.process.pid}/status").read_text)
            assert "Seccomp:\t2" in status
            assert "CapBnd:\t0000000000000000" in status
            assert "NoNewPrivs:\t1" in status
            assert "<html" in await daemon.get("/")
            daemon.process.send_signal(signal.SIGHUP)
            await until(lambda: any("configuration_reloaded" in line for line in daemon.log))
            daemon.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(daemon.process.wait(), 5) == 0
    assert not [line for line in daemon.log if "Traceback" in line or "ermission" in line]
    assert (tmp_path / "ledger.sqlite3").stat().st_size > 0
