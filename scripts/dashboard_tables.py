"""What is on the dashboards for Grafana: rows of panels, each with its queries; scripts/dashboards.py builds them.

Titles are Chinese with English. `$station`, `$county` and `$gnss` are variables of a dashboard.
"""

from __future__ import annotations

from typing import NamedTuple

PERCENT, SECONDS, METRES, BYTES_S, BYTES, DB_HZ = "percentunit", "s", "lengthm", "Bps", "bytes", "suffix: dB-Hz"
GOOD, POOR, BAD = "green", "orange", "red"
Steps = tuple[tuple[float | None, str], ...]
NONE_IS_GOOD: Steps = ((None, GOOD), (1, BAD))
ONE_IS_GOOD: Steps = ((None, BAD), (1, GOOD))
SHARE: Steps = ((None, BAD), (0.99, POOR), (0.995, GOOD))
OF = '{station=~"$station"}'


class Panel(NamedTuple):
    """`queries` are expressions with what their lines are called; `width` of 24 columns."""

    kind: str  # "stat", "lines", "area", "bars", "states", "table"
    zh: str
    en: str
    queries: tuple[tuple[str, str], ...]
    unit: str = ""
    width: int = 8
    height: int = 7
    steps: Steps = ()
    decimals: int | None = None


class Dashboard(NamedTuple):
    uid: str
    zh: str
    en: str
    variables: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]  # heading, panels


def stat(zh: str, en: str, query: str, unit: str = "", steps: Steps = (), **more: int) -> Panel:
    return Panel("stat", zh, en, ((query, ""),), unit, width=4, height=4, steps=steps, **more)


def lines(zh: str, en: str, *queries: tuple[str, str], unit: str = "", width: int = 8) -> Panel:
    return Panel("lines", zh, en, queries, unit, width)


def area(zh: str, en: str, *queries: tuple[str, str], unit: str = "", width: int = 8) -> Panel:
    return Panel("area", zh, en, queries, unit, width)


def bars(zh: str, en: str, query: str, legend: str, unit: str = "", steps: Steps = ()) -> Panel:
    return Panel("bars", zh, en, ((query, legend),), unit, steps=steps)


def table(zh: str, en: str, query: str, width: int = 12) -> Panel:
    return Panel("table", zh, en, ((query, ""),), width=width)


OVERVIEW = Dashboard(
    "hncors-overview",
    "总览",
    "Overview",
    ("county",),
    (
        (
            "现在 Now",
            (
                stat("在线站数", "Stations up", "sum(network:hncors_stations_up:sum)"),
                stat("应在线站数", "Stations in service", "sum(network:hncors_stations:count)"),
                stat("历元到达率（5 分钟）", "Availability, 5 min", "network:hncors_availability:ratio_rate5m", PERCENT, SHARE, decimals=2),
                stat("正在告警", "Alerts firing", 'count(ALERTS{alertname=~"Hncors.*",alertstate="firing",severity!="info"}) or vector(0)', steps=NONE_IS_GOOD),
                stat("卫星、信号、系统、电离层故障", "Faults of satellites, signals, systems, sky", 'sum(hncors_network_faults{cause!="station"})', steps=NONE_IS_GOOD),
                stat("站点自身故障", "Stations at fault", 'sum(hncors_network_faults{cause="station"})', steps=NONE_IS_GOOD),
            ),
        ),
        (
            "站点 Stations",
            (
                area("各状态站数", "Stations by state", ("count by (state) (hncors_stream_state == 1)", "{{state}}"), width=12),
                bars("区县在线率", "Up by county", 'county:hncors_stations_up:sum{county=~"$county"} / county:hncors_stations:count', "{{county}}", PERCENT, SHARE),
                table("不在线的站", "Stations that do not stream", 'hncors_stream_state{state!="streaming"} * on (job, instance, station) group_left (county) hncors_station_info{county=~"$county"}'),
                table("正在发生的告警", "Alerts that fire", 'ALERTS{alertname=~"Hncors.*",alertstate="firing"}'),
            ),
        ),
        (
            "可用率与时延 Availability and latency",
            (
                lines("历元到达率", "Availability", ("network:hncors_availability:ratio_rate5m", "5 min"), ("1 - network:hncors_epochs_missing:ratio1h", "1 h"), ("1 - network:hncors_epochs_missing:ratio1d", "1 d"), unit=PERCENT),
                stat("30 天预算剩余（目标 99.5 %）", "Budget left of 30 days", "1 - avg_over_time(network:hncors_epochs_missing:rate5m[30d]) / avg_over_time(network:hncors_epochs_owed:rate5m[30d]) / 0.005", PERCENT, ((None, BAD), (0.0, POOR), (0.5, GOOD))),
                lines("时延 95 % 分位，各站的中位数与最差", "Latency, 95 %: median and worst station", ("quantile(0.5, station:hncors_latency_seconds:p95_5m)", "median"), ("max(station:hncors_latency_seconds:p95_5m)", "max"), unit=SECONDS),
                lines("缺失历元最多的站", "Stations that miss most", ("topk(5, station:hncors_epochs_missing:rate5m)", "{{station}}")),
                area("断线原因", "Connections lost, by reason", ("sum by (reason) (increase(hncors_stream_reconnects_total[$__rate_interval]))", "{{reason}}")),
                area("接收速率", "Bytes received", ("sum(rate(hncors_stream_received_bytes_total[$__rate_interval]))", "received"), ("sum(rate(hncors_stream_junk_bytes_total[$__rate_interval]))", "junk"), unit=BYTES_S),
            ),
        ),
    ),
)  # fmt: skip

