"""Somebody who looks at pages, in a process of its own: what each takes, asked at even distances.

    python bench/live_asker.py PORT SECONDS STATION

Five times a second the next of the pages, once a second the metrics as Prometheus asks for them. An answer is
over when its last byte is here. Prints one JSON line: of `pages` and `metrics`, how many, seconds at 50 % and
99 %, the largest, and which page that was. The first scrape, for which all lines are made, is by itself.
"""

from __future__ import annotations

import http.client
import json
import sys
import time

import numpy as np

A_SECOND = 5
METRICS = "/metrics"


def asked(port: int, path: str) -> float:
    """Seconds until the whole answer was here. Raises ValueError where it is not 200."""
    begun_s = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != http.client.OK:
        raise ValueError(f"{path}: {answer.status}")
    return time.perf_counter() - begun_s


def main() -> None:
    port, seconds, station = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    pages = [
        "/", "/screen", "/stations", f"/stations/{station}", "/events", "/healthz",
        "/api/v1/stations", f"/api/v1/stations/{station}", "/api/v1/events", "/api/v1/bds3",
    ]  # fmt: skip
    found: dict[str, list[tuple[float, str]]] = {"pages": [], "metrics": []}
    first_s = asked(port, METRICS)
    begun_s = time.monotonic()
    for number in range(int(seconds * A_SECOND)):
        time.sleep(max(0.0, begun_s + number / A_SECOND - time.monotonic()))
        path = pages[number % len(pages)]
        found["pages"].append((asked(port, path), path))
        if number % A_SECOND == 0:
            found["metrics"].append((asked(port, METRICS), METRICS))
    told: dict[str, object] = {"first_metrics_s": round(first_s, 4)}
    for name, took in found.items():
        took_s = np.array([one for one, _ in took])
        told[name] = {
            "asked": len(took),
            "p50_s": round(float(np.quantile(took_s, 0.5)), 4),
            "p99_s": round(float(np.quantile(took_s, 0.99)), 4),
            "max_s": round(float(took_s.max()), 4),
            "slowest": max(took)[1],
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
