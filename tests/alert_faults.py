"""What goes wrong, as series of metrics, and which alerts are to come of it: rows for promtool's tests.

A network of thirty stations in three counties does well for seventy-five minutes. Each fault changes a few
series of it from some minute on; in one test many faults befall different stations at once. Alerts that fire
at the end are to be exactly those of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

STEP_S = 30
MINUTES = 75
SAMPLES = MINUTES * 60 // STEP_S + 1
COUNTIES = ("甲县", "乙县", "丙县")
STATIONS = tuple(f"S{number:03d}" for number in range(30))
FEW = STATIONS[:3]  # enough where the fault is none of a station
SELF = {"job": "hncors", "instance": "centre"}
DAY_S = 86400
Series = dict[str, str]
Labels = Mapping[str, str]


def named(metric: str, **labels: str) -> str:
    """A series as promtool writes it."""
    inside = ",".join(f'{name}="{value}"' for name, value in sorted({**SELF, **labels}.items()))
    return f"{metric}{{{inside}}}"


def level(value: float, then: float | None = None, *, minute: float = 0) -> str:
    """A gauge that stays, or changes once."""
    first = round(minute * 60 / STEP_S)
    if then is None:
        return f"{value:g}+0x{SAMPLES - 1}"
    before = f"{value:g}+0x{first - 1} " if first else ""
    return f"{before}{then:g}+0x{SAMPLES - 1 - first}"


def appears(value: float, *, minute: float, rate: float = 0.0) -> str:
    """A series that is not there before."""
    first = round(minute * 60 / STEP_S)
    return f"_x{first} {value:g}+{rate * STEP_S:g}x{SAMPLES - 1 - first}"


def count(rate: float, then: float | None = None, *, minute: float = 0, once: float = 0.0) -> str:
    """A counter of so many a second, another rate from some minute on, and `once` so many more there."""
    if then is None:
        return f"0+{rate * STEP_S:g}x{SAMPLES - 1}"
    first = round(minute * 60 / STEP_S)
    reached = rate * STEP_S * first + once
    before = f"0+{rate * STEP_S:g}x{first - 1} " if first else ""
    return f"{before}{reached:g}+{then * STEP_S:g}x{SAMPLES - 1 - first}"


def healthy(stations: Sequence[str] = STATIONS) -> Series:
    """Every metric the rules look at, of a network that does well."""
    found = {
        named("up"): level(1),
        named("hncors_watchdog_last_beat_timestamp_seconds"): f"0+{STEP_S}x{SAMPLES - 1}",
        named("hncors_config_last_reload_successful"): level(1),
        named("hncors_ledger_up"): level(1),
        named("hncors_record_up"): level(1),
        named("hncors_leap_second_table_expires_timestamp_seconds"): level(300 * DAY_S),
        named("hncors_registry_stations", status="filed_live"): level(len(stations)),
        named("hncors_registry_stations", status="unfiled"): level(0),
        named("hncors_evidence_findings_total", rule="E3", strength="medium"): level(2),
    }
    for name in (
        *("config_restart_needed", "overloaded", "host_clock_offset_seconds", "ledger_outbox_messages"),
        *(
            "tick_faults_total",
            "accept_failures_total",
            "monitor_blind_seconds_total",
            "host_clock_steps_total",
            "ledger_dropped_total",
        ),
        *("ledger_refused_total", "ledger_damaged_total"),
    ):
        found[named(f"hncors_{name}")] = level(0)
    for cause in ("satellite", "signal", "system", "sky", "station"):
        found[named("hncors_network_faults", cause=cause)] = level(0)
    for deadline in ("handle", "clear"):
        found[named("hncors_cases_overdue", deadline=deadline)] = level(0)
    for bound, share in (("0.05", 3.98), ("0.25", 4.0), ("0.5", 4.0), ("+Inf", 4.0)):
        found[named("hncors_tick_lag_seconds_bucket", le=bound)] = count(share)
    for number, station in enumerate(stations):
        found |= _station(station, COUNTIES[number % len(COUNTIES)])
    return found


def _station(station: str, county: str) -> Series:
    def its(metric: str, **labels: str) -> str:
        return named(f"hncors_{metric}", station=station, **labels)

    found = {
        its("station_info", county=county): level(1),
        its("stream_up"): level(1),
        its("stream_state", state="streaming"): level(1),
        its("stream_reconnects_total", reason="reset"): level(1),
        its("bds3_signal_delivered", signal="1P"): level(1),
        its("bds3_signal_delivered", signal="7D"): level(1),
        its("epochs_expected_total"): count(1),
        its("epochs_received_total"): count(1),
        its("epochs_blind_total"): level(0),
        its("rtcm_messages_total", type="1077"): count(5),
        its("rtcm_errors_total", kind="crc"): count(0.001),
        its("integrity_epochs_total", state="ok"): count(1),
        its("integrity_epochs_total", state="alert"): count(0),
        its("integrity_misleading_epochs_total"): level(0),
        its("arp_offset_meters"): level(0.01),
        its("tls_certificate_expires_timestamp_seconds"): level(90 * DAY_S),
        its("observations_total", gnss="G", signal="1C"): count(9),
        its("observations_total", gnss="C", signal="2I"): count(11),
        its("cycle_slips_total", gnss="G", signal="1C"): count(0.001),
        its("multipath_rms_meters", gnss="G", signal="1C"): level(0.25),
        its("multipath_rms_meters", gnss="G", signal="5Q"): level(0.7),  # no signal that is judged by it
        its("observations_owed_total", gnss="G", signal="1C"): count(1),
        its("observations_complete_total", gnss="G", signal="1C"): count(0.97),
        its("satellites_unusable", gnss="C", reason="no_group_delay"): level(3),
        its("record_dropped_bytes_total"): level(0),
    }
    for state in ("ok", "excluded", "alert", "not_possible", "unavailable"):
        found[its("integrity_state", state=state)] = level(float(state == "ok"))
    for gnss in "GREC":
        found[its("satellites_tracked", gnss=gnss)] = level(8)
        found[its("satellites_expected", gnss=gnss)] = level(9)
    for bound, share in (("0.5", 0.8), ("1.0", 0.99), ("2.0", 1.0), ("5.0", 1.0), ("+Inf", 1.0)):
        found[its("rtcm_latency_seconds_bucket", le=bound)] = count(share)
    return found


class Fault(NamedTuple):
    """Series that differ, and what is to fire: alert, severity and the labels besides."""

    name: str
    series: Series
    alerts: Sequence[tuple[str, str, Labels]]


class _Rows:
    """Faults of stations, each of another station."""

    def __init__(self) -> None:
        self.rows: list[Fault] = []

    def add(self, alert: str, severity: str, series: Mapping[tuple[str, ...], str], **labels: str) -> None:
        """`series` by metric and labels, ("stream_up",) or ("stream_state", "state", "stalled")."""
        number = len(self.rows)
        station, county = STATIONS[number], COUNTIES[number % len(COUNTIES)]
        changed = {
            named(
                f"hncors_{metric}", station=station, **dict(zip(more[::2], more[1::2], strict=True))
            ): values
            for (metric, *more), values in series.items()
        }
        told = [(alert, severity, {"station": station, "county": county, **labels})] if alert else []
        self.rows.append(Fault(f"{alert} {station}", changed, told))


def _not_streaming(state: str, minute: float) -> dict[tuple[str, ...], str]:
    gone = f"1+0x{round(minute * 60 / STEP_S) - 1} _x{SAMPLES - round(minute * 60 / STEP_S)}"
    return {
        ("stream_up",): level(1, 0, minute=minute),
        ("stream_state", "state", "streaming"): gone,
        ("stream_state", "state", state): appears(1, minute=minute),
        ("epochs_received_total",): count(1, 0, minute=minute),
    }


def links() -> list[Fault]:
    """Streams that are down for their several reasons, and those that limp."""
    rows = _Rows()
    rows.add("HncorsStationDown", "warning", _not_streaming("stalled", 71))
    rows.add("HncorsStationRefused", "warning", _not_streaming("auth_failed", 72))
    rows.add("HncorsStationUseless", "warning", _not_streaming("no_frames", 72))
    rows.add("HncorsStationStale", "warning", _not_streaming("stale_data", 72))
    rows.add("HncorsStationStranger", "critical", _not_streaming("identity_mismatch", 72.5))
    rows.add(
        "", "", _not_streaming("disabled", 71) | {("epochs_received_total",): count(1)}
    )  # as asked: no alarm
    rows.add(
        "HncorsReconnects",
        "warning",
        {("stream_reconnects_total", "reason", "reset"): count(0, 0.002, minute=30)},
    )
    slow = {("rtcm_latency_seconds_bucket", "le", "0.5"): count(0.8, 0, minute=50)}
    slow |= {("rtcm_latency_seconds_bucket", "le", "1.0"): count(0.99, 0.2, minute=50)}
    slow |= {("rtcm_latency_seconds_bucket", "le", "2.0"): count(1.0, 0.2, minute=50)}
    rows.add("HncorsLatency", "warning", slow)
    rows.add(
        "HncorsFrameErrors", "warning", {("rtcm_errors_total", "kind", "crc"): count(0.001, 0.2, minute=50)}
    )
    soon = {("tls_certificate_expires_timestamp_seconds",): level(10 * DAY_S)}
    rows.add("HncorsCertificateExpiry", "warning", soon)
    rows.add("HncorsInsecureTransport", "info", {("stream_insecure_transport",): level(1)})
    rows.add(
        "HncorsMirroredStream",
        "warning",
        {("rtcm_errors_total", "kind", "mirrored_epoch"): appears(1, minute=60, rate=0.1)},
    )
    return rows.rows


def last_days() -> list[Fault]:
    """A certificate of less than three days raises both; Alertmanager holds the lesser back."""
    rows = _Rows()
    rows.add(
        "HncorsCertificateExpiry",
        "critical",
        {("tls_certificate_expires_timestamp_seconds",): level(2 * DAY_S)},
    )
    one = rows.rows[0]
    return [one._replace(alerts=[*one.alerts, ("HncorsCertificateExpiry", "warning", one.alerts[0][2])])]


def stations() -> list[Fault]:
    """What is wrong with stations that stream."""
    rows = _Rows()

    def fault(cause: str, minute: float = 70) -> dict[tuple[str, ...], str]:
        return {("station_fault", "cause", cause): appears(1, minute=minute)}

    def falls(cause: str, minute: float = 70) -> dict[tuple[str, ...], str]:
        return {("cn0_fall_active", "cause", cause): appears(1, minute=minute)}

    def is_now(state: str, minute: float) -> dict[tuple[str, ...], str]:
        return {
            ("integrity_state", "state", "ok"): level(1, 0, minute=minute),
            ("integrity_state", "state", state): level(0, 1, minute=minute),
        }

    rows.add("HncorsReceiverClock", "warning", fault("clock"))
    misleading = {("integrity_misleading_epochs_total",): count(0, 0, minute=73, once=4)}
    rows.add("HncorsMisleading", "critical", misleading)
    rows.add("HncorsIntegrityAlert", "critical", is_now("alert", 73), state="alert")
    explained = is_now("alert", 73) | {("station_inhibited", "cause", "satellite"): appears(1, minute=73)}
    rows.add("", "", explained)  # by a wider cause: no alarm of the station's
    rows.add("", "", is_now("excluded", 40))  # a fault was left out: that is what exclusion is for
    rows.add("HncorsIntegrityUnknown", "warning", is_now("not_possible", 60), state="not_possible")
    rows.add("", "", is_now("unavailable", 30))  # no proof of good, and no alarm
    rows.add("HncorsRangesFault", "warning", fault("signal"))
    unusable = {("satellites_unusable", "gnss", "G", "reason", "no_ephemeris"): level(0, 17, minute=50)}
    rows.add("HncorsSatellitesUnusable", "warning", unusable)
    rows.add("HncorsStationMoved", "critical", fault("moved"))
    rows.add("HncorsStationMoved", "critical", {("position_off_registry",): level(0, 1, minute=70)})
    rows.add(
        "HncorsAntennaMoved", "critical", {("antenna_moves_total", "by", "phases"): appears(1, minute=70)}
    )
    rows.add("HncorsSpoofing", "critical", fault("walks_off"))
    rows.add("HncorsStationElsewhere", "critical", fault("elsewhere"))
    rows.add("HncorsReferencePoint", "warning", {("arp_offset_meters",): level(0.01, 2.5, minute=70)})
    rows.add("HncorsInterference", "critical", falls("interference"))
    rows.add("HncorsInterference", "critical", fault("interference"))
    rows.add("HncorsAntennaFault", "warning", falls("obstruction"))
    gone = falls("system_lost") | {("satellites_tracked", "gnss", "R"): level(8, 0, minute=70)}
    rows.add("HncorsSystemMissing", "warning", gone, gnss="R")
    missing = {("satellites_tracked", "gnss", "E"): level(8, 0, minute=70)}
    rows.add("HncorsSystemMissing", "warning", missing, gnss="E")
    late = {("bds3_signal_delivered", "signal", "7D"): level(1, 0, minute=60)}
    rows.add("HncorsBds3Missing", "warning", late)
    no_set = {("bds3_state", "state", "no_ephemeris"): appears(1, minute=60)}
    rows.add("HncorsBds3Unusable", "warning", no_set, state="no_ephemeris")
    rows.add(
        "", "", {("bds3_state", "state", "no_bds3"): appears(1, minute=60)}
    )  # promised or not is another alert
    short = {("observations_complete_total", "gnss", "G", "signal", "1C"): count(0.6)}
    rows.add("HncorsCompleteness", "warning", short)
    echoes = {("multipath_rms_meters", "gnss", "G", "signal", "1C"): level(0.25, 0.8, minute=40)}
    rows.add("HncorsMultipath", "info", echoes, gnss="G", signal="1C")
    rows.add("HncorsCycleSlips", "info", {("cycle_slips_total", "gnss", "G", "signal", "1C"): count(0.2)})
    return rows.rows


def _own(metric: str, values: str, alert: str, severity: str, **labels: str) -> Fault:
    """A fault of the monitor or of the whole network; `labels` are of the series and of the alert."""
    return Fault(alert, {named(f"hncors_{metric}", **labels): values}, [(alert, severity, labels)])


def monitor() -> list[Fault]:
    """The monitor's own faults, as far as they go together."""
    return [
        _own("tick_faults_total", count(0, 0, minute=70, once=3), "HncorsTickFaults", "warning"),
        Fault(
            "HncorsLinkFaults",
            {named("hncors_link_faults_total", station=STATIONS[0]): appears(1, minute=70)},
            [("HncorsLinkFaults", "warning", {})],
        ),
        _own("accept_failures_total", count(0, 0, minute=70, once=3), "HncorsNoHandles", "warning"),
        _own("overloaded", level(0, 1, minute=70), "HncorsOverloaded", "critical"),
        Fault(
            "HncorsLoopLag",
            {named("hncors_tick_lag_seconds_bucket", le="0.25"): count(4, 3.9, minute=50)}
            | {named("hncors_tick_lag_seconds_bucket", le="0.05"): count(3.98, 3.5, minute=50)},
            [("HncorsLoopLag", "warning", {})],
        ),
        _own("monitor_blind_seconds_total", count(0, 0, minute=70, once=40), "HncorsBlind", "warning"),
        _own("config_last_reload_successful", level(1, 0, minute=70), "HncorsConfigRefused", "warning"),
        _own("config_restart_needed", level(1), "HncorsRestartNeeded", "info"),
        _own("ledger_outbox_messages", level(0, 5000, minute=50), "HncorsOutboxGrows", "warning"),
        _own("mqtt_connected", level(1, 0, minute=60), "HncorsMqttDown", "warning"),
        Fault(
            "HncorsSignInHeldOff",
            {
                named("hncors_web_sign_ins_total", result="held_off"): appears(3, minute=70),
                named("hncors_web_sign_ins_total", result="refused"): count(0.1),  # nobody is woken by a typo
            },
            [("HncorsSignInHeldOff", "warning", {})],
        ),
        _own("host_clock_offset_seconds", level(0, -37, minute=70), "HncorsHostClock", "critical"),
        _own("host_clock_steps_total", count(0, 0, minute=70, once=4), "HncorsHostClockSteps", "warning"),
        _own("leap_second_table_expires_timestamp_seconds", level(30 * DAY_S), "HncorsLeapTable", "warning"),
    ]