STATION = Dashboard(
    "hncors-station",
    "站点",
    "Station",
    ("county", "station"),
    (
        (
            "数据流 Stream",
            (
                Panel("states", "状态", "State", ((f"hncors_stream_state{OF} == 1", "{{station}} {{state}}"),), width=12),
                lines("历元到达率", "Availability", (f"station:hncors_availability:ratio_rate5m{OF}", "{{station}}"), unit=PERCENT, width=6),
                lines("时延 95 % 分位", "Latency, 95 %", (f"station:hncors_latency_seconds:p95_5m{OF}", "{{station}}"), unit=SECONDS, width=6),
                area("电文", "Messages per second", (f"sum by (type) (rate(hncors_rtcm_messages_total{OF}[$__rate_interval]))", "{{type}}")),
                area("异常", "Errors per second", (f"sum by (kind) (rate(hncors_rtcm_errors_total{OF}[$__rate_interval]))", "{{kind}}")),
                area("字节去向", "Bytes", (f"sum(rate(hncors_stream_in_frames_bytes_total{OF}[$__rate_interval]))", "in frames"), (f"sum(rate(hncors_stream_junk_bytes_total{OF}[$__rate_interval]))", "junk"), unit=BYTES_S),
            ),
        ),
        (
            "卫星与信号 Satellites and signals",
            (
                lines("跟踪卫星数", "Satellites tracked", (f"hncors_satellites_tracked{OF}", "{{station}} {{gnss}}")),
                lines("应有卫星数（10° 以上）", "Satellites expected above 10°", (f"hncors_satellites_expected{OF}", "{{station}} {{gnss}}")),
                lines("观测完整率", "Completeness", (f"sum by (station, gnss) (increase(hncors_observations_complete_total{OF}[1h])) / sum by (station, gnss) (increase(hncors_observations_owed_total{OF}[1h]))", "{{station}} {{gnss}}"), unit=PERCENT),
                lines("载噪比", "C/N0", (f"hncors_signal_cn0_dbhz{OF}", "{{station}} {{gnss}}{{signal}}"), unit=DB_HZ),
                lines("周跳（每千观测）", "Cycle slips in 1000 observations", (f"1000 * sum by (station, gnss) (rate(hncors_cycle_slips_total{OF}[$__rate_interval])) / sum by (station, gnss) (rate(hncors_observations_total{OF}[$__rate_interval]))", "{{station}} {{gnss}}")),
                lines("多路径", "Multipath", (f"hncors_multipath_rms_meters{OF}", "{{station}} {{gnss}}{{signal}}"), unit=METRES),
                lines("ROTI", "Rate of TEC index, TECU/min", (f"hncors_ionosphere_roti_tecu_per_minute{OF}", "{{station}} {{stat}}")),
                lines("北斗三号卫星", "BeiDou-3 satellites", (f"hncors_bds3_satellites_tracked{OF}", "{{station}} {{signal}}")),
                lines("载噪比低于本站历史", "C/N0 below its own history", (f"max by (station, gnss) (hncors_signal_cn0_fall_decibels{OF})", "{{station}} {{gnss}}"), unit="dB"),
            ),
        ),
        (
            "位置与完好性 Position and integrity",
            (
                lines("定位结果与备案坐标之差", "Position less registered place", (f"hncors_position_offset_meters{OF}", "{{station}} {{component}}"), unit=METRES),
                lines("保护级", "Protection levels", (f"hncors_protection_level_meters{OF}", "{{station}} {{component}}"), (f"hncors_integrity_alert_limit_meters{OF}", "{{station}} {{component}} limit"), unit=METRES),
                Panel("states", "完好性状态", "Integrity", ((f"hncors_integrity_state{OF} == 1", "{{station}} {{state}}"),)),
                lines("日均位置偏移", "Mean of the day's positions", (f"hncors_position_mean_meters{OF}", "{{station}} {{component}}"), unit=METRES),
                lines("播发参考点偏移", "Broadcast reference point", (f"hncors_arp_offset_meters{OF}", "{{station}}"), unit=METRES),
                lines("参与定位的卫星与 PDOP", "Satellites used, PDOP", (f"hncors_position_satellites{OF}", "{{station}}"), (f"hncors_position_dilution{OF}", "{{station}} PDOP")),
            ),
        ),
    ),
)  # fmt: skip

