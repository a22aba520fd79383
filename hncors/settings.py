"""What the configuration file may say, and how any TOML file is checked: text in, a model or problems out.

A problem is one line naming the file, the key, the value and what was expected; all problems of a file come
at once.  Nothing is read from disk here.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from hncors import tiers
from hncors.text import printable
from hncors.tiers import TIERS, Limits


class Expected(NamedTuple):
    """What a key may hold, in words, among its field's metadata: the end of every problem with it."""

    text: str
    shown: bool = True  # false where a wrong value may be a secret in the wrong place


class Table(BaseModel):
    """A TOML table: types are taken as written, an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Address(NamedTuple):
    host: str
    port: int


def parse_listen(text: str) -> Address:
    """`host:port` to listen on.  Raises ValueError saying what was expected."""
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError('an address and a port, such as "127.0.0.1:9816"')
    if host != "localhost":
        try:
            ip_address(host)
        except ValueError:
            raise ValueError('an address of this machine and a port, such as "127.0.0.1:9816"') from None
    return Address(host, int(port))


def is_loopback(host: str) -> bool:
    """Whether only this machine itself reaches an address that `parse_listen` gave."""
    return host == "localhost" or ip_address(host).is_loopback


def _listen(text: str) -> str:
    parse_listen(text)
    return text


_EXPECTED_HOSTS = "an array of hosts, as links have them"


def _hosts(names: list[str]) -> list[str]:
    if not all(re.fullmatch("[a-z0-9._:-]{1,253}", name) for name in names):
        raise ValueError(f"{_EXPECTED_HOSTS}, in small letters, without port and brackets")
    return names


_FILE = "a file, relative to this one"
_File = Annotated[str | None, Field(min_length=1), Expected(_FILE)]
_EXPECTED_NAMES = "an array of names without port that browsers may call the pages by"


def _names(names: list[str]) -> list[str]:
    if not all(re.fullmatch("[a-z0-9.-]{1,253}", name) for name in names):
        raise ValueError(f"{_EXPECTED_NAMES}, in small letters")
    return names


class Web(Table):
    """Where pages and metrics are, and who may see them."""

    listen: Annotated[str, AfterValidator(_listen), Expected('text such as "127.0.0.1:9816"')] = (
        "127.0.0.1:9816"
    )
    tls_cert_file: _File = None
    tls_key_file: _File = None
    users_file: _File = None
    anonymous: Annotated[
        Literal["operator", "public", "nothing"] | None, Expected("operator, public or nothing")
    ] = None
    names: Annotated[list[str], AfterValidator(_names), Expected(_EXPECTED_NAMES)] = []
    web_config_file: _File = None

    @property
    def stranger(self) -> str:
        """What somebody who has not signed in may see: "operator", "public" or "nothing"."""
        return self.anonymous or ("operator" if self.users_file is None else "public")


class Links(Table):
    retry_first_s: Annotated[float, Field(ge=1, le=300), Expected("a number from 1 to 300")] = 10.0
    retry_longest_s: Annotated[float, Field(ge=1, le=3600), Expected("a number from 1 to 3600")] = 300.0
    own_casters: Annotated[list[str], AfterValidator(_hosts), Expected(_EXPECTED_HOSTS)] = []
    starts_per_s: Annotated[float, Field(ge=0.1, le=1000), Expected("a number from 0.1 to 1000")] = 10.0


class Push(Table):
    """Where stations push their streams to, those whose link is push:///MOUNTPOINT."""

    listen: Annotated[str, AfterValidator(_listen), Expected('text such as "127.0.0.1:2102"')]
    tls_cert_file: _File = None
    tls_key_file: _File = None


class Record(Table):
    folder: Annotated[str, Field(min_length=1), Expected("a folder, relative to this file")]
    quota_gb: Annotated[float, Field(ge=0.001, le=1e6), Expected("a number from 0.001 to 1000000")] = 50.0
    retention_days: Annotated[float, Field(ge=0.05, le=36525), Expected("a number from 0.05 to 36525")] = 30.0


