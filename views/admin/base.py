"""What every administration screen has in common.

Closed by default: only admins come in. Lists cost a constant number of queries and read no more rows than they
show. What is saved is saved with its line in the audit trail, in one transaction, unless somebody changed the
row meanwhile. Nothing is deleted that other rows depend on. Pages work without script and under the strict
security policy: a deletion and a bulk action go through a page that asks for confirmation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from math import ceil
from typing import Any, NamedTuple

from flask import Response, abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_admin.base import BaseView
from flask_admin.contrib.peewee import ModelView
from flask_admin.model.base import ViewArgs
from flask_babel import get_timezone
from flask_wtf import FlaskForm
from peewee import JOIN, DateField, ForeignKeyField, IntegrityError, ModelSelect
from werkzeug.datastructures import MultiDict
from wtforms import HiddenField
from wtforms.fields.core import UnboundField

from domain import audit
from domain.refusals import NotNow, Refusal
from models import AuditEntry, Table, TicketEvent, UtcField, db, is_sqlite
from presenters import language, localized, refusal, when
from views import current
from views.admin import export
from views.admin.fields import Finder, clean_line, field_for, key_of
from views.admin.filters import Filter
from views.admin.folding import holds
from views.admin.words import HELP, LABELS
from words import gettext as _
from words import lazy_gettext as _l
from words import ngettext

# Beyond this a list says "10,000+": counting a million rows would cost more than showing fifty.
MOST_COUNTED = 10_000
MOST_EXPORTED = 10_000
MOST_AT_ONCE = 100
# Columns that the audit trail does not hold, encrypted or not.
SECRETS = frozenset({"sealed_secret"})
SEARCH_CHARACTERS = 200


class Badge(NamedTuple):
    """A value shown as a badge; its words stand alone in exports."""

    tone: str
    icon: str
    label: Any

    def __str__(self) -> str:
        return str(self.label)


class Link(NamedTuple):
    """A value that leads somewhere; its words stand alone in exports."""

    url: str
    label: Any

    def __str__(self) -> str:
        return str(self.label)


class Chip(NamedTuple):
    """A filter at work, and the address of the list without it."""

    label: str
    url: str


class Act(NamedTuple):
    """Something an admin does with the chosen rows: its words, the question, the fields it asks for."""

    label: Any
    question: Any
    button: Any
    form: type[FlaskForm]
    dangerous: bool = False


class AdminOnly:
    """Who may come in: admins. Anonymous people sign in first; others are told that it is not for them."""

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a view once: the stock method runs it again when anything in it raised TypeError."""
        return fn(self, *args, **kwargs)

    def render(self, template: str, **kwargs: Any) -> str:
        """A page with the rail of all screens."""
        return super().render(template, rail=rail(self), Badge=Badge, Link=Link, **kwargs)  # type: ignore[misc]

    def is_accessible(self) -> bool:
        """True for a living admin."""
        viewer = current.viewer()
        return bool(viewer is not None and viewer.is_authenticated and viewer.is_active and viewer.is_admin)

    def inaccessible_callback(self, name: str, **kwargs: Any) -> Any:
        """Send the anonymous to the sign-in page and back; refuse the others."""
        viewer = current.viewer()
        if viewer is None or not viewer.is_authenticated:
            return redirect(url_for("session.login", next=request.full_path.rstrip("?")), 303)
        return abort(403)


class Screen(AdminOnly, BaseView):
    """A screen that is not a table."""

    title: Any = ""
    lead: Any = ""
    icon = "sliders"
    section = ""


def rail(here: BaseView) -> list[tuple[Any, list[dict[str, Any]]]]:
    """The screens by section, for the navigation at the left: no query."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for view in here.admin._views:
        if getattr(view, "section", ""):
            groups.setdefault(str(view.section), []).append(
                {
                    "label": view.title,
                    "icon": view.icon,
                    "url": url_for(
                        f"{view.endpoint}.index_view" if isinstance(view, Rows) else f"{view.endpoint}.index"
                    ),
                    "current": view is here,
                }
            )
    return list(groups.items())


def give_back(form: FlaskForm) -> None:
    """Fill a form with what was typed in it when the session or its token had ended (REQ-16)."""
    held = current.held()
    if held is not None:
        form.process(MultiDict(held))


def label_of(row: Any) -> str:
    """How a row is called in a list, in the reader's language."""
    if row is None:
        return ""
    for name in ("name", "customer", "label"):
        if hasattr(row, f"{name}_fr"):
            return localized(row, name) or f"#{row.id}"
    for name in ("full_name", "name", "number", "slug", "key", "version", "status"):
        if getattr(row, name, None):
            return str(getattr(row, name))
    return f"#{row.id}"