INTEGRITY = Dashboard(
    "hncors-integrity",
    "完好性",
    "Integrity",
    ("county",),
    (
        (
            "现在 Now",
            (
                stat("完好性告警站数", "Stations in alert", 'sum(hncors_integrity_state{state="alert"})', steps=NONE_IS_GOOD),
                stat("无法检验的站数", "Stations not tested", 'sum(hncors_integrity_state{state="not_possible"})', steps=((None, GOOD), (1, POOR))),
                stat("误导历元（24 小时）", "Misleading epochs, 24 h", "sum(increase(hncors_integrity_misleading_epochs_total[1d]))", steps=NONE_IS_GOOD, decimals=0),
                stat("被抑制的站数", "Stations explained by a wider cause", "count(hncors_station_inhibited) or vector(0)"),
                stat("参与全网判定的站数", "Stations in the last look", "hncors_network_stations"),
                stat("可判定卫星数", "Satellites judged", 'sum(hncors_network_satellites{verdict="judged"})'),
            ),
        ),
        (
            "状态 States",
            (
                area("各完好性状态站数", "Stations by integrity", ("sum by (state) (hncors_integrity_state)", "{{state}}")),
                area("故障归属", "Faults by whose they are", ("hncors_network_faults", "{{cause}}")),
                area("站点自身故障", "Stations by their own fault", ('count by (cause) (hncors_station_fault) or label_replace(vector(0), "cause", "none", "", "")', "{{cause}}")),
                lines("告警历元占比", "Epochs in alert", ("network:hncors_integrity_alert:ratio5m", "5 min"), ("network:hncors_integrity_alert:ratio1h", "1 h"), unit=PERCENT),
                area("无位置的原因", "Epochs by status", ("sum by (status) (rate(hncors_position_epochs_total[$__rate_interval]))", "{{status}}")),
                area("不可用卫星", "Satellites that cannot be used", ("sum by (gnss, reason) (hncors_satellites_unusable)", "{{gnss}} {{reason}}")),
            ),
        ),
        (
            "保护级与位置 Levels and positions",
            (
                lines("保护级：中位数与最差站", "Protection levels: median and worst", ("quantile by (component) (0.5, hncors_protection_level_meters)", "{{component}} median"), ("max by (component) (hncors_protection_level_meters)", "{{component}} max"), unit=METRES),
                lines("水平偏差最大的站", "Largest offsets on the ground", ('topk(5, sqrt(hncors_position_offset_meters{component="east"}^2 + on (job, instance, station) hncors_position_offset_meters{component="north"}^2))', "{{station}}"), unit=METRES),
                lines("误差与保护级之比（水平，最大）", "Offset over level, worst", ('max(sqrt(hncors_position_offset_meters{component="east"}^2 + on (job, instance, station) hncors_position_offset_meters{component="north"}^2) / on (job, instance, station) hncors_protection_level_meters{component="horizontal"})', "max")),
            ),
        ),
        (
            "电离层与干扰 Ionosphere and interference",
            (
                lines("ROTI：中位数与最差站", "ROTI: median and worst", ('quantile(0.5, hncors_ionosphere_roti_tecu_per_minute{stat="median"})', "median"), ('max(hncors_ionosphere_roti_tecu_per_minute{stat="median"})', "max")),
                lines("相邻站间电离层变化差异", "Ionosphere between neighbours, ppm", ("hncors_ionosphere_disturbance_ppm", "95 %")),
                area("载噪比下降的站", "Stations whose signals fell", ('count by (cause) (hncors_cn0_fall_active == 1) or label_replace(vector(0), "cause", "none", "", "")', "{{cause}}")),
            ),
        ),
    ),
)  # fmt: skip

