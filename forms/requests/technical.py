"""Technical requests: API and integrations, incidents, reports drawn from the database."""

from __future__ import annotations

from typing import Any

from wtforms import DataList
from wtforms.fields import SelectChoice

from forms.base import RequestFields
from forms.fields import TEXT_MAX, Day, Line, Lines, OneOfFew, WebAddress, Words
from presenters import level_words
from words import lazy_gettext as _l


class Api(RequestFields):
    """REQ-2 `api`."""

    asks = ("endpoint_url", "impact")

    endpoint_url = WebAddress(
        _l("End point URL"),
        _l("Give the address of the end point."),
        description=_l("Example: https://api.initech.example/v2/absences. Leave tokens and passwords out."),
    )
    impact = OneOfFew(
        _l("Impact"),
        _l("Choose the impact on your work."),
        choices=[
            ("high", _l("High: an exchange is stopped and nothing replaces it")),
            ("medium", _l("Medium: the exchange works badly, or by hand")),
            ("low", _l("Low: a delay, a comfort, a test")),
        ],
    )


class Incident(RequestFields):
    """REQ-2 `incident`, with the severities of REQ-7."""

    asks = ("severity", "page_url", "measures_taken")

    description = Lines(
        _l("What is happening?"),
        _l("Describe what is happening."),
        most=TEXT_MAX,
        rows=8,
        description=_l(
            "What you were doing, what shows, who is affected. Paste a screenshot straight into the text."
        ),
    )
    severity = OneOfFew(
        _l("Severity"),
        _l("Choose the severity from the effect on your work."),
        description=_l("Choose from the effect on your work. Targets are counted in our working hours."),
        choices=lambda form, field: [
            SelectChoice(
                level.value, Words(f"{level.value} · {level.name_fr}", f"{level.value} · {level.name_en}")
            )
            for level in form.occasion.levels
        ],
    )
    page_url = WebAddress(
        _l("Address of the page"),
        _l("Give the whole address of the page, with https://"),
        description=_l("What the address bar shows. Example: https://app.initech.example/hours"),
    )
    measures_taken = Lines(
        _l("What you have already tried"),
        rows=3,
        description=_l("Another browser, another network, signing in again."),
    )

    def definitions(self, name: str) -> dict[str, dict[str, Any]] | None:
        """Under each severity: its definition, an example and its targets."""
        if name != "severity":
            return None
        return {level.value: level_words(level, self.occasion.day_minutes) for level in self.occasion.levels}


class SqlReport(RequestFields):
    """REQ-2 `sql-report`."""

    asks = ("wanted_by", "report_fields", "output_format")

    wanted_by = Day(
        _l("Latest date wanted"),
        _l("Give the latest date at which the report is of use."),
        past=_l("Give today’s date or a later one."),
        description=_l("The last day on which the report is still of use to you."),
    )
    report_fields = Lines(
        _l("Fields and filters"),
        description=_l("The columns you expect; the period, sites and departments to keep."),
    )
    output_format = Line(
        _l("Output format"),
        most=60,
        width="w-md",
        description=_l("Example: spreadsheet (.xlsx)"),
        datalist=DataList(choices=["CSV", "XLSX", "PDF"]),
    )
