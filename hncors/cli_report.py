"""hncors report: a month's cases as a page and as tables."""

from __future__ import annotations

from pathlib import Path

from hncors.cli_ledger import Where, found_config, office, settings_of
from hncors.cli_output import DONE, Refused, console, document, staged
from hncors.daemon.ledger_cases import trails
from hncors.daemon.territory import Territory, default, read_territory
from hncors.supervise.monthly import report
from hncors.text import printable
from hncors.view.month_report import cases_csv, figures_csv, html


def month_command(where: Where, month: str, out: Path, as_json: bool) -> int:
    """Write the report of a month."""
    areas = _territory(where).areas
    with office(where) as here:
        try:
            told = report(trails(here.ledger.base), month, here.now_ns)
        except ValueError as fault:
            raise Refused(f'MONTH "{month}": expected {fault}') from None
        newest = here.ledger.base.execute(
            "SELECT hash FROM case_events ORDER BY number DESC LIMIT 1"
        ).fetchone()
        newest_hash = newest[0] if newest else "-"
        texts = {
            f"cases-{month}.html": html(told, areas, newest_hash, here.now_ns),
            f"cases-{month}.csv": cases_csv(told),
            f"figures-{month}.csv": figures_csv(told),
        }
    with staged(out) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
    total = told.total
    figures = {**total._asdict(), "cleared": total.cleared, "overdue": total.overdue}
    if as_json:
        files = [str(out / name) for name in texts]
        scores = {
            rule: score._asdict() | {"precision": score.precision} for rule, score in told.scores.items()
        }
        document(
            {
                "month": month,
                "over": told.over,
                "files": files,
                "newest_hash": newest_hash,
                "total": figures,
                "counties": {name: one._asdict() for name, one in told.counties.items()},
                "rules": {name: one._asdict() for name, one in told.rules.items()},
                "scores": scores,
            }
        )
        return DONE
    shell = console()
    names = (
        ("found", "发现"),
        ("handled", "处置"),
        ("cleared", "清零"),
        ("open", "未结"),
        ("overdue", "逾期"),
    )
    shell.print(", ".join(f"{figures[name]} {name} {word}" for name, word in names), markup=False)
    for name in texts:
        shell.print(printable(str(out / name), 400), markup=False, soft_wrap=True)
    return DONE


def _territory(where: Where) -> Territory:
    """The outlines that the configuration names, else those of the program.  Raises Refused."""
    if where.config is None and where.ledger is not None:
        return default()
    config = found_config(where.config)
    territory, problems = read_territory(settings_of(config), config)
    if problems or territory is None:
        raise Refused(*problems)
    return territory