BDS3 = Dashboard(
    "hncors-bds3",
    "北斗三号与设备",
    "BeiDou-3 and equipment",
    ("county", "station"),
    (
        (
            "现在 Now",
            (
                stat("北斗三号可用站数", "Stations with usable BeiDou-3", 'count(hncors_bds3_state{state="usable"}) or vector(0)'),
                stat("在线站中占比", "Of those that stream", 'count(hncors_bds3_state{state="usable"}) / count(hncors_stream_up == 1)', PERCENT, SHARE),
                stat("承诺信号播发率", "Promised signals delivered", "avg(hncors_bds3_signal_delivered)", PERCENT, SHARE),
                stat("北斗三号观测占比", "Share of observations", "sum(rate(hncors_bds3_observations_total[5m])) / sum(rate(hncors_observations_total[5m]))", PERCENT),
                stat("国产接收机占比", "Domestic receivers", 'sum(hncors_equipment_stations{kind="receiver",origin="domestic"}) / sum(hncors_equipment_stations{kind="receiver"})', PERCENT),
                stat("国产天线占比", "Domestic antennas", 'sum(hncors_equipment_stations{kind="antenna",origin="domestic"}) / sum(hncors_equipment_stations{kind="antenna"})', PERCENT),
            ),
        ),
        (
            "北斗三号 BeiDou-3",
            (
                area("各状态站数", "Stations by what becomes of it", ("count by (state) (hncors_bds3_state)", "{{state}}")),
                lines("承诺信号播发率，按信号", "Promised signals delivered, by signal", ("avg by (signal) (hncors_bds3_signal_delivered)", "{{signal}}"), unit=PERCENT),
                lines("卫星数（站均）", "Satellites a station, by signal", ("avg by (signal) (hncors_bds3_satellites_tracked)", "{{signal}}")),
                lines("可用卫星数", "Usable satellites", (f"hncors_bds3_satellites_usable{OF}", "{{station}}")),
                table("缺少承诺信号的站", "Stations that lack promised signals", 'hncors_bds3_signal_delivered == 0', width=8),
                table("无法使用的站与原因", "Stations that cannot use it, and why", 'hncors_bds3_state{state!="usable"}', width=8),
                lines("北斗三号载噪比", "C/N0 of BeiDou", ('avg by (signal) (hncors_signal_cn0_dbhz{gnss="C",station=~"$station"})', "{{signal}}"), unit=DB_HZ),
                lines("观测占比进展", "Share of observations over time", ("sum(rate(hncors_bds3_observations_total[$__rate_interval])) / sum(rate(hncors_observations_total[$__rate_interval]))", "BeiDou-3"), unit=PERCENT),
            ),
        ),
        (
            "设备 Equipment",
            (
                bars("接收机厂家", "Receivers by maker", 'sum by (maker) (hncors_equipment_stations{kind="receiver"})', "{{maker}}"),
                bars("天线厂家", "Antennas by maker", 'sum by (maker) (hncors_equipment_stations{kind="antenna"})', "{{maker}}"),
                area("国产化进展", "Receivers by origin over time", ('sum by (origin) (hncors_equipment_stations{kind="receiver"})', "{{origin}}")),
            ),
        ),
    ),
)  # fmt: skip

SUPERVISION = Dashboard(
    "hncors-supervision",
    "监管",
    "Supervision",
    (),
    (
        (
            "现在 Now",
            (
                stat("未结案件", "Cases open", 'sum(hncors_cases{state!~"signed_off|rejected"})'),
                stat("逾期未处置", "Past the deadline to handle", 'sum(hncors_cases_overdue{deadline="handle"})', steps=NONE_IS_GOOD),
                stat("逾期未清零", "Past the deadline to clear", 'sum(hncors_cases_overdue{deadline="clear"})', steps=NONE_IS_GOOD),
                stat("最早未结案件", "Oldest open case", "max(hncors_case_oldest_open_seconds)", SECONDS),
                stat("未备案在播", "Live and not filed", 'sum(hncors_registry_stations{status="unfiled"})', steps=NONE_IS_GOOD),
                stat("观测与他站相同", "Streams of another's observations", 'count(rate(hncors_rtcm_errors_total{kind="mirrored_epoch"}[5m]) > 0) or vector(0)', steps=NONE_IS_GOOD),
            ),
        ),
        (
            "备案与案件 Register and cases",
            (
                bars("备案状况", "Stations by status", "hncors_registry_stations", "{{status}}"),
                area("备案状况变化", "Stations by status over time", ('hncors_registry_stations{status!~"filed|filed_live"}', "{{status}}")),
                area("案件状态", "Cases by state", ("hncors_cases", "{{state}}")),
                bars("线索，按规则", "Leads by rule", "sum by (rule) (hncors_ledger_findings)", "{{rule}}"),
                area("线索，按强度", "Leads by strength", ("sum by (strength) (hncors_ledger_findings)", "{{strength}}")),
                lines("本次运行的发现", "Findings since the start", ("sum by (rule) (hncors_evidence_findings_total)", "{{rule}}")),
            ),
        ),
    ),
)  # fmt: skip