_NAMES = "an array of names of users of this machine"
_Names = Annotated[list[Annotated[str, Field(min_length=1, max_length=80)]], Expected(_NAMES)]
_Months = Annotated[int, Field(ge=0, le=12), Expected("a whole number from 0 to 12")]


class Ledger(Table):
    """Where cases are kept, who may do what with them, and by when they have to be cleared."""

    file: Annotated[str, Field(min_length=1), Expected("a file, relative to this one")]
    supervisors: _Names = []
    operators: _Names = []
    counties: _Names = []
    handle_months: _Months = 0
    clear_months: _Months = 0
    late_days: Annotated[int, Field(ge=0, le=28), Expected("a whole number from 0 to 28")] = 10


class Integrity(Table):
    metre_m: Annotated[list[float], AfterValidator(tiers.limits), Expected(tiers.EXPECTED_LIMITS)] = [
        *TIERS["metre"]
    ]
    decimetre_m: Annotated[list[float], AfterValidator(tiers.limits), Expected(tiers.EXPECTED_LIMITS)] = [
        *TIERS["decimetre"]
    ]
    centimetre_m: Annotated[list[float], AfterValidator(tiers.limits), Expected(tiers.EXPECTED_LIMITS)] = [
        *TIERS["centimetre"]
    ]
    millimetre_m: Annotated[list[float], AfterValidator(tiers.limits), Expected(tiers.EXPECTED_LIMITS)] = [
        *TIERS["millimetre"]
    ]

    def of(self, tier: str) -> Limits:
        """The alert limits of a tier."""
        return Limits(*getattr(self, f"{tier}_m"))


_EXPECTED_CASTERS = 'an array of casters such as "ntrip://caster.example.org:2101"'


def _casters(links: list[str]) -> list[str]:
    for link in links:
        found = re.fullmatch(r"ntrips?://[A-Za-z0-9._-]{1,253}:([0-9]{1,5})/?", link)
        if found is None or not 0 < int(found[1]) < 65536:
            raise ValueError(_EXPECTED_CASTERS)
    return links


_EXPECTED_HOURS = "hours from 0.25 to 720, or 0 for never"


def _scan_hours(hours: float) -> float:
    if hours and not 0.25 <= hours <= 720:
        raise ValueError(_EXPECTED_HOURS)
    return hours


class Supervision(Table):
    areas: Annotated[str | None, Field(min_length=1), Expected("a GeoJSON file, relative to this file")] = (
        None
    )
    policy: Annotated[str | None, Field(min_length=1), Expected("a TOML file, relative to this file")] = None
    regions: Annotated[str | None, Field(min_length=1), Expected("a CSV file, relative to this file")] = None
    casters: Annotated[list[str], AfterValidator(_casters), Expected(_EXPECTED_CASTERS)] = []
    scan_hours: Annotated[float, AfterValidator(_scan_hours), Expected(_EXPECTED_HOURS)] = 0.0
    sourcetables: Annotated[str | None, Field(min_length=1), Expected("a folder, relative to this file")] = (
        None
    )


_EXPECTED_BROKER = 'a broker such as "mqtts://broker.example.org:8883" or "mqtt://127.0.0.1:1883"'
_EXPECTED_TOPIC = 'the beginning of topics, such as "hncors", without wildcards and outer slashes'


class BrokerAddress(NamedTuple):
    host: str
    port: int
    secure: bool


def parse_broker(text: str) -> BrokerAddress:
    """An `mqtt://` or `mqtts://` link.  Raises ValueError saying what was expected."""
    found = re.fullmatch(r"(mqtts?)://([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?", text)
    if found is None:
        raise ValueError(_EXPECTED_BROKER)
    port = int(found[3]) if found[3] else {"mqtt": 1883, "mqtts": 8883}[found[1]]
    if not 0 < port < 65536:
        raise ValueError(_EXPECTED_BROKER)
    return BrokerAddress(found[2].strip("[]"), port, found[1] == "mqtts")