def plain(row: Table) -> dict[str, Any]:
    """The columns of a row as JSON values, for the audit trail and to see whether somebody changed them."""
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in sorted(row.__data__.items())
        if name not in SECRETS
    }


def stamp(row: Table) -> str:
    """A short mark of the content of a row: two people who edit it at once do not overwrite one another."""
    return hashlib.sha256(json.dumps(plain(row), sort_keys=True, default=str).encode()).hexdigest()[:32]


def choices_of(model: type[Table], *order: Any) -> Callable[[], list[tuple[int, str]]]:
    """The rows of a small table as (key, words), asked when the page is made."""

    def rows() -> list[tuple[int, str]]:
        query = model.select().order_by(*(order or (getattr(model, "position", model.id), model.id)))
        return [(row.id, label_of(row)) for row in query]

    return rows


class Rows(AdminOnly, ModelView):
    """A table with its screens: list, details, and what of creating, editing, deleting makes sense for it."""

    # What a subclass says.
    table: type[Table]
    title: Any
    # Over the form of a new row, and on the tab: "New team".
    new_title: Any = _l("New row")
    lead: Any = ""
    section: Any = ""
    icon = "table"
    list_joins: tuple[ForeignKeyField, ...] = ()
    column_choices_words: dict[str, Callable[[], Any] | Sequence[Any]] = {}
    # Columns that stay as they were created: other rows point at them by this word.
    fixed: tuple[str, ...] = ()
    form_fields: dict[str, Any] = {}
    # Fields of the form that are no columns: what to look at, or a shorter way to several rows (new rows only).
    side_fields: dict[str, Any] = {}
    new_fields: dict[str, Any] = {}
    form_template = "admin/form.html"
    # Rows that go with the deleted one; any other row that points at it forbids the deletion.
    deleted_with: tuple[type[Table], ...] = ()
    acts: dict[str, Act] = {}
    finders: tuple[Finder, ...] = ()
    # Columns that are yes or no, which a button in the list turns round.
    switches: tuple[str, ...] = ()
    default_order: tuple[Any, ...] = ()
    search_help: Any = _l("Search")
    empty_title: Any = _l("Nothing here yet")
    empty_help: Any = ""

    # What Flask-Admin is told.
    form_base_class = FlaskForm
    can_create = True
    can_edit = True
    can_delete = True
    can_view_details = True
    can_export = True
    export_types = ("csv", "xlsx")
    export_max_rows = MOST_EXPORTED
    page_size = 50
    page_size_options = (20, 50, 100)
    can_set_page_size = True
    column_display_pk = False
    # The stock bulk deletion has a recursive path of its own: it does not exist here.
    action_delete = None
    action_disallowed_list = ("delete",)

    def __init__(self) -> None:
        self.column_details_list = self.column_details_list or self.column_list
        super().__init__(
            self.table,
            name=self.title,
            endpoint=f"admin_{self.table.__name__.lower()}",
            url=self.table.__name__.lower(),
        )

    # ---- What Flask-Admin builds when the application starts ------------------------------------------

    def get_column_name(self, field: Any) -> Any:
        """The words of a column; a column without words is a mistake that shows at start."""
        name = str(field)
        return (self.column_labels or {}).get(name) or LABELS[name]

    def scaffold_form(self) -> type[FlaskForm]:
        """The form of a row: the fields of `form_columns`, and the mark of what was read."""
        return self._form(self.form_columns or (), {**self.side_fields, **self.new_fields})

    def get_edit_form(self) -> type[FlaskForm]:
        """The form of an existing row: without the columns that stay as they were created."""
        names = [name for name in self.form_columns or () if name not in self.fixed]
        return self._form(names, self.side_fields)

    def _form(self, names: Iterable[str], more: dict[str, Any]) -> type[FlaskForm]:
        attributes: dict[str, Any] = {}
        for name in names:
            field = self.form_fields.get(name)
            if field is None:
                column = self.table._meta.fields[name]
                field = field_for(
                    column,
                    self.get_column_name(name),
                    HELP.get(f"{self.table.__name__}.{name}") or HELP.get(name),
                )
            # A field made anew takes its place in this order, not in that of the file it was written in.
            attributes[name] = UnboundField(field.field_class, *field.args, **field.kwargs)
        for name, field in more.items():
            attributes[name] = UnboundField(field.field_class, *field.args, **field.kwargs)
        attributes["seen"] = HiddenField()
        return type(f"{self.table.__name__}Form", (FlaskForm,), attributes)

    def get_filters(self) -> list[Filter]:
        """The filters of this list, as declared."""
        return list(self.column_filters or ())

    def get_filter_arg(self, index: int, flt: Filter) -> str:
        """The key of a filter in the address."""
        return flt.key

    def init_search(self) -> bool:
        """Whether the list has a search box."""
        self._search_fields = [
            getattr(self.table, column) if isinstance(column, str) else column
            for column in self.column_searchable_list or ()
        ]
        return bool(self._search_fields) or type(self).search is not Rows.search

    def search_placeholder(self) -> Any:
        """What the search box looks in."""
        return self.search_help

    # ---- Reading ---------------------------------------------------------------------------------------

    def ids_query(self) -> ModelSelect:
        """Where the list starts: keys, with the joins that filters and search need."""
        return self.table.select(self.table.id)

    def search(self, query: ModelSelect, words: str) -> ModelSelect:
        """The rows that hold every word in one of the searched columns, whatever its capitals and accents."""
        for word in words.split()[:8]:
            condition = None
            for column in self._search_fields:
                found = holds(column, word)
                condition = found if condition is None else condition | found
            query = query.where(condition)
        return query

    def order(self, column: str | None, descending: bool) -> list[Any]:
        """The order of the list; the key comes last, so that a page never repeats a row."""
        if column is not None and column in self._sortable_columns:
            field = self._sortable_columns[column]
            field = field() if callable(field) and not hasattr(field, "asc") else field
            field = getattr(self.table, field) if isinstance(field, str) else field
            order = [field.desc() if descending else field.asc()]
        else:
            order = list(self.default_order)
            descending = not order
        return [*order, self.table.id.desc() if descending else self.table.id.asc()]

    def rows_query(self) -> ModelSelect:
        """Whole rows with what they point at, in one query whatever their number."""
        aliases = [(column, column.rel_model.alias()) for column in self.list_joins]
        query = self.table.select(self.table, *(alias for _column, alias in aliases))
        for column, alias in aliases:
            query = query.join_from(
                self.table, alias, JOIN.LEFT_OUTER, on=(column == alias.id), attr=column.name
            )
        return query

    def get_list(
        self,
        page: int | None,
        sort_column: str | None,
        sort_desc: bool | None,
        search: str | None,
        filters: Sequence[Any] | None,
        execute: bool = True,
        page_size: int | None = None,
    ) -> tuple[int, list[Any]]:
        """One page of rows and how many there are, counted up to MOST_COUNTED + 1.

        Three queries: keys counted up to a limit, keys of the page, rows of the page.
        """
        query = self.ids_query()
        for index, _name, value in filters or ():
            flt = self._filters[index]
            query = flt.apply(query, flt.clean(value))
        if search:
            query = self.search(query, search)
        count = query.limit(MOST_COUNTED + 1).count()
        page_size = page_size or self.page_size
        # The last page that was counted is the last one that is served: an offset costs what it skips.
        last = max(ceil(min(count, MOST_COUNTED) / page_size) - 1, 0)
        page = min(page or 0, last)
        keys = [
            row[0]
            for row in query.order_by(*self.order(sort_column, bool(sort_desc)))
            .limit(page_size)
            .offset(page * page_size)
            .tuples()
        ]
        if not keys:
            return count, []
        found = {row.id: row for row in self.rows_query().where(self.table.id.in_(keys))}
        return count, [found[key] for key in keys if key in found]

    def get_one(self, id: Any) -> Any:
        """The row with this key, or None: also for a key that no database can hold."""
        key = key_of(id)
        return self.rows_query().where(self.table.id == key).first() if key else None

    def row_or_404(self) -> Any:
        """The row that the address or the form names."""
        # A form that was held while its session ended comes back without its query: it names its row itself.
        row = self.get_one(request.values.get("id") or (current.held() or {}).get("id", [None])[0])
        if row is None:
            abort(404)
        return row

    # ---- Addresses -------------------------------------------------------------------------------------

    def _get_list_extra_args(self) -> ViewArgs:
        """The view that the address asks for, with numbers a database can take and nothing it did not declare."""

        def number(name: str, most: int) -> int | None:
            text = request.args.get(name, "")
            if not (text.isascii() and text.isdigit()):
                return None
            return min(int(text[:9]), most) if len(text) <= 9 else most

        return ViewArgs(
            page=number("page", 1_000_000) or 0,
            page_size=number("page_size", 1000) or 0,
            sort=number("sort", 1000),
            sort_desc=number("desc", 1),
            search=clean_line(request.args.get("search", ""))[:SEARCH_CHARACTERS] or None,
            filters=self._get_list_filter_args() or [],
            extra_args={},
        )

    def _get_list_filter_args(self) -> list[Any]:
        found = []
        for index, flt in enumerate(self._filters or ()):
            value = clean_line(request.args.get(f"flt_{flt.key}", ""))[:254]
            if value and flt.validate(value):
                found.append((index, flt.key, value))
        return found

    def _get_filters(self, filters: Sequence[Any] | None) -> dict[str, Any]:
        return {f"flt_{key}": value for _index, key, value in filters or ()}

    def _get_list_url(self, view_args: ViewArgs) -> str:
        shown = {
            "page": view_args.page or None,
            "sort": view_args.sort,
            "desc": 1 if view_args.sort_desc else None,
            "search": view_args.search,
            "page_size": view_args.page_size if view_args.page_size in self.page_size_options else None,
            **self._get_filters(view_args.filters),
        }
        return self.get_url(".index_view", **shown)

    def return_url(self) -> str:
        """Where to go back to: this list as it was, and nowhere else whatever the address says."""
        home = self.get_url(".index_view")
        wanted = request.values.get("url", "")
        if wanted == home or (wanted.startswith(f"{home}?") and wanted.isprintable() and "\\" not in wanted):
            return wanted
        return home

    # ---- Values ----------------------------------------------------------------------------------------

    def value(self, row: Any, name: str) -> Any:
        """What a column shows: a text, a Badge, a Link, or None. `show_<column>` of the subclass goes first."""
        show = getattr(self, f"show_{name}", None)
        if show is not None:
            return show(row)
        if name in (
            "name",
            "label",
            "customer",
            "team_words",
            "text",
            "sentence",
            "definition",
            "example",
            "purpose",
            "when",
        ) and hasattr(row, f"{name.removesuffix('_words')}_fr"):
            return localized(row, name.removesuffix("_words"))
        value = getattr(row, name)
        if name in self.column_choices_words:
            return self.choice_words(name).get(value, value)
        return self.words(value)

    def choice_words(self, name: str) -> dict[Any, Any]:
        """The words of the values of a column that holds one of a list."""
        choices = self.column_choices_words[name]
        return dict(choices() if callable(choices) else choices)

    def words(self, value: Any) -> Any:
        """A value as a person reads it."""
        if value is None or value == "" or value == []:
            return None
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if isinstance(value, datetime):
            return when_day(value.astimezone(get_timezone()).date())
        if isinstance(value, date):
            return when_day(value)
        if isinstance(value, Table):
            return label_of(value)
        if isinstance(value, list):
            return ", ".join(str(item) for item in value)
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        return value

    def detail_value(self, row: Any, name: str) -> Any:
        """What the details page shows: instants with their hour."""
        value = getattr(row, name, None)
        if isinstance(value, datetime) and getattr(self, f"show_{name}", None) is None:
            return when(value, "long")
        return self.value(row, name)

    def get_export_value(self, model: Any, name: Any) -> Any:
        """The text of a cell: dates that a spreadsheet sorts, never a formula."""
        value = getattr(model, str(name), None)
        if isinstance(value, datetime) and getattr(self, f"show_{name}", None) is None:
            return when_cell(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()
        shown = self.value(model, str(name))
        return export.safe_cell("" if shown is None else shown)

    def row_label(self, row: Any) -> str:
        """How a row is called in titles, questions and the audit trail."""
        return label_of(row)

    def row_links(self, row: Any) -> list[dict[str, Any]]:
        """Links of a row besides details, edit and delete: rows with url, icon, label."""
        return []

    def detail_links(self, row: Any) -> list[dict[str, Any]]:
        """Links at the head of the details page: rows with url, icon, label."""
        return self.row_links(row)

    # ---- Pages -----------------------------------------------------------------------------------------

    @expose("/")
    def index_view(self) -> str:
        """The list."""
        args = self._get_list_extra_args()
        page_size = self.get_safe_page_size(args.page_size)
        sort = self._get_column_by_idx(args.sort)
        sort_name = str(sort[0]) if sort else None
        count, rows = self.get_list(
            args.page, sort_name, args.sort_desc, args.search, args.filters, page_size=page_size
        )
        pages = ceil(min(count, MOST_COUNTED) / page_size)
        page = min(args.page, max(pages - 1, 0))

        def url(**changes: Any) -> str:
            return self._get_list_url(args.clone(**{"page": 0, **changes}))

        chips = [
            Chip(
                f"{self._filters[index].name}\u202f: {words}"
                if language() == "fr"
                else f"{self._filters[index].name}: {words}",
                url(filters=[one for one in args.filters if one[0] != index]),
            )
            for index, _key, value in args.filters
            for words in [self._filters[index].words(value)]
        ]
        heads = []
        for index, (name, label) in enumerate(self._list_columns):
            mine = sort_name == name
            heads.append(
                {
                    "name": name,
                    "label": label,
                    "is_date": isinstance(self.table._meta.fields.get(str(name)), UtcField | DateField),
                    "url": url(sort=index, sort_desc=1 if mine and not args.sort_desc else None)
                    if self.is_sortable(str(name))
                    else None,
                    "direction": ("descending" if args.sort_desc else "ascending") if mine else None,
                }
            )
        exports = {
            kind: self.get_url(".export", export_type=kind, **self._export_args(args))
            for kind in self.export_types
        }
        return self.render(
            "admin/list.html",
            args=args,
            rows=rows,
            count=count,
            capped=count > MOST_COUNTED,
            most_counted=MOST_COUNTED,
            most_exported=MOST_EXPORTED,
            page=page,
            pages=pages,
            page_size=page_size,
            url=url,
            heads=heads,
            chips=chips,
            exports=exports,
            list_url=self._get_list_url(args.clone(page=page)),
            chosen={key: value for _index, key, value in args.filters},
            filters=self._filters or [],
        )

    def _export_args(self, args: ViewArgs) -> dict[str, Any]:
        return {
            "sort": args.sort,
            "desc": 1 if args.sort_desc else None,
            "search": args.search,
            **self._get_filters(args.filters),
        }

    @expose("/details/")
    def details_view(self) -> str:
        """One row, whole."""
        row = self.row_or_404()
        facts = [(label, self.detail_value(row, str(name))) for name, label in self._details_columns]
        return self.render(
            "admin/details.html", row=row, facts=facts, list_url=self.return_url(), **self.details_extra(row)
        )

    def details_extra(self, row: Any) -> dict[str, Any]:
        """What a subclass adds to the details page."""
        return {}

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        """A new row."""
        if not self.can_create:
            abort(404)
        form = self.create_form()
        status = 200
        if form.is_submitted() and self.wants_preview(form):
            status = 200 if form.validate() and self.prepare_preview(form, None) else 422
        elif form.is_submitted():
            row = self.create_model(form) if form.validate() else None
            if row:
                flash(self.created_words(row, form), "success")
                if "add_another" in request.form:
                    return redirect(self.get_url(".create_view", url=self.return_url()), 303)
                return redirect(self.return_url(), 303)
            status = 422
        else:
            give_back(form)
        return (
            self.render(
                self.form_template,
                form=form,
                row=None,
                heading=self.new_title,
                list_url=self.return_url(),
                **self.form_extra(form, None),
            ),
            status,
        )

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
        """Change a row."""
        if not self.can_edit:
            abort(404)
        row = self.row_or_404()
        form = self.edit_form(obj=row)
        status = 200
        if form.is_submitted():
            if self.wants_preview(form):
                status = 200 if form.validate() and self.prepare_preview(form, row) else 422
            elif form.validate() and self.update_model(form, row):
                flash(_("%(name)s is saved.", name=self.row_label(row)), "success")
                return redirect(self.return_url(), 303)
            else:
                status = 422
        else:
            form.seen.data = self.seen(row)
            give_back(form)
        return (
            self.render(
                self.form_template,
                form=form,
                row=row,
                heading=self.row_label(row),
                list_url=self.return_url(),
                **self.form_extra(form, row),
            ),
            status,
        )

    def create_form(self, obj: Any = None) -> FlaskForm:
        """The form of a new row, empty or with what was typed."""
        return self._create_form_class()

    def edit_form(self, obj: Any = None) -> FlaskForm:
        """The form of an existing row, filled with it or with what was typed."""
        return self._edit_form_class(obj=obj)

    def seen(self, row: Any) -> str:
        """The mark of the row that the form carries."""
        return stamp(row)

    def wants_preview(self, form: FlaskForm) -> bool:
        """Whether the form was sent to see what it would do, not to do it."""
        return False

    def prepare_preview(self, form: FlaskForm, row: Any) -> bool:
        """What a preview computes before the page is made; False when what was typed cannot be shown."""
        return True

    def notice(self) -> Any:
        """A sentence over the list, when something is under way."""
        return ""

    def form_extra(self, form: FlaskForm, row: Any) -> dict[str, Any]:
        """What a subclass adds to the page of a form."""
        return {}

    def created_words(self, row: Any, form: Any = None) -> str:
        """What the page says after a row was created."""
        return _("%(name)s is added.", name=self.row_label(row))

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> Any:
        """Ask, then delete. The link works without script, and a GET deletes nothing."""
        if not self.can_delete:
            abort(404)
        row = self.row_or_404()
        blockers = self.blockers(row)
        status = 200
        if request.method == "POST":
            if not blockers and self.delete_model(row):
                flash(_("%(name)s is deleted.", name=self.row_label(row)), "success")
                return redirect(self.return_url(), 303)
            status, blockers = 409, blockers or self.blockers(row) or [_("other rows")]
        return (
            self.render(
                "admin/delete.html",
                row=row,
                blockers=blockers,
                also=self.goes_with(row),
                list_url=self.return_url(),
            ),
            status,
        )

    @expose("/action/", methods=("POST",))
    def action_view(self) -> Any:
        """Do something with the chosen rows: first ask, then do it to each and report."""
        act = self.acts.get(request.form.get("action", ""))
        if act is None:
            if request.form.get("action"):
                abort(404)
            flash(_("Choose what to do with the selection."), "error")
            return redirect(self.return_url(), 303)
        keys = list(dict.fromkeys(request.form.getlist("rowid")))[:MOST_AT_ONCE]
        rows = (
            [row for row in (self.get_one(key) for key in keys) if row is not None]
            if len(keys) == 1
            else self._rows(keys)
        )
        if not rows:
            flash(_("Choose at least one row."), "error")
            return redirect(self.return_url(), 303)
        form = act.form()
        status = 200
        if "confirmed" in request.form:
            if form.validate():
                self.handle(request.form["action"], rows, form)
                return redirect(self.return_url(), 303)
            status = 422
        else:
            form = act.form(formdata=None)
        return (
            self.render(
                "admin/confirm.html",
                act=act,
                action=request.form["action"],
                rows=rows,
                form=form,
                list_url=self.return_url(),
            ),
            status,
        )

    def _rows(self, keys: list[str]) -> list[Any]:
        wanted = [int(key) for key in keys if key.isascii() and key.isdigit() and len(key) < 10]
        found = {row.id: row for row in self.rows_query().where(self.table.id.in_(wanted))}
        return [found[key] for key in wanted if key in found]

    def handle(self, action: str, rows: list[Any], form: FlaskForm) -> None:
        """Do an action to each row, through `do_<action>`; the refused ones are named with the reason."""
        done, refused = 0, []
        do = getattr(self, f"do_{action}")
        for row in rows:
            try:
                # False: nothing had to change.
                done += do(row, form) is not False
            except Refusal as fault:
                refused.append(f"{self.row_label(row)} — {refusal(fault)}")
        if done:
            flash(ngettext("Done for %(num)s row.", "Done for %(num)s rows.", done), "success")
        elif not refused:
            flash(_("Nothing had to change."), "info")
        for words in refused[:20]:
            flash(words, "error")
        if len(refused) > 20:
            left = len(refused) - 20
            flash(ngettext("%(num)s more was refused.", "%(num)s more were refused.", left), "error")

    @expose("/ajax/lookup/")
    def ajax_lookup(self) -> Any:
        """Suggestions for a field or filter of this screen: rows with value and label."""
        finder = next((finder for finder in self.finders if finder.name == request.args.get("name")), None)
        if finder is None:
            abort(404)
        typed = clean_line(request.args.get("query", ""))[:100]
        return {"found": finder.suggestions(typed) if len(typed) > 1 else []}

    @expose("/ajax/update/", methods=("POST",))
    def ajax_update(self) -> Any:
        """Turn one of `switches` round from the list (STAFF-1): a form in the row, which needs no script.

        Saved like the whole form: with its line in the audit trail, unless somebody changed the row meanwhile.
        """
        column = next((name for name in self.switches if name in request.form), None)
        if column is None or not self.can_edit:
            abort(404)
        row = self.row_or_404()
        form = self._form((column,), {})()
        if form.validate() and self.update_model(form, row):
            flash(_("%(name)s is changed.", name=self.row_label(row)), "success")
        else:
            for faults in (form.form_errors, *form.errors.values()):
                for fault in faults:
                    flash(str(fault), "error")
        return redirect(self.return_url(), 303)

    @expose("/export/<export_type>/")
    def export(self, export_type: str) -> Any:
        """The list as a file, up to MOST_EXPORTED rows; who took it is recorded."""
        if not self.can_export or export_type not in self.export_types:
            abort(404)
        args = self._get_list_extra_args()
        sort = self._get_column_by_idx(args.sort)
        _count, rows = self.get_list(
            0,
            str(sort[0]) if sort else None,
            args.sort_desc,
            args.search,
            args.filters,
            page_size=MOST_EXPORTED,
        )
        titles = [label for _name, label in self._export_columns]
        cells = [[self.get_export_value(row, name) for name, _label in self._export_columns] for row in rows]
        with db.atomic():
            self.record("admin:exported", self.table.__name__.lower(), format=export_type, rows=len(rows))
        if export_type == "csv":
            body, kind = export.csv_bytes(titles, cells, language()), "text/csv; charset=utf-8"
        else:
            body = export.xlsx_bytes(str(self.title), titles, cells)
            kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        name = f"{self.table.__name__.lower()}-{current.now():%Y-%m-%d}.{export_type}"
        return Response(
            body,
            content_type=kind,
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    # ---- Writing ---------------------------------------------------------------------------------------

    def create_model(self, form: Any) -> Any:
        """Make a row of a form, with its line in the audit trail. Returns the row, or None when refused."""
        row = self.table()
        return self._write(form, lambda: self._create(form, row))

    def _create(self, form: Any, row: Any) -> Any:
        self._fill(form, row)
        self.before_save(form, row, None)
        self._check_unique(row)
        row.save(force_insert=True)
        self.record("admin:created", self.target(row), values=plain(row))
        self.after_save(form, row)
        return row

    def update_model(self, form: Any, model: Any) -> bool:
        """Save a form over a row, unless somebody changed the row since it was read."""
        return bool(self._write(form, lambda: self._update(form, model)))

    def _update(self, form: Any, model: Any) -> Any:
        row = self.locked(model.id)
        if form.seen.data != stamp(row):
            raise NotNow("row-changed")
        before = plain(row)
        self._fill(form, row)
        self.before_save(form, row, before)
        self._check_unique(row)
        row.save()
        after = plain(row)
        changed = {name: [before.get(name), after[name]] for name in after if before.get(name) != after[name]}
        if changed:
            self.record("admin:changed", self.target(row), changed=changed)
            self.after_save(form, row)
        return row

    def delete_model(self, model: Any) -> bool:
        """Delete one row and what goes with it, never what depends on it."""
        try:
            with db.atomic():
                row = self.locked(model.id)
                if self.blockers(row):
                    return False
                values = plain(row)
                self.before_delete(row)
                row.delete_instance()
                self.record("admin:deleted", self.target(row), values=values)
                self.after_delete(row)
        except IntegrityError:
            return False
        self.after_commit()
        return True

    def _fill(self, form: Any, row: Any) -> None:
        for field in form:
            if field.name in self.table._meta.fields and field.name != "id":
                field.populate_obj(row, field.name)

    def _write(self, form: Any, work: Callable[[], Any]) -> Any:
        try:
            with db.atomic():
                row = work()
        except Refusal as fault:
            self.refuse(form, fault)
            return None
        except IntegrityError:
            form.form_errors.append(
                _("Another row has these values already, or a value is out of its bounds.")
            )
            return None
        self.after_commit()
        return row

    def refuse(self, form: Any, fault: Refusal) -> None:
        """Put the words of a refusal where the person looks: at its field, else over the form."""
        words = fault.data.get("words") or ROW_REFUSALS.get(fault.code) or refusal(fault)
        if fault.field and fault.field in form:
            form[fault.field].errors = [*form[fault.field].errors, str(words)]
        else:
            form.form_errors.append(str(words))

    def locked(self, key: int) -> Any:
        """The row as it is in this transaction. Raises NotNow when somebody deleted it."""
        query = self.table.select().where(self.table.id == key)
        row = (query if is_sqlite() else query.for_update()).first()
        if row is None:
            raise NotNow("row-gone")
        return row

    def _check_unique(self, row: Any) -> None:
        sets = [(column.name,) for column in self.table._meta.sorted_fields if column.unique]
        sets += [entry[0] for entry in self.table._meta.indexes if isinstance(entry, tuple) and entry[1]]
        for names in sets:
            values = [row.__data__.get(name) for name in names]
            if any(value is None for value in values):
                continue
            query = self.table.select(self.table.id)
            for name, value in zip(names, values, strict=True):
                query = query.where(self.table._meta.fields[name] == value)
            if row.id:
                query = query.where(self.table.id != row.id)
            if query.exists():
                raise NotNow("row-exists", field=names[-1])

    def before_save(self, form: Any, row: Any, before: dict[str, Any] | None) -> None:
        """What a subclass checks or adds, in the transaction; `before` is None for a new row. Raises Refusal."""

    def after_save(self, form: Any, row: Any) -> None:
        """What else changes with a row, in the same transaction."""

    def before_delete(self, row: Any) -> None:
        """What goes before the row does, in the same transaction."""

    def after_delete(self, row: Any) -> None:
        """What changes when a row is gone, in the same transaction."""

    def after_commit(self) -> None:
        """What this process must forget or recompute once the change is kept."""

    def target(self, row: Any) -> str:
        """How the audit trail names a row."""
        return f"{self.table.__name__.lower()}:{row.id}"

    def record(self, kind: str, target: str, **data: Any) -> None:
        """A line of the audit trail by the admin who acts, inside the transaction."""
        audit.record(
            kind, by=current.viewer(), now=current.now(), target=target, origin=current.origin(), **data
        )

    # ---- What depends on a row -------------------------------------------------------------------------

    def blockers(self, row: Any) -> list[Any]:
        """The names of the tables whose rows point at this one: then it stays."""
        found = []
        for column, model in self.table._meta.backrefs.items():
            if model in self.deleted_with or model in (TicketEvent, AuditEntry):
                continue
            if model.select(model.id).where(column == row.id).exists():
                found.append(TABLE_WORDS.get(model.__name__, model.__name__))
        return list(dict.fromkeys([*found, *self.also_blocked_by(row)]))

    def also_blocked_by(self, row: Any) -> list[Any]:
        """The names of tables that point at this row by a word rather than by its key."""
        return []

    def goes_with(self, row: Any) -> list[str]:
        """What is deleted together with the row, in words with its number."""
        return []


def when_day(day: date) -> str:
    """A date without hour, in figures: lists of the administration are read in columns."""
    return f"{day:%d/%m/%Y}"


def when_cell(moment: datetime) -> str:
    """An instant for a spreadsheet: in the reader's zone, in an order that sorts."""
    return moment.astimezone(get_timezone()).strftime("%Y-%m-%d %H:%M")


class ReadOnly(Rows):
    """A table that is only looked at."""

    can_create = False
    can_edit = False
    can_delete = False
    form_columns = ()


ROW_REFUSALS: dict[str, Any] = {
    "row-changed": _l(
        "Somebody changed this while you were editing. Open it again in another tab to see what is new: "
        "what you typed is still here."
    ),
    "row-gone": _l("Somebody deleted this while you were reading it."),
    "row-exists": _l("Another one has this already. Choose something else."),
    "label-needed": _l("Fill in this field."),
    "label-says-nothing": _l("Fill in at least one of the words: this kind would read nothing of its own."),
    "label-exists": _l("This status has words for this kind already: change those."),
}

TABLE_WORDS: dict[str, Any] = {
    "Ticket": _l("requests"),
    "Membership": _l("approved contacts"),
    "Organisation": _l("organisations"),
    "RoutingRule": _l("routing rules"),
    "ClosingRule": _l("closing rules"),
    "RequestForm": _l("request forms"),
    "Category": _l("categories"),
    "LicenceRequest": _l("licence requests"),
    "TeamMember": _l("team members"),
    "ScaleLevel": _l("levels"),
    "Consent": _l("consents"),
    "CalendarClosingDay": _l("closing days"),
    "Article": _l("articles"),
    "AffectedService": _l("service incidents"),
    "JoinedRequest": _l("service incidents"),
    "IncidentAnswerLine": _l("service incidents"),
    "IncidentAnswer": _l("service incidents"),
    "AnnouncementTarget": _l("announcements"),
    "Service": _l("services"),
    "Idea": _l("ideas"),
    "HelpLine": _l("telephone lines"),
    "EscalationLine": _l("lines of whom to turn to"),
    "PartnerLink": _l("partners"),
    "PartnerOpening": _l("requests"),
}
