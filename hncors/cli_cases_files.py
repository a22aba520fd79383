"""hncors cases: files into the ledger and out of it, and the ledger held against its hashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from hncors.cli_cases import Chosen, flat
from hncors.cli_ledger import Where, allow_precise, office
from hncors.cli_output import DONE, WRONG, Refused, console, document
from hncors.daemon import ledger_files
from hncors.daemon.ledger import first_broken, insert
from hncors.daemon.ledger_cases import cases, events, findings, read, take
from hncors.supervise.cases import Step, StepRefused, told
from hncors.text import printable
from hncors.view.cases import finding_plain, plain, step_plain
from hncors.view.cases import table as csv_table


def attach_command(where: Where, number: int, file: Path, text: str, by: str, as_json: bool) -> int:
    """Keep a copy of a file, and name it in the case."""
    with office(where) as here:
        read(here.ledger.base, number)
        try:
            kept = ledger_files.store(here.ledger.path, file)
        except OSError as fault:
            raise Refused(
                f"{file}: {fault.strerror}: expected a file that can be read, and room for it"
            ) from None
        except ledger_files.TooLarge:
            raise Refused(f"{file}: more than {ledger_files.MAX_BYTES >> 20} MiB") from None
        name = printable(file.name, 200)
        said = {"name": name, "sha256": kept.sha256, "size": kept.size}
        said |= {key: value for key, value in (("text", text), ("by", by)) if value}
        with here.ledger.writing() as base:
            take(base, Step("attach", here.actor, here.role, here.now_ns, said), number)
            row = {"case_id": number, "name": name, "size": kept.size, "sha256": kept.sha256}
            insert(base, "attachments", row | {"at_ns": here.now_ns}, "ON CONFLICT DO NOTHING")
        if as_json:
            document({"case": number, "name": name, "size": kept.size, "sha256": kept.sha256})
        else:
            console().print(
                printable(f"{name}: {kept.size:,} bytes, sha256 {kept.sha256}", 400), markup=False
            )
    return DONE


def export_command(
    where: Where, chosen: Callable[[], Chosen], out: Path, precise: bool, as_json: bool
) -> int:
    """Cases into a file: CSV, a row each, or JSON with their trails and findings."""
    wanted, kind = chosen(), out.suffix.lower()
    if kind not in (".csv", ".json"):
        raise Refused(f"--out {out}: expected a name that ends in .csv or .json")
    if precise and kind == ".csv":
        raise Refused("--precise: expected --out NAME.json: a table of cases has no places in it")
    with office(where) as here:
        base = here.ledger.base
        found = wanted.of(here)
        if precise:
            allow_precise(here, f"export of {len(found)} cases")
        if kind == ".csv":
            text = csv_table(found, here.now_ns)
        else:
            whole = [
                {
                    **plain(number, case, here.now_ns),
                    "trail": [step_plain(*event, precise=precise) for event in flat(events(base, number))],
                    "findings": [finding_plain(one, precise=precise) for one in findings(base, number)],
                }
                for number, case in found
            ]
            newest = base.execute("SELECT hash FROM case_events ORDER BY number DESC LIMIT 1").fetchone()
            told_whole = {"precise": precise, "newest_hash": newest[0] if newest else None, "cases": whole}
            text = json.dumps(told_whole, ensure_ascii=False, indent=1) + "\n"
    _write(out, text)
    if as_json:
        document({"file": str(out), "cases": len(found), "precise": precise})
    else:
        console().print(printable(f"{out}: {len(found)} cases 件", 400), markup=False)
    return DONE


def audit_command(where: Where, as_json: bool) -> int:
    """Whether the ledger is what was written: trails, cases, attachments; 1 where anything is not."""
    with office(where) as here:
        base = here.ledger.base
        broken = {name: first_broken(base, name) for name in ("case_events", "registry_history")}
        wrong = [
            f"{name}: entry {entry + 1} is not what was written, or does not follow the one before"
            for name, entry in broken.items()
            if entry is not None
        ]
        for number, case in cases(base):
            try:
                same = told(event.step for event in events(base, number)) == case
            except (StepRefused, KeyError):
                same = False
            if not same:
                wrong.append(f"case {number}: is not what its steps make of it")
        query = "SELECT case_id, name, sha256 FROM attachments ORDER BY id"
        for number, name, sha256 in base.execute(query):
            if ledger_files.damaged(here.ledger.path, sha256):
                wrong.append(f"case {number}: attachment {name}: missing, or not what was attached")
        newest = base.execute("SELECT hash FROM case_events ORDER BY number DESC LIMIT 1").fetchone()
        (count,) = base.execute("SELECT count(*) FROM case_events").fetchone()
        if as_json:
            document({"steps": count, "newest_hash": newest[0] if newest else None, "wrong": wrong})
        else:
            shell = console()
            for line in wrong:
                shell.print(printable(line, 500), markup=False, soft_wrap=True)
            text = f"{count} steps 步, newest hash 最新散列 {newest[0] if newest else '-'}"
            shell.print(text, markup=False, soft_wrap=True)
            shell.print("wrong 有误" if wrong else "whole 完整", markup=False)
    return WRONG if wrong else DONE


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as fault:
        raise Refused(f"--out {out}: {fault.strerror}: expected a file to write") from None
