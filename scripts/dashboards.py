"""Writes the dashboards for Grafana, configs/grafana/dashboards/*.json, from dashboard_tables.py.

The JSON is made by Grafana's own library (grafana-foundation-sdk, pinned) and committed: who installs hncors
needs neither. The same tables give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from dashboard_tables import DASHBOARDS, Dashboard, Panel
from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as model

OUT = Path(__file__).parents[1] / "configs/grafana/dashboards"
SOURCE = model.DataSourceRef(type_val="prometheus", uid="$datasource")
WIDE = 24
VARIABLES = {
    "county": ("区县 County", "label_values(hncors_station_info, county)"),
    "station": ("站点 Station", 'label_values(hncors_station_info{county=~"$county"}, station)'),
}
BUILDERS: dict[str, Any] = {
    "stat": stat.Panel, "lines": timeseries.Panel, "area": timeseries.Panel, "bars": bargauge.Panel,
    "states": statetimeline.Panel, "table": table.Panel,
}  # fmt: skip


def text_of(one: Dashboard) -> str:
    """A dashboard as JSON, its keys sorted."""
    made = json.loads(JSONEncoder(sort_keys=True).encode(_dashboard(one).build()))
    return json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _dashboard(one: Dashboard) -> build.Dashboard:
    made = (
        build.Dashboard(f"{one.zh} {one.en} · hncors")
        .uid(one.uid)
        .tags(["hncors"])
        .timezone("browser")
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .link(
            build.DashboardLink("hncors")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["hncors"])
            .keep_time(True)
        )
        .with_variable(build.DatasourceVariable("datasource").label("数据源 Data source").type("prometheus"))
    )
    for name in one.variables:
        label, query = VARIABLES[name]
        made = made.with_variable(
            build.QueryVariable(name)
            .label(label)
            .query(query)
            .datasource(SOURCE)
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(model.VariableOption(text="All", value="$__all"))
        )
    number, y = 1, 0
    for heading, panels in one.rows:
        made = made.with_row(build.Row(heading).id(number).grid_pos(_at(0, y, WIDE, 1)))
        number, y, x, lowest = number + 1, y + 1, 0, 0
        for panel in panels:
            if x + panel.width > WIDE:
                x, y, lowest = 0, y + lowest, 0
            made = made.with_panel(_panel(panel).id(number).grid_pos(_at(x, y, panel.width, panel.height)))
            number, x, lowest = number + 1, x + panel.width, max(lowest, panel.height)
        y += lowest
    return made


def _at(x: int, y: int, w: int, h: int) -> model.GridPos:
    return model.GridPos(x=x, y=y, w=w, h=h)


def _panel(panel: Panel) -> Any:
    made = (
        BUILDERS[panel.kind]().title(f"{panel.zh} {panel.en}").datasource(SOURCE).no_value("无数据 no data")
    )
    at_once = panel.kind in ("table", "bars", "stat")
    for (expression, legend), letter in zip(panel.queries, "ABCDEFGH", strict=False):
        query = prometheus.Dataquery().expr(expression).ref_id(letter).datasource(SOURCE)
        query = query.instant() if at_once else query.range()
        if panel.kind == "table":
            query = query.format(prometheus.prometheus.PromQueryFormat.TABLE)
        made = made.with_target(query.legend_format(legend) if legend else query)
    if panel.unit:
        made = made.unit(panel.unit)
    if panel.decimals is not None:
        made = made.decimals(panel.decimals)
    if panel.steps:
        steps = [model.Threshold(value=value, color=colour) for value, colour in panel.steps]
        made = made.thresholds(build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))
    if panel.kind in ("stat", "bars"):
        made = made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if panel.kind == "lines":
        made = made.fill_opacity(0).line_width(1)
    if panel.kind == "area":
        stacked = common.StackingConfig().mode(kinds.StackingMode.NORMAL)
        made = made.fill_opacity(30).line_width(1).stacking(stacked)
    if panel.kind in ("lines", "area"):
        legend_at = common.VizLegendOptions().display_mode(kinds.LegendDisplayMode.LIST).show_legend(True)
        made = made.legend(legend_at.placement(kinds.LegendPlacement.BOTTOM))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for one in DASHBOARDS:
        (out / f"{one.uid}.json").write_text(text_of(one), encoding="utf-8")


if __name__ == "__main__":
    main()