def _broker(text: str) -> str:
    parse_broker(text)
    return text


def _topic(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", text) or len(text) > 200:
        raise ValueError(_EXPECTED_TOPIC)
    return text


class Mqtt(Table):
    """Where events are sent to."""

    broker: Annotated[str, AfterValidator(_broker), Expected(_EXPECTED_BROKER)]
    topic: Annotated[str, AfterValidator(_topic), Expected(_EXPECTED_TOPIC)] = "hncors"
    protocol: Annotated[Literal["5", "3.1.1"], Expected("5 or 3.1.1, as text")] = "5"
    client_id: Annotated[str, Field(min_length=1, max_length=23), Expected("1 to 23 characters")] = "hncors"
    user: Annotated[str | None, Field(min_length=1, max_length=200), Expected("a user of the broker")] = None
    password_file: Annotated[
        str | None, Field(min_length=1), Expected("a file, relative to this one", shown=False)
    ] = None
    ca_file: _File = None


class Settings(Table):
    """The configuration file."""

    stations: Annotated[
        str, Field(min_length=1), Expected("the folder of station files, relative to this file")
    ]
    tick_s: Annotated[float, Field(ge=0.05, le=5), Expected("a number from 0.05 to 5")] = 0.25
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Expected("debug, info, warning or error")
    ] = "info"
    web: Annotated[Web, Expected("a table")] = Web()
    links: Annotated[Links, Expected("a table")] = Links()
    push: Annotated[Push | None, Expected("a table")] = None
    record: Annotated[Record | None, Expected("a table")] = None
    integrity: Annotated[Integrity, Expected("a table")] = Integrity()
    ledger: Annotated[Ledger | None, Expected("a table")] = None
    supervision: Annotated[Supervision, Expected("a table")] = Supervision()
    mqtt: Annotated[Mqtt | None, Expected("a table")] = None


def read_settings(text: str, file: str) -> tuple[Settings | None, list[str]]:
    """The configuration in `text`, or None and its problems; `file` is the name the problems give."""
    settings, problems = read_table(Settings, text, file)
    if settings is None:
        return None, problems
    if settings.links.retry_longest_s < settings.links.retry_first_s:
        longest = settings.links.retry_longest_s
        problems.append(problem(file, "links.retry_longest_s", longest, "no less than retry_first_s"))
    if settings.mqtt is not None and settings.ledger is None:
        expected = "a table [ledger] beside it: events wait in the ledger for the broker"
        problems.append(problem(file, "mqtt.broker", settings.mqtt.broker, expected))
    problems += _pairs("web", settings.web, file)
    problems += _exposed(settings.web, file)
    problems += _pairs("push", settings.push, file)
    return (None, problems) if problems else (settings, [])


def _pairs(table: str, its: Web | Push | None, file: str) -> Iterator[str]:
    """A certificate without its key, or the other way round."""
    if its is not None and (its.tls_cert_file is None) != (its.tls_key_file is None):
        there, other = ("tls_cert_file", "tls_key_file")[:: 1 if its.tls_key_file is None else -1]
        yield problem(file, f"{table}.{there}", getattr(its, there), f"{table}.{other} beside it")


def _exposed(web: Web, file: str) -> Iterator[str]:
    """What is wrong with who may reach the pages: others than this machine only by TLS and with a login."""
    if is_loopback(parse_listen(web.listen).host):
        return
    if web.users_file is None or (web.tls_cert_file is None and web.web_config_file is None):
        expected = (
            "a loopback address (127.0.0.1, ::1 or localhost), or web.users_file, web.tls_cert_file and "
            "web.tls_key_file beside it: others reach the pages by TLS and with a login only"
        )
        yield problem(file, "web.listen", web.listen, expected)
    elif web.anonymous == "operator":
        expected = "public or nothing where web.listen is not a loopback address"
        yield problem(file, "web.anonymous", web.anonymous, expected)


