"""hncors cases bundle and verify: a case with everything that shows it again, in one file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from hncors.cli_bundle_parts import (
    involved,
    sources,
    windows,
    write_recordings,
    write_register,
    write_sources,
    write_tables,
    write_territory,
)
from hncors.cli_bundle_replay import TABLES, Replayed, replayed
from hncors.cli_ledger import Office, Where, allow_precise, found_config, office, settings_of
from hncors.cli_output import DONE, WRONG, Refused, console, document, note, progress
from hncors.daemon.configuration import ConfigurationError, load, station_texts
from hncors.daemon.ledger_cases import Event, events, findings, read
from hncors.daemon.ledger_sources import kept_sources
from hncors.daemon.territory import read_territory
from hncors.supervise.cases import SUPERVISOR, Case
from hncors.supervise.findings import Finding
from hncors.supervise.policy import fingerprint
from hncors.text import printable
from hncors.version import VERSION
from hncors.view.bundle import FORMAT, MANIFEST, Found, compared, is_name, listed, unlike, wrong_manifest
from hncors.view.bundle_map import drawn
from hncors.view.cases import finding_plain, plain, step_plain

STAMP = (1980, 1, 1, 0, 0, 0)  # in the archive: the same files make the same bundle
MANIFEST_BYTES = 4 << 20
NICE = 10  # beside a daemon
WORDS = {
    "same": "复现 shown again",
    "differs": "未复现 not shown again",
    "not_replayed": "无法重放 cannot be replayed",
}


def bundle_command(
    where: Where,
    number: int,
    out: Path,
    recordings: Path | None,
    tables: Path | None,
    asked_by: str,
    as_json: bool,
) -> int:
    """Write the bundle of a case; 1 where what is in it does not show every finding again."""
    if out.suffix.lower() != ".zip":
        raise Refused(f"--out {out}: expected a name that ends in .zip")
    config = found_config(where.config)
    settings = settings_of(config)
    source = recordings or (config.parent / settings.record.folder if settings.record is not None else None)
    if source is None or not source.is_dir():
        raise Refused("no recordings: expected a table [record] in the configuration, or --recordings FOLDER")
    try:
        _, stations = load(config)
        texts = station_texts(config, settings)
    except ConfigurationError as wrong:
        raise Refused(*wrong.problems) from None
    territory, problems = read_territory(settings, config)
    if problems:
        raise Refused(*problems)
    with office(Where(config, where.ledger)) as here:
        base = here.ledger.base
        case, trail, found = read(base, number), events(base, number), findings(base, number)
        pushed_before = list(kept_sources(base))
        if asked_by:
            here = _for(here, asked_by)
        allow_precise(here, f"bundle of case {number}")
        made_ns, actor = here.now_ns, here.actor
    if not found:
        raise Refused(f"case {number}: no finding: a person opened it, and there is nothing to replay")
    spans = windows(found)
    with tempfile.TemporaryDirectory(prefix="hncors-") as name, progress("bundle", 3, long=True) as told:
        folder = Path(name)
        pushed = sources(source, pushed_before, found)
        write_register(folder, texts, {one.subject for one in pushed})
        write_sources(folder, pushed)
        write_territory(folder, settings, config, territory.policy, pushed=bool(pushed))
        missing = write_recordings(folder, source, involved(found, stations), spans)
        if tables is not None:
            write_tables(folder, tables, found)
        if not any(folder.glob("recordings/*/*.rtcm3")) and not (folder / TABLES).is_dir():
            raise Refused(f"case {number}: {source}: expected recordings of {', '.join(missing)} of then")
        if told is not None:
            told(1)
        shown = replayed(folder, folder)
        if told is not None:
            told(2)
        filed_m = {one.id: one.ecef_m for one in stations if one.ecef_m is not None and one.filed}
        picture = drawn(territory.areas, filed_m, case.subject, shown.places_m.get(case.subject))
        (folder / "map.svg").write_text(picture, encoding="utf-8")
        _write_case(folder, number, case, trail, found, made_ns)
        says = {
            "case": number, "subject": case.subject, "made_ns": made_ns, "by": actor, "version": VERSION,
            "policy": fingerprint(territory.policy), "stretches_ns": spans, "not_recorded": missing,
        }  # fmt: skip
        seal = _pack(folder, out, says)
    result = compared(_kept(found), shown.found, shown.pushed, missing)
    for one in missing:
        note(f"{one}: not recorded then")
    return _told(out, seal, result, [], as_json)


def _for(here: Office, who: str) -> Office:
    """The office of somebody for whom the daemon asks, which has seen to it that he may: no one else can ask.

    Raises Refused.
    """
    if os.getuid() not in (0, here.ledger.path.stat().st_uid):
        raise Refused(f"--asked-by {who}: expected to be run by the user whose file the ledger is")
    with contextlib.suppress(OSError):
        os.nice(NICE)
    return here._replace(actor=who, role=SUPERVISOR)


def verify_command(bundle: Path, as_json: bool) -> int:
    """Whether a bundle is what was made, and shows its findings again; 1 where not."""
    with tempfile.TemporaryDirectory(prefix="hncors-") as name:
        folder = Path(name)
        manifest, seal, wrong = _unpack(bundle, folder)
        kept: list[Found] = []
        again, missing = Replayed([], {}, frozenset()), list[str]()
        if not wrong:
            try:
                told = json.loads((folder / "case.json").read_text(encoding="utf-8"))
                names = [[str(one[name]) for name in Found._fields] for one in told["findings"]]
                kept = [Found(*one) for one in names]
            except (OSError, ValueError, KeyError, TypeError) as fault:
                raise Refused(f"{bundle}: case.json: {type(fault).__name__}: expected a case") from None
            there = {path.stem for path in folder.glob("recordings/*/*.rtcm3")}
            missing = [one for one in map(str, manifest.get("not_recorded", ())) if one not in there]
            with progress("replay 重放", 1, long=True):
                again = replayed(folder)
            if not as_json and manifest.get("version") != VERSION:
                note(f"made by hncors {printable(str(manifest.get('version')), 40)}, replayed by {VERSION}")
    return _told(bundle, seal, compared(kept, again.found, again.pushed, missing), wrong, as_json)


def _kept(found: Sequence[Finding]) -> list[Found]:
    return [Found(one.rule, one.subject, one.strength) for one in found]


def _told(
    bundle: Path, seal: str, result: dict[str, list[Found]], wrong: Sequence[str], as_json: bool
) -> int:
    bad = bool(wrong or result["differs"])
    if as_json:
        plainly = {name: [one._asdict() for one in its] for name, its in result.items()}
        document({"bundle": str(bundle), "sha256": seal, "wrong": list(wrong), **plainly})
        return WRONG if bad else DONE
    shell = console()
    for line in wrong:
        shell.print(printable(line, 400), markup=False, soft_wrap=True)
    for name, its in result.items():
        for one in its:
            text = f"{one.rule} {one.strength}  {one.subject}  {WORDS[name]}"
            shell.print(printable(text, 400), markup=False, soft_wrap=True)
    shell.print(f"sha256 of the manifest 清单散列 {seal}", markup=False, soft_wrap=True)
    shell.print("wrong 有误" if bad else "whole 完整", markup=False)
    return WRONG if bad else DONE


def _write_case(
    folder: Path, number: int, case: Case, trail: Sequence[Event], found: Sequence[Finding], now_ns: int
) -> None:
    steps = [step_plain(one.sequence, one.step, one.hash, precise=True) for one in trail]
    whole = {
        **plain(number, case, now_ns),
        "trail": steps,
        "findings": [finding_plain(one, precise=True) for one in found],
    }
    text = json.dumps(whole, ensure_ascii=False, indent=1) + "\n"
    (folder / "case.json").write_text(text, encoding="utf-8")


def _pack(folder: Path, out: Path, says: dict[str, Any]) -> str:
    """The archive; the SHA-256 of its manifest."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    if odd := [name for name in names if not is_name(name)]:
        raise Refused(f"{odd[0]}: expected a station's name of letters, digits, _, - and .")
    files = [(name, path.stat().st_size, _sha256(path)) for name, path in zip(names, paths, strict=True)]
    manifest = {"format": FORMAT, **says, "files": listed(files)}
    text = (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode()
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_member(MANIFEST), text)
            for name, path in zip(names, paths, strict=True):
                with path.open("rb") as source, archive.open(_member(name), "w") as member:
                    while block := source.read(1 << 20):
                        member.write(block)
    except OSError as fault:
        raise Refused(f"--out {out}: {fault.strerror}: expected a file to write") from None
    return hashlib.sha256(text).hexdigest()