def disk() -> list[Fault]:
    """The disk and what is kept on it."""
    full = appears(1, minute=70, rate=0.1)
    return [
        Fault(
            "HncorsDiskFull",
            {named("hncors_record_errors_total", error="ENOSPC"): full},
            [("HncorsDiskFull", "critical", {})],
        ),
        _own("ledger_up", level(1, 0, minute=70), "HncorsLedgerDown", "critical"),
        _own("ledger_dropped_total", count(0, 0, minute=70, once=3), "HncorsLedgerLosing", "critical"),
        _own("ledger_damaged_total", level(1), "HncorsLedgerDamaged", "critical"),
        _own("record_up", level(1, 0, minute=70), "HncorsRecorderDown", "critical"),
        Fault(
            "HncorsRecordingDropped",
            {named("hncors_record_dropped_bytes_total", station=STATIONS[0]): count(0, 900, minute=70)},
            [("HncorsRecordingDropped", "warning", {})],
        ),
        Fault(
            "HncorsRecordQuota",
            {named("hncors_record_deleted_files_total", reason="quota"): appears(2, minute=70)}
            | {named("hncors_record_deleted_files_total", reason="retention"): count(0.01)},  # as asked
            [("HncorsRecordQuota", "warning", {"reason": "quota"})],
        ),
    ]


