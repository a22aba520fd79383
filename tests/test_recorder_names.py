"""Recordings have names of our own, and nobody can make the daemon write elsewhere (S09)."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from daemon_process import RUN, Caster, casting, configure, epochs, running
from waiting import until

RECORD = '[record]\nfolder = "recordings"'
OURS = re.compile(r"(S\d|[a-z]+)_\d{10}(\.[a-z0-9]+)+")  # in small letters: of the daemon as a whole
HOSTILE = ("..", "...", "~root", "-rf", "*", "$(reboot)", "a;b", ".hidden.rtcm3")


async def test_s09_names_are_of_ids_and_hours_only(tmp_path):
    """A mountpoint may be called as its caster likes: no file is."""
    async with casting(**dict.fromkeys(HOSTILE, epochs)) as caster:
        config = configure(tmp_path, caster.port, *(f"S{n}" for n in range(len(HOSTILE))), more=RECORD)
        for number, mountpoint in enumerate(HOSTILE):
            file = tmp_path / f"stations/S{number}.toml"
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(f"/S{number}", f"/{mountpoint}"), encoding="utf-8")
        before = {path for path in tmp_path.rglob("*") if path.is_file()}
        async with running(config):
            recordings = tmp_path / "recordings"
            await until(lambda: len(full(recordings)) == len(HOSTILE))
        await over(caster)
        assert set(caster.begun) == set(HOSTILE)
    made = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert {path.parent for path in made} == {recordings}
    assert [name for name in sorted(path.name for path in made) if not OURS.fullmatch(name)] == []


@pytest.mark.parametrize("ending", [".rtcm3", ".rtcm3.tag"])
async def test_s09_links_in_the_place_of_recordings_are_not_followed(tmp_path, ending):
    """Neither symbolic nor hard ones; the station is watched all the same, and others are recorded."""
    recordings, victim = tmp_path / "recordings", tmp_path / "victim"
    recordings.mkdir(mode=0o750)
    victim.write_bytes(b"of somebody else")
    for hours in (0, 1):  # it may end while the test runs
        hour = f"{datetime.now(UTC) + timedelta(hours=hours):%Y%m%d%H}"
        (recordings / f"SYMBOLIC_{hour}{ending}").symlink_to(victim)
        (recordings / f"HARD_{hour}{ending}").hardlink_to(victim)
        (recordings / f"DANGLING_{hour}{ending}").symlink_to(tmp_path / "new")
    names = ("SYMBOLIC", "HARD", "DANGLING", "PLAIN")
    async with casting(**dict.fromkeys(names, epochs)) as caster:
        async with running(configure(tmp_path, caster.port, *names, more=RECORD)) as daemon:
            await until(lambda: any(path.name.startswith("PLAIN") for path in full(recordings)))

            async def all_stream() -> bool:
                return set((await daemon.states()).values()) == {"streaming"}

            await until(all_stream)
        await over(caster)
    assert victim.read_bytes() == b"of somebody else"
    assert not (tmp_path / "new").exists()


def test_s09_a_folder_that_everybody_may_write_to_is_refused(tmp_path):
    """Whoever may write there could put links into it."""
    config = configure(tmp_path, 1, "A", more=RECORD)
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings").chmod(0o777)
    done = subprocess.run([sys.executable, "-c", RUN, config], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'{config}: record.folder = "recordings": expected ')


async def over(caster: Caster) -> None:
    """Every connection has ended, also in the caster."""
    await until(lambda: caster.ended == caster.begun)
    await asyncio.sleep(0)


def full(recordings: Path) -> list[Path]:
    return [
        path for path in recordings.glob("*.rtcm3") if not path.is_symlink() and path.stat().st_size > 100
    ]
