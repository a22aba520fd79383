"""The tables of the ledger, as steps from one version of its file to the next (PRAGMA user_version)."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x484E_434F  # "HNCO": a file of somebody else's is left alone
STRICT = " STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""

_FIRST = """
CREATE TABLE policies (fingerprint TEXT PRIMARY KEY, text TEXT NOT NULL, first_ns INTEGER NOT NULL)@;

CREATE TABLE cases (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL, county TEXT NOT NULL, state TEXT NOT NULL, standing TEXT NOT NULL,
  owner TEXT NOT NULL, opened_ns INTEGER NOT NULL, changed_ns INTEGER NOT NULL,
  handle_by_ns INTEGER NOT NULL, clear_by_ns INTEGER NOT NULL, handled_ns INTEGER NOT NULL,
  handled_by TEXT NOT NULL, closed_ns INTEGER NOT NULL, reason TEXT NOT NULL, rules TEXT NOT NULL)@;
CREATE INDEX cases_of_subject ON cases (subject, id);
CREATE INDEX cases_of_state ON cases (state, opened_ns);

CREATE TABLE findings (
  number INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE, rule TEXT NOT NULL, strength TEXT NOT NULL, standing TEXT NOT NULL,
  subject TEXT NOT NULL, county TEXT NOT NULL, at_ns INTEGER NOT NULL, inputs TEXT NOT NULL,
  version TEXT NOT NULL, policy TEXT NOT NULL, digest TEXT NOT NULL,
  case_id INTEGER REFERENCES cases (id))@;
CREATE INDEX findings_of_case ON findings (case_id, number);

CREATE TABLE case_events (
  number INTEGER PRIMARY KEY,
  case_id INTEGER NOT NULL REFERENCES cases (id), sequence INTEGER NOT NULL,
  at_ns INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
  detail TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  UNIQUE (case_id, sequence))@;

CREATE TABLE attachments (
  id INTEGER PRIMARY KEY,
  case_id INTEGER NOT NULL REFERENCES cases (id), name TEXT NOT NULL, size INTEGER NOT NULL,
  sha256 TEXT NOT NULL, at_ns INTEGER NOT NULL, UNIQUE (case_id, name, sha256))@;

CREATE TABLE registry_history (
  number INTEGER PRIMARY KEY,
  station TEXT NOT NULL, at_ns INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL,
  action TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL UNIQUE)@;
CREATE INDEX registry_history_of_station ON registry_history (station, number);

CREATE TABLE registry_status (
  station TEXT PRIMARY KEY, status TEXT NOT NULL, since_ns INTEGER NOT NULL, looked_ns INTEGER NOT NULL)@;

CREATE TABLE accesses (
  number INTEGER PRIMARY KEY,
  at_ns INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, what TEXT NOT NULL)@;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, subject TEXT NOT NULL, at_ns INTEGER NOT NULL,
  payload TEXT NOT NULL)@;

CREATE TABLE incidents (
  number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL)@
"""


def _unchanging(table: str) -> str:
    """What is on a trail is never changed or taken away."""
    return ";".join(
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} are only added to'); END"
        for verb in ("UPDATE", "DELETE")
    )


TRAILS = ("case_events", "registry_history", "accesses", "incidents")

_PRESENCE = """
CREATE TABLE presence (
  subject TEXT PRIMARY KEY,
  x_m REAL NOT NULL, y_m REAL NOT NULL, z_m REAL NOT NULL, days TEXT NOT NULL, at_ns INTEGER NOT NULL)@
"""

_SOURCES = """
CREATE TABLE sources (subject TEXT PRIMARY KEY, told TEXT NOT NULL, at_ns INTEGER NOT NULL)@;
"""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (*_FIRST.replace("@", STRICT).split(";\n"), *map(_unchanging, TRAILS)),
    (_PRESENCE.replace("@", STRICT),),
    (_SOURCES.replace("@", STRICT),),
)
"""Statements that make each version out of the one before it; version 0 is an empty file."""


def statements(step: tuple[str, ...]) -> list[str]:
    """Single statements: `executescript` would commit in the midst of a migration."""
    found: list[str] = []
    for text in step:
        part = ""
        for piece in text.split(";"):
            part += piece + ";"
            if sqlite3.complete_statement(part):
                found += [part] if part.strip(" \n;") else []
                part = ""
    return found