def away() -> list[Fault]:
    """The daemon is not there: nothing else is known."""
    gone = {name: f"{values.split('x')[0]}x{SAMPLES - 7} _x6" for name, values in healthy(FEW).items()}
    return [
        Fault("HncorsDown", gone | {named("up"): level(1, 0, minute=72)}, [("HncorsDown", "critical", {})])
    ]


def stalled() -> list[Fault]:
    """It answers, and does not tick."""
    still = f"0+{STEP_S}x{SAMPLES - 7} {STEP_S * (SAMPLES - 7)}+0x5"
    return [_own("watchdog_last_beat_timestamp_seconds", still, "HncorsStalled", "critical")]


def sky() -> list[Fault]:
    """Wider causes, and a station each of them explains."""
    return [
        _own("network_faults", level(0, 1, minute=70), f"Hncors{alert}", severity, cause=cause)
        for cause, alert, severity in (
            ("satellite", "SatelliteFault", "warning"),
            ("signal", "SignalFault", "warning"),
            ("system", "SystemFault", "critical"),
            ("sky", "DisturbedSky", "warning"),
        )
    ]


def supervision() -> list[Fault]:
    found = appears(1, minute=70)
    return [
        Fault(
            "HncorsLead",
            {named("hncors_evidence_findings_total", rule="E2", strength="strong"): found},
            [("HncorsLead", "info", {"rule": "E2", "strength": "strong"})],
        ),
        _own(
            "registry_stations", level(0, 1, minute=60), "HncorsRegisterDeviates", "warning", status="unfiled"
        ),
        Fault(
            "HncorsScanFails",
            {
                named("hncors_scans_total", caster="far:2101", result="unreachable"): count(0.001),
                named("hncors_scans_total", caster="near:2101", result="unreachable"): count(0.001),
                named("hncors_scans_total", caster="near:2101", result="read"): count(0.001),
            },
            [("HncorsScanFails", "warning", {"caster": "far:2101"})],
        ),
        _own(
            "sourcetable_missing_stations",
            level(0, 2, minute=60),
            "HncorsStationsNotListed",
            "warning",
            caster="near:2101",
        ),
        _own("cases_overdue", level(0, 2, minute=60), "HncorsCasesOverdue", "warning", deadline="handle"),
    ]