def _member(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, STAMP)
    made.compress_type, made.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o640) << 16
    return made


@contextmanager
def _archive(bundle: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(bundle) as archive:
            yield archive
    except OSError as fault:
        raise Refused(f"{bundle}: {fault.strerror}: expected a bundle made by hncors cases bundle") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as fault:
        told = printable(str(fault), 100)
        raise Refused(f"{bundle}: {told}: expected a bundle made by hncors cases bundle") from None


def _unpack(bundle: Path, folder: Path) -> tuple[dict[str, Any], str, list[str]]:
    """Manifest, its SHA-256, and what is wrong; only where nothing is, all files are in the folder."""
    with _archive(bundle) as archive:
        members = {one.filename: one for one in archive.infolist()}
        if MANIFEST not in members or members[MANIFEST].file_size > MANIFEST_BYTES:
            raise Refused(f"{bundle}: no {MANIFEST}: expected a bundle made by hncors cases bundle")
        with archive.open(MANIFEST) as file:
            text = file.read(MANIFEST_BYTES + 1)
        try:
            manifest = json.loads(text)
        except (ValueError, RecursionError):
            raise Refused(f"{bundle}: {MANIFEST}: expected JSON") from None
        seal = hashlib.sha256(text).hexdigest()
        if why := wrong_manifest(manifest):
            return {}, seal, [f"{MANIFEST}: {why}"]
        twice = len(members) != len(archive.infolist())
        sizes = {entry["name"]: entry["size"] for entry in manifest["files"]}
        there: dict[str, tuple[int, str]] = {}
        for name, member in members.items():
            if name == MANIFEST:
                continue
            if name not in sizes:
                there[name] = (member.file_size, "")
                continue
            path = folder / name  # a name of the manifest, which stays within
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with archive.open(member) as source, path.open("wb") as target:
                    there[name] = _copied(source, target, sizes[name])
            except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as fault:
                there[name] = (0, f"damaged: {fault}")
    wrong = unlike(manifest["files"], there) + (["a name is there twice"] if twice else [])
    return manifest, seal, wrong


def _copied(source: IO[bytes], target: IO[bytes], most: int) -> tuple[int, str]:
    """Size and SHA-256 of a file that is to have `most` bytes; no more than one beyond is read."""
    size, digest = 0, hashlib.sha256()
    while size <= most and (block := source.read(min(1 << 20, most + 1 - size))):
        target.write(block)
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
