"""The description of /api/v1 as an OpenAPI 3.1 document: what is asked, what is answered, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hncors.health import STATES
from hncors.supervise.cases import REASONS
from hncors.supervise.cases import STATES as CASE_STATES
from hncors.supervise.findings import STANDINGS
from hncors.view.bds3 import STATES as BDS3_STATES
from hncors.view.site_cases import BY_HAND
from hncors.view.trend import COLUMNS, WINDOWS_S

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
YES: Schema = {"type": "boolean"}
_SHORT: Schema = {"type": "string", "maxLength": 200}
_LONG: Schema = {"type": "string", "maxLength": 4000}


def _maybe(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _list(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def _by_name(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def _object(needed: Mapping[str, Schema], more: Mapping[str, Schema] | None = None) -> Schema:
    properties = {**needed, **(more or {})}
    return {
        "type": "object",
        "required": list(needed),
        "properties": properties,
        "additionalProperties": False,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_TIME: Schema = {"type": "string", "format": "date-time"}
_STATE: Schema = {"type": "string", "enum": list(STATES)}
_CASE_STATE: Schema = {"type": "string", "enum": list(CASE_STATES)}

_SUMMARY = {
    "id": TEXT, "name": TEXT, "name_en": TEXT, "invented": YES, "state": TEXT, "since": _maybe(_TIME),
    "last_epoch": {"type": ["string", "null"], "description": "GPS time"}, "satellites": _maybe(COUNT),
    "bds3": _maybe(COUNT), "bds3_signals": {"type": ["array", "null"], "items": TEXT},
    "latency_s": _maybe(NUMBER),
}  # fmt: skip
_WINDOW = _object({"availability": _maybe(NUMBER), "observed_s": COUNT, "received": COUNT, "missing": COUNT})
_DETAIL = {
    **_SUMMARY, "enabled": YES, "operator": TEXT, "county": TEXT, "interval_s": _maybe(NUMBER),
    "messages": _by_name(COUNT), "epochs": _by_name(COUNT), "satellites": _by_name(COUNT),
    "inhibited_by": _list(TEXT), "availability": _object(dict.fromkeys(WINDOWS_S, _WINDOW)),
}  # fmt: skip
_OF_OPERATORS = {
    "errors": _by_name(COUNT), "reconnects": _by_name(COUNT), "kinds": _list(TEXT), "mirrors": _maybe(TEXT),
    "faults": _list(TEXT), "identity": TEXT, "bytes": _by_name(COUNT), "frames": COUNT,
    "crc_failures": COUNT, "reserved_bits": COUNT,
}  # fmt: skip
_WHY = {"why": {"type": "string", "description": "for operators and above"}}
_CASE = {
    "id": WHOLE, "subject": TEXT, "county": TEXT, "state": _CASE_STATE,
    "standing": {"type": "string", "enum": list(STANDINGS)}, "rules": _list(TEXT), "owner": TEXT,
    "opened": _maybe(_TIME), "month": TEXT, "changed": _maybe(_TIME), "handle_by": _maybe(_TIME),
    "clear_by": _maybe(_TIME), "overdue": {"type": "string", "enum": ["", "handle", "clear"]},
    "handled": _maybe(_TIME), "closed": _maybe(_TIME), "reason": TEXT,
}  # fmt: skip
_STEP = _object(
    {
        "sequence": WHOLE, "at": _maybe(_TIME), "actor": TEXT, "role": TEXT, "action": TEXT,
        "detail": {"type": "object"}, "hash": TEXT,
    }
)  # fmt: skip
_SCHEMAS: Mapping[str, Schema] = {
    "Station": _object(_SUMMARY, _WHY),
    "StationDetail": _object(_DETAIL, {**_WHY, **_OF_OPERATORS}),
    "Series": _object(
        {"time": _list(WHOLE), "columns": _object({name: _list(_maybe(NUMBER)) for name in COLUMNS})}
    ),
    "Satellite": _object(
        {
            "satellite": TEXT, "azimuth_deg": NUMBER, "elevation_deg": NUMBER, "cn0_dbhz": _maybe(NUMBER),
            "bds3": YES,
        }
    ),
    "Signal": _object(
        {
            "gnss": TEXT, "signal": TEXT, "observations": COUNT, "satellites": _maybe(COUNT),
            "bds3_satellites": _maybe(COUNT), "cn0_dbhz": _maybe(NUMBER),
        }
    ),
    "Bds3": _object(
        {
            "streaming": COUNT,
            "delivering": COUNT,
            "stations": _list(
                _object(
                    {
                        "id": TEXT, "state": TEXT, "promised": _list(TEXT), "satellites": _maybe(COUNT),
                        "signals": {"type": ["object", "null"], "additionalProperties": COUNT},
                        "missing": {"type": ["array", "null"], "items": TEXT},
                        "use": {"enum": [*BDS3_STATES, None]},
                    }
                )
            ),
        }
    ),
    "Event": _object({"at": _maybe(_TIME), "station": TEXT, "kind": TEXT, "detail": {"type": "object"}}),
    "GeoJson": _object(
        {
            "type": {"const": "FeatureCollection"},
            "features": _list(
                _object(
                    {
                        "type": {"const": "Feature"}, "id": TEXT, "properties": _ref("Station"),
                        "geometry": {
                            "type": ["object", "null"],
                            "properties": {"type": {"const": "Point"}, "coordinates": _list(NUMBER)},
                        },
                    }
                )
            ),
        }
    ),
    "Case": _object(_CASE),
    "WholeCase": _object(
        {
            **_CASE, "trail": _list(_STEP), "findings": _list({"type": "object"}),
            "attachments": _list(_object({"name": TEXT, "size": COUNT, "sha256": TEXT})),
        }
    ),
    "Me": _object({"name": _maybe(TEXT), "role": TEXT, "csrf": _maybe(TEXT)}),
    "NewCase": {
        **_object(
            {"subject": {**_SHORT, "minLength": 1}, "text": _LONG}, {"county": _SHORT},
        )
    },
    "Step": _object(
        {},
        {
            "text": _LONG, "reason": {"type": "string", "enum": list(REASONS)},
            "county": _SHORT, "owner": _SHORT,
            "checked_on": {"type": "string", "format": "date"}, "by": _SHORT,
            "state": {
                "type": "string",
                "enum": list(CASE_STATES),
                "description": "the state in which you saw the case; another one is a conflict",
            },
        },
    ),
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {"type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT},
    },
}  # fmt: skip

_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_NUMBER = {
    "name": "number",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
}
_TOKEN = {
    "name": "X-CSRF-Token", "in": "header", "required": False, "schema": TEXT,
    "description": "of the session: `csrf` of /api/v1/me",
}  # fmt: skip
_ACTION = {**_ID, "name": "action", "schema": {"type": "string", "enum": list(BY_HAND)}}
_WORDS = {
    401: "nobody has signed in",
    403: "the role may not",
    404: "there is none",
    400: "a parameter is wrong",
}
_REFUSALS = {
    **_WORDS, 408: "the body did not come in time", 409: "the case is in another state by now",
    413: "too large",
    415: "neither a form nor JSON", 421: "not a name of this monitor", 422: "the step may not be taken",
    503: "cannot be done now",
}  # fmt: skip


def document(version: str) -> Schema:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hncors",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": (
                "Stations, events and cases of a monitor of GNSS reference stations. Times are UTC unless "
                "they say otherwise. Places are told to a hundredth of a degree. What somebody may see "
                "depends on his role: unfiled stations, reasons and cases are for operators and above."
            ),
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"session": []}],
        "paths": {f"/api/v1{path}": item for path, item in _paths().items()},
        "components": {
            "schemas": dict(_SCHEMAS),
            "securitySchemes": {
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "hncors_session",
                    "description": "as /login gives it; over TLS its name is __Host-hncors",
                }
            },
        },
    }  # fmt: skip


def _paths() -> dict[str, Schema]:
    state = _query("state", {"type": "string", "enum": ["", *STATES]})
    case_state = _query("state", {"type": "string", "enum": ["", *CASE_STATES, "all"]})
    paging = [
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 10_000}),
        _query("offset", {"type": "integer", "minimum": 0, "maximum": 1_000_000}),
    ]
    kind = [_query(name, {"type": "string", "maxLength": 200}) for name in ("kind", "station")]
    window = _query("window", {"type": "string", "enum": ["1h", "24h"]})
    since = _query("since", {"type": "integer", "minimum": 0, "maximum": 1 << 40})
    return {
        "/stations": _get("Stations", _list(_ref("Station")), [state, *paging], paged=True),
        "/stations.csv": _get("Stations as a table", TEXT, [state], kind="text/csv"),
        "/stations.geojson": _get("Stations on a map", _ref("GeoJson"), [], kind="application/geo+json"),
        "/stations/{id}": _get("One station", _ref("StationDetail"), [_ID], refused=(404,)),
        "/stations/{id}/series": _get(
            "Samples of one station", _ref("Series"), [_ID, window, since], refused=(404,)
        ),
        "/stations/{id}/sky": _get("Its satellites", _list(_ref("Satellite")), [_ID], refused=(404,)),
        "/stations/{id}/signals": _get("Its signals", _list(_ref("Signal")), [_ID], refused=(404,)),
        "/bds3": _get("BeiDou-3 delivered and promised", _ref("Bds3"), []),
        "/events": _get("The last events", _list(_ref("Event")), [*kind, *paging], paged=True),
        "/events.csv": _get("The last events as a table", TEXT, kind, kind="text/csv"),
        "/cases": {
            **_get("Cases", _list(_ref("Case")), [case_state, *paging], paged=True, refused=(404, 503)),
            **_post("Open a case", "NewCase", [_TOKEN], 201),
        },
        "/cases.csv": _get("Cases as a table", TEXT, [case_state], kind="text/csv", refused=(404, 503)),
        "/cases/{number}": _get("One case", _ref("WholeCase"), [_NUMBER], refused=(404, 503)),
        "/cases/{number}/{action}": _post(
            "Take a step of a case",
            "Step",
            [_NUMBER, _ACTION, _TOKEN],
            200,
        ),
        "/me": _get("Who asks", _ref("Me"), []),
        "/openapi.json": _get("This description", {"type": "object"}, []),
    }  # fmt: skip


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _get(
    summary: str, schema: Schema, parameters: list[Schema], *, kind: str = "application/json",
    paged: bool = False, refused: tuple[int, ...] = (),
) -> Schema:  # fmt: skip
    answer: Schema = {
        "description": summary,
        "content": {kind: {"schema": schema}},
        "headers": {"ETag": {"schema": TEXT}},
    }
    if paged:
        answer["headers"]["X-Total-Count"] = {"schema": WHOLE}
        answer["headers"]["Link"] = {"schema": TEXT, "description": 'rel="next", where there are more'}
    responses = {"200": answer, "304": {"description": "you have it: If-None-Match"}}
    return {
        "get": {
            "summary": summary,
            "operationId": _name(summary),
            "parameters": parameters,
            "responses": responses | _refused(400, 401, 403, 421, 503, *refused),
        }
    }


def _post(summary: str, body: str, parameters: list[Schema], status: int) -> Schema:
    content = {
        kind: {"schema": _ref(body)} for kind in ("application/json", "application/x-www-form-urlencoded")
    }
    answer = {"description": summary, "content": {"application/json": {"schema": _ref("WholeCase")}}}
    return {
        "post": {
            "summary": summary,
            "operationId": _name(summary),
            "security": [{"session": []}],
            "parameters": parameters,
            "requestBody": {"required": True, "content": content},
            "responses": {str(status): answer} | _refused(*_REFUSALS),
        }
    }


def _refused(*statuses: int) -> Schema:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {str(one): {"description": _REFUSALS[one], "content": content} for one in sorted(set(statuses))}


def _name(summary: str) -> str:
    return "".join(word.capitalize() for word in summary.replace("-", " ").split())