def _down_together(some: Sequence[str], minute: float) -> Series:
    changed = {}
    for station in some:
        for (metric, *more), values in _not_streaming("unreachable", minute).items():
            labels = dict(zip(more[::2], more[1::2], strict=True))
            changed[named(f"hncors_{metric}", station=station, **labels)] = values
    return changed


def county() -> list[Fault]:
    """Six of a county's ten stations go at once; by minute 75 each has an alert of its own, held back."""
    some = STATIONS[0 : 18 : len(COUNTIES)]
    each = [("HncorsStationDown", "warning", {"station": s, "county": COUNTIES[0]}) for s in some]
    return [
        Fault(
            "HncorsCountyDown",
            _down_together(some, 71),
            [("HncorsCountyDown", "critical", {"county": COUNTIES[0]}), *each],
        )
    ]


def network() -> list[Fault]:
    """Half of all stations go at once; two minutes later only the wide alerts are there."""
    counties = [("HncorsCountyDown", "critical", {"county": one}) for one in COUNTIES]
    down = _down_together(STATIONS[:15], 72.5)
    return [Fault("HncorsNetworkDown", down, [("HncorsNetworkDown", "critical", {}), *counties])]


def uplink() -> list[Fault]:
    """All go at once: each county and each station has an alert, and one of them is told of."""
    counties = [("HncorsCountyDown", "critical", {"county": one}) for one in COUNTIES]
    each = [
        ("HncorsStationDown", "warning", {"station": s, "county": COUNTIES[n % len(COUNTIES)]})
        for n, s in enumerate(STATIONS)
    ]
    down = _down_together(STATIONS, 71)
    return [Fault("HncorsNetworkDown", down, [("HncorsNetworkDown", "critical", {}), *counties, *each])]