def stations_folder(text: str) -> str:
    """The folder of station files named in `text`, whatever else is wrong with it; "" where none is."""
    folder = read_toml(text).get("stations")
    return folder if isinstance(folder, str) else ""


def read_toml(text: str) -> dict[str, Any]:
    """What is in a TOML text, nothing where it is none."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


T = TypeVar("T", bound=Table)


def read_table(model: type[T], text: str, file: str) -> tuple[T | None, list[str]]:
    """`text` as TOML that fits `model`, or None and every problem with it."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        return None, [f"{file}: not TOML: {printable(str(fault), 100)}"]
    except RecursionError:
        return None, [f"{file}: not TOML: brackets nested too deeply"]
    try:
        return model.model_validate(content), []
    except ValidationError as fault:
        return None, [_told(model, file, error) for error in fault.errors(include_url=False)]


def problem(file: str, key: str, value: object, expected: str) -> str:
    """`file: key = value: expected ...`, the one line every problem with a value is."""
    return f"{file}: {key} = {_shown(value)}: expected {expected}"


def _told(model: type[Table], file: str, error: Any) -> str:
    """One pydantic error as a problem."""
    path = [str(step) for step in error["loc"]]
    key = printable(".".join(path), 100)
    # What is wrong with an element of an array is told in the words of the array.
    while path[-1].isdecimal():
        path.pop()
    table = _table(model, path[:-1])
    if error["type"] == "extra_forbidden":
        # Its value is not shown: it may be what should not have been written here, such as a password.
        if "password" in path[-1].lower() or "secret" in path[-1].lower():
            return f"{file}: {key}: unknown key: expected no secret here; password_file names a file with it"
        near = difflib.get_close_matches(path[-1], table.model_fields, n=1)
        known = f"{near[0]}?" if near else "one of " + ", ".join(sorted(table.model_fields))
        return f"{file}: {key}: unknown key: expected {known}"
    expected, shown = _expected(table, next(step for step in reversed(path) if step in table.model_fields))
    if error["type"] == "missing":
        return f"{file}: {key}: missing: expected {expected}"
    if error["type"] == "value_error":
        expected = str(error["ctx"]["error"])
    return problem(file, key, error["input"], expected) if shown else f"{file}: {key}: expected {expected}"


def _table(model: type[Table], path: list[str]) -> type[Table]:
    """The table of `model` that the keys of `path` lead to."""
    for step in path:
        if step not in model.model_fields:  # the number of a table in an array
            continue
        inner = _inner(model.model_fields[step].annotation)
        if not inner:
            break
        model = inner[0]
    return model


def _inner(annotation: Any) -> list[type[Table]]:
    """The tables a key can hold, by itself, as one choice of several or in an array."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return [annotation]
    return [table for choice in get_args(annotation) for table in _inner(choice)]


def _expected(table: type[Table], key: str) -> Expected:
    return next(item for item in table.model_fields[key].metadata if isinstance(item, Expected))


def _shown(value: object) -> str:
    """A value as the file has it, on one line, without what may be a secret in it."""
    if isinstance(value, str):
        if "://" in value:
            value = re.sub("//.*@", "//***@", value, flags=re.DOTALL)
            value = value if value.startswith("serial:") else re.sub("[?#].*", "?***", value, flags=re.DOTALL)
        return json.dumps(printable(value, 100), ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    return printable(str(value), 100)


def keys(model: type[Table], prefix: str = "") -> Iterator[tuple[str, str, object]]:
    """Every key of a file with what it may hold and its default (`...` for none), for documentation."""
    for name, field in model.model_fields.items():
        if inner := _inner(field.annotation):
            yield from keys(inner[0], f"{prefix}{name}.")
        else:
            yield (
                prefix + name,
                _expected(model, name).text,
                ... if field.is_required() else field.get_default(call_default_factory=True),
            )
