"""`make install` below a folder, and the unit it brings: what systemd's own tools say of it."""

import asyncio
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from daemon_process import RUN, casting, configure, epochs, running
from waiting import until

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd/hncors.service"


def said(*command: str | Path, **more: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Installed below a folder, into an environment that has the pinned packages, as an upgrade finds it."""
    root = tmp_path_factory.mktemp("root")
    venv = root / "opt/hncors/venv"
    said(sys.executable, "-m", "venv", "--without-pip", venv)
    packages = root / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "hncors" not in entry.name and entry.suffix != ".pth":
            (packages / entry.name).symlink_to(entry)
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "here.pth").write_text(f"{packages}\n", encoding="utf-8")
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    said(
        "make",
        "-s",
        "install",
        "SERIAL=1",
        f"DESTDIR={root}",
        f"PYTHON={sys.executable}",
        cwd=ROOT,
        env=environment,
    )
    return root


def test_what_is_installed_where(installed):
    """FHS 3.0: /opt/PACKAGE for the program, /etc for what this machine decides, units as systemd.unit(5)."""
    for path, mode in {
        "opt/hncors/venv/bin/hncors": 0o755,
        "opt/hncors/share/doc/operations.md": 0o644,
        "opt/hncors/share/examples/stations/CSHA.toml": 0o644,
        "etc/hncors": 0o750,
        "etc/hncors/hncors.toml": 0o640,
        "etc/hncors/stations": 0o750,
        "etc/hncors/passwords": 0o700,
        "usr/lib/systemd/system/hncors.service": 0o644,
        "usr/lib/systemd/system/hncors-relay.service": 0o644,
        "usr/lib/systemd/system/hncors.service.d/serial.conf": 0o644,
        "usr/lib/sysusers.d/hncors.conf": 0o644,
        "usr/lib/tmpfiles.d/hncors.conf": 0o644,
        "usr/local/share/man/man1/hncors.1": 0o644,
        "usr/local/share/bash-completion/completions/hncors": 0o644,
        "usr/local/share/zsh/site-functions/_hncors": 0o644,
        "usr/local/share/fish/vendor_completions.d/hncors.fish": 0o644,
        "opt/hncors/share/doc/runbooks/HncorsDown.md": 0o644,
        "opt/hncors/share/examples/configs/prometheus/hncors.alerts.yml": 0o644,
        "opt/hncors/share/examples/configs/grafana/dashboards/hncors-overview.json": 0o644,
    }.items():
        assert stat.S_IMODE((installed / path).stat().st_mode) == mode, path
    program = (installed / "opt/hncors/venv/bin/hncors").read_text(encoding="utf-8")
    assert program.startswith("#!/opt/hncors/venv/bin/python")
    (package,) = installed.glob("opt/hncors/venv/lib/python*/site-packages/hncors")
    assert not package.is_symlink()
    for name in ("pyvenv.cfg", "bin/activate"):
        assert str(installed) not in (installed / "opt/hncors/venv" / name).read_text(encoding="utf-8")
    assert (installed / "usr/local/bin/hncors").readlink() == Path("/opt/hncors/venv/bin/hncors")


def test_a_manual_page_and_completions_know_every_command(installed):
    page = (installed / "usr/local/share/man/man1/hncors.1").read_text(encoding="utf-8")
    for command in ("run", "inspect", "cases list", "ledger backup", "registry import"):
        assert f".SS hncors {command}" in page
    if shutil.which("man"):
        told = subprocess.run(
            ["man", "-l", "-Tutf8", "--warnings", installed / "usr/local/share/man/man1/hncors.1"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert told.stderr == ""
        assert "EXIT STATUS" in re.sub(".\b", "", told.stdout)
    script = installed / "usr/local/share/bash-completion/completions/hncors"
    # The script asks the program by its name; here that is the one of this environment.
    asked = (
        f'source {script}; COMP_WORDS=(hncors ledger ""); COMP_CWORD=2; '
        '_hncors_completion hncors; echo "${COMPREPLY[@]}"'
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    assert said("bash", "-c", asked, env={**os.environ, "PATH": path}).split() == ["backup", "restore"]


def test_an_upgrade_keeps_the_program_of_before_and_goes_back_to_it(installed):
    install = ("sh", ROOT / "scripts/install.sh")
    environment = {**os.environ, "DESTDIR": str(installed)}
    (package,) = installed.glob("opt/hncors/venv/lib/python*/site-packages/hncors/version.py")
    now = package.read_text(encoding="utf-8")
    program = [installed / "opt/hncors/venv/bin/python", "-P", "-m", "hncors", "--version"]
    package.write_text(now.replace('VERSION = "', 'VERSION = "0.0.9-'), encoding="utf-8")  # as an older one
    assert "0.0.9-" in said(*program, cwd=installed)
    said(*install, env=environment)
    assert "0.0.9-" not in said(*program, cwd=installed)
    said(*install, "--back", env=environment)
    assert "0.0.9-" in said(*program, cwd=installed)
    for name in ("venv", "venv.before"):
        text = (installed / "opt/hncors" / name / "bin/hncors").read_text(encoding="utf-8")
        assert text.startswith("#!/opt/hncors/venv/bin/python")
    said(*install, "--back", env=environment)
    assert "0.0.9-" not in said(*program, cwd=installed)


@pytest.fixture(scope="module")
def package(installed, tmp_path_factory) -> Path:
    """A Debian package made of it."""
    out = tmp_path_factory.mktemp("dist")
    told = subprocess.run(
        [ROOT / "scripts/deb.sh", "--from", installed, out], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return Path(told.stdout.strip())


@pytest.mark.peer("dpkg-deb")
def test_the_package_is_as_debian_has_them(package):
    """Debian Policy 5.6 (fields), 9.1 (FHS), 10.7 (configuration files), 10.9 (owners)."""
    fields = said("dpkg-deb", "-f", package)
    for field in ("Package: hncors", "Section: science", "Installed-Size: ", "Depends: python3"):
        assert f"{field}" in fields
    version = re.search(r"^Version: (.*)$", fields, flags=re.M)[1]
    assert package.name == f"hncors_{version}_{said('dpkg', '--print-architecture').strip()}.deb"
    listing = said("dpkg-deb", "-c", package).splitlines()
    assert {line.split()[1] for line in listing} == {"root/root"}
    paths = {line.split()[5].removeprefix("./") for line in listing}
    assert {"opt/hncors/venv/bin/hncors", "etc/hncors/hncors.toml", "usr/share/doc/hncors/copyright"} <= paths
    assert {one.split("/")[0] for one in paths if one} == {"opt", "etc", "usr"}
    assert not [one for one in paths if "venv.before" in one or "__pycache__" in one or "direct_url" in one]
    modes = {line.split()[5].removeprefix("./"): line.split()[0] for line in listing}
    assert modes["etc/hncors/passwords/"] == "drwx------"
    assert not [line for line in listing if line[8] == "w" and line[0] != "l"]  # writable for everybody


@pytest.mark.peer("dpkg", "systemd-sysusers", "systemd-tmpfiles")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_dpkg_installs_upgrades_and_removes_it(package, tmp_path):
    root = tmp_path / "machine"
    for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "etc", "var/log"):
        (root / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    dpkg = ("dpkg", f"--root={root}", "--force-depends", "--force-script-chrootless", "--force-confdef")
    said(*dpkg, "-i", package)
    assert "Status: install ok installed" in said(*dpkg, "-s", "hncors")
    assert (root / "etc/passwd").read_text(encoding="utf-8").startswith("hncors:")
    group = int((root / "etc/passwd").read_text(encoding="utf-8").split(":")[3])
    config = root / "etc/hncors/hncors.toml"
    assert (oct(config.stat().st_mode & 0o777), config.stat().st_gid) == ("0o640", group)
    assert (root / "var/lib/hncors").is_dir()
    config.write_text("# mine\n" + config.read_text(encoding="utf-8"), encoding="utf-8")
    said(*dpkg, "-i", package)  # again, as an upgrade
    assert config.read_text(encoding="utf-8").startswith("# mine")
    (root / "etc/hncors/stations/MINE.toml").write_text('id = "MINE"\n', encoding="utf-8")
    said(*dpkg, "-r", "hncors")
    assert not (root / "opt/hncors/venv").exists()
    assert config.is_file()
    assert (root / "etc/hncors/stations/MINE.toml").is_file()
    assert (root / "var/lib/hncors").is_dir()


def test_the_installed_program_runs_and_takes_its_first_station(installed):
    program = [installed / "opt/hncors/venv/bin/python", "-P", "-m", "hncors"]
    assert said(*program, "--version", cwd=installed).startswith("hncors ")
    etc = installed / "etc/hncors"
    refused = subprocess.run(
        [*program, "check", "-c", etc / "hncors.toml"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert 'stations = "stations": expected a folder with at least one station file' in refused.stderr
    shutil.copy(installed / "opt/hncors/share/examples/stations/CSHA.toml", etc / "stations")
    assert "CSHA" in said(*program, "check", "-c", etc / "hncors.toml")
    (etc / "hncors.toml").write_text(
        "# mine\n" + (etc / "hncors.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    said("sh", ROOT / "scripts/install.sh", env={**os.environ, "DESTDIR": str(installed)})
    assert (etc / "hncors.toml").read_text(encoding="utf-8").startswith("# mine")  # an upgrade keeps it
    assert (etc / "stations/CSHA.toml").is_file()


@pytest.mark.peer("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(installed, tmp_path):
    for name in ("hncors.service", "hncors-relay.service"):
        text = (installed / "usr/lib/systemd/system" / name).read_text(encoding="utf-8")
        unit = tmp_path / name
        unit.write_text(text.replace("/opt/hncors", f"{installed}/opt/hncors"), encoding="utf-8")
        said_of_it = said("systemd-analyze", "verify", "--man=no", unit)
        assert [line for line in said_of_it.splitlines() if "hncors" in line] == []


@pytest.mark.peer("systemd-analyze")
@pytest.mark.parametrize(("serial", "most"), [(False, 1.5), (True, 2.0)])
def test_how_exposed_systemd_finds_the_unit(tmp_path, serial, most):
    """0 is safe, 10 is not; the limits are the project's own."""
    units = tmp_path / "etc/systemd/system"
    (units / "hncors.service.d").mkdir(parents=True)
    shutil.copy(UNIT, units)
    if serial:
        shutil.copy(ROOT / "systemd/hncors-serial.conf", units / "hncors.service.d/serial.conf")
    told = said(
        "systemd-analyze", "security", "--no-pager", f"--root={tmp_path}", "--offline=true", "hncors.service"
    )
    exposure = float(re.search(r"Overall exposure level for hncors.service: ([\d.]+)", told)[1])
    assert 0 < exposure <= most
    assert ("char-ttyUSB:rw" in told) == serial


@pytest.mark.peer("systemd-sysusers", "systemd-tmpfiles")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another user")
def test_the_user_and_the_folders_it_gets(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "var/lib").mkdir(parents=True)
    root = f"--root={tmp_path}"
    said("systemd-sysusers", root, ROOT / "systemd/sysusers.conf")
    (line,) = (tmp_path / "etc/passwd").read_text(encoding="utf-8").splitlines()
    name, _, uid, gid, *_, home, shell = line.split(":")
    assert (name, home) == ("hncors", "/var/lib/hncors")
    assert shell.endswith("nologin")
    said("systemd-tmpfiles", root, "--create", ROOT / "systemd/tmpfiles.conf")
    found = {
        path: (oct(stat.S_IMODE(entry.st_mode)), entry.st_uid, entry.st_gid)
        for path in ("etc/hncors", "etc/hncors/stations", "etc/hncors/passwords", "var/lib/hncors")
        for entry in [(tmp_path / path).stat()]
    }
    assert found == {
        "etc/hncors": ("0o750", 0, int(gid)),
        "etc/hncors/stations": ("0o750", 0, int(gid)),
        "etc/hncors/passwords": ("0o700", 0, 0),
        "var/lib/hncors": ("0o750", int(uid), int(gid)),
    }


def test_the_unit_and_the_daemon_agree():
    """What the daemon was written for: READY=1 and the watchdog, SIGHUP, credentials, status 2."""
    text = UNIT.read_text(encoding="utf-8")
    lines = """
        Type=notify
        WatchdogSec=30
        ExecReload=/bin/kill -HUP $MAINPID
        LoadCredential=passwords:/etc/hncors/passwords
        RestartPreventExitStatus=2
        MemoryDenyWriteExecute=yes
    """
    assert {line.strip() for line in lines.strip().splitlines()} <= set(text.splitlines())


# MemoryDenyWriteExecute= as the kernel itself has it: prctl(2), PR_SET_MDWE, since Linux 6.3.
STRICT = """
import ctypes
if ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0) == 0:
    import mmap
    try:
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        pass
    else:
        raise SystemExit("not strict")
"""


async def test_the_daemon_needs_no_memory_that_is_writable_and_executable(tmp_path):
    async with (
        casting(A=epochs) as caster,
        running(configure(tmp_path, caster.port, "A"), STRICT + RUN) as daemon,
    ):

        async def streaming() -> bool:
            return await daemon.states() == {"A": "streaming"}

        await until(streaming)
        assert "hncors_epochs_received_total" in await daemon.get("/metrics")
        daemon.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(daemon.process.wait(), 5) == 0