def flapping() -> list[Fault]:
    """A station is away at every third look, for an hour: it is told of once, as what it is."""
    begin = SAMPLES - 60 * 60 // STEP_S
    station, where = STATIONS[4], {"station": STATIONS[4], "county": COUNTIES[1]}

    def its(metric: str, *turns: str, **labels: str) -> dict[str, str]:
        values = [turns[0]] * begin + [turns[n % 3 == 0] for n in range(SAMPLES - begin)]
        return {named(f"hncors_{metric}", station=station, **labels): " ".join(values)}

    series = its("stream_up", "1", "0") | its("stream_state", "1", "stale", state="streaming")
    series |= its("stream_state", "stale", "1", state="unavailable")
    reconnects = named("hncors_stream_reconnects_total", station=station, reason="closed")
    series |= {reconnects: count(0, 0.1, minute=15)} | _losing([station], 0.8, 15)
    told = [("HncorsReconnects", "warning", where), ("HncorsStationAvailability", "warning", where)]
    return [Fault("flapping", series, told)]


def _losing(some: Sequence[str], rate: float, minute: float) -> Series:
    return {named("hncors_epochs_received_total", station=s): count(1, rate, minute=minute) for s in some}


def burns_fast() -> list[Fault]:
    """Every station loses a sixth of its epochs for an hour: each streams, and the budget goes."""
    each = [
        ("HncorsStationAvailability", "warning", {"station": s, "county": COUNTIES[n % len(COUNTIES)]})
        for n, s in enumerate(STATIONS)
    ]
    wide = [("HncorsAvailabilityBurnFast", "critical", {}), ("HncorsAvailabilityBurnSlow", "warning", {})]
    return [Fault("HncorsAvailabilityBurnFast", _losing(STATIONS, 0.84, 15), [*wide, *each])]