MONITOR = Dashboard(
    "hncors-monitor",
    "监测系统自身",
    "The monitor itself",
    (),
    (
        (
            "现在 Now",
            (
                stat("守护进程", "Daemon answers", 'up{job="hncors"}', steps=ONE_IS_GOOD),
                stat("最近一次处理距今", "Since the last tick", "time() - hncors_watchdog_last_beat_timestamp_seconds", SECONDS, ((None, GOOD), (10, BAD))),
                stat("配置可用", "Configuration in use is the last", "hncors_config_last_reload_successful", steps=ONE_IS_GOOD),
                stat("台账可写", "Ledger can be written", "hncors_ledger_up", steps=ONE_IS_GOOD),
                stat("完整记录", "Everything is recorded", "hncors_record_up", steps=ONE_IS_GOOD),
                stat("主机时钟偏差", "Host's clock off by", "hncors_host_clock_offset_seconds", SECONDS),
            ),
        ),
        (
            "处理 Ticks",
            (
                lines("处理时间", "Time of a tick", ("histogram_quantile(0.5, sum by (le) (rate(hncors_tick_seconds_bucket[$__rate_interval])))", "50 %"), ("histogram_quantile(0.99, sum by (le) (rate(hncors_tick_seconds_bucket[$__rate_interval])))", "99 %"), unit=SECONDS),
                lines("启动延迟", "Lag of ticks", ("histogram_quantile(0.99, sum by (le) (rate(hncors_tick_lag_seconds_bucket[$__rate_interval])))", "99 %"), ("hncors_loop_lag_max_seconds", "max of 5 min"), unit=SECONDS),
                lines("占用核心", "Cores used by ticks", ("rate(hncors_tick_seconds_sum[$__rate_interval])", "ticks")),
                area("过载时略去", "Left out for want of time", ("rate(hncors_overload_left_out_epochs_total[$__rate_interval])", "epochs"), ("rate(hncors_overload_given_up_frames_total[$__rate_interval])", "frames")),
                area("程序故障", "Faults of the monitor", ("increase(hncors_tick_faults_total[$__rate_interval])", "ticks"), ("sum(increase(hncors_link_faults_total[$__rate_interval])) or vector(0)", "links")),
                lines("盲区（累计）", "Blind so far", ("hncors_monitor_blind_seconds_total", "blind"), ("hncors_monitor_suspended_seconds_total", "suspended"), unit=SECONDS),
            ),
        ),
        (
            "台账与记录 Ledger and recordings",
            (
                lines("台账大小", "Ledger", ("hncors_ledger_bytes", "bytes"), unit=BYTES),
                lines("台账等待与待发送", "Entries and messages that wait", ("hncors_ledger_waiting", "entries"), ("hncors_ledger_outbox_messages", "messages")),
                lines("记录占用与配额", "Recordings and quota", ("hncors_record_folder_bytes", "used"), ("hncors_record_quota_bytes", "quota"), unit=BYTES),
                area("写入与丢弃", "Written and dropped", ("sum(rate(hncors_record_written_bytes_total[$__rate_interval]))", "written"), ("sum(rate(hncors_record_dropped_bytes_total[$__rate_interval])) or vector(0)", "dropped"), unit=BYTES_S),
                lines("等待写入", "Waiting for the disk", ("hncors_record_waiting_bytes", "bytes"), unit=BYTES),
                stat("闰秒表有效期", "Leap seconds known for", "hncors_leap_second_table_expires_timestamp_seconds - time()", SECONDS, ((None, BAD), (60 * 86400, GOOD))),
            ),
        ),
        (
            "抓取 Scrapes",
            (
                lines("抓取耗时", "Duration of a scrape", ('scrape_duration_seconds{job="hncors"}', "scrape"), unit=SECONDS),
                lines("序列数", "Series", ('scrape_samples_scraped{job="hncors"}', "samples")),
                table("版本", "Version", "hncors_build_info", width=8),
            ),
        ),
    ),
)  # fmt: skip

DASHBOARDS = (OVERVIEW, STATION, INTEGRITY, BDS3, SUPERVISION, MONITOR)