def burns_slowly() -> list[Fault]:
    """Every station loses one epoch in fifty, which is too many for a month and no emergency."""
    return [Fault("slow", _losing(STATIONS, 0.98, 0), [("HncorsAvailabilityBurnSlow", "warning", {})])]


def one_station_limps() -> list[Fault]:
    """One station loses every tenth epoch; the network as a whole keeps its promise."""
    where = {"station": STATIONS[4], "county": COUNTIES[1]}
    return [Fault("limps", _losing(STATIONS[4:5], 0.9, 0), [("HncorsStationAvailability", "warning", where)])]


def integrity_burns() -> list[Fault]:
    """Many stations are in alert now and then, none long enough for an alarm of its own."""
    some = {
        named("hncors_integrity_epochs_total", station=s, state="alert"): count(0, 0.05, minute=30)
        for s in STATIONS
    }
    return [Fault("HncorsIntegrityBurn", some, [("HncorsIntegrityBurn", "critical", {})])]


def nothing() -> list[Fault]:
    return []


TESTS = {
    **dict.fromkeys((nothing, last_days, monitor, disk, away, stalled, sky, supervision), FEW),
    **dict.fromkeys((links, stations, county, network, uplink, flapping), STATIONS),
    **dict.fromkeys((burns_fast, burns_slowly, one_station_limps, integrity_burns), STATIONS),
}
"""Faults, and the stations of the network they befall."""


def expected(faults: Sequence[Fault]) -> Iterator[tuple[str, str, Labels]]:
    for fault in faults:
        yield from fault.alerts
