"""Which way imports point, and what no module may do."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Room -> rooms it may import. A room that is not here is not a room of the portal.
MAY_IMPORT = {
    "config": set(),
    "models": {"config"},
    "domain": {"config", "models", "presets"},
    "presenters": {"config", "models", "domain", "words"},
    "mailer": {"config", "models", "domain", "presenters", "words"},
    "forms": {"config", "models", "domain", "presenters", "words"},
    "views": {"config", "models", "domain", "presenters", "mailer", "forms", "words"},
    "jobs": {"config", "models", "domain", "presenters", "mailer", "gateways"},
    "gateways": {"config"},
    "presets": set(),
    "words": set(),
    "migrations": set(),
    "seeds": {"config", "models", "domain", "presets", "volume"},
    "volume": {"models", "domain"},
    "commands": {"config", "models", "domain", "presenters", "jobs", "seeds", "volume"},
    "app": {
        "config", "models", "domain", "presenters", "mailer", "forms", "views", "jobs", "gateways", "commands",
        "words",
    },
}  # fmt: skip

# What a room may not know, beside other rooms.
MAY_NOT_KNOW = {
    "models": {"flask", "flask_login", "flask_wtf", "flask_babel", "wtforms", "jinja2", "smtplib", "socket"},
    "domain": {
        "flask", "flask_login", "flask_wtf", "flask_babel", "flask_admin", "wtforms", "jinja2", "werkzeug",
        "apscheduler", "smtplib", "socket", "urllib.request", "http.client",
    },
    "gateways": {"flask", "flask_login", "flask_wtf", "flask_admin", "wtforms", "peewee"},
    "jobs": {"flask_login", "flask_wtf", "flask_admin", "wtforms"},
    "forms": {"peewee", "smtplib"},
}  # fmt: skip

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "services", "managers", "common", "misc"}
OUTSIDE = {"tests", "tools", "var", "build", "static", "templates", "translations", "docs"}


def modules() -> list[Path]:
    """Return every Python file of the portal itself."""
    found = [*ROOT.glob("*.py")]
    for folder in sorted(ROOT.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in OUTSIDE:
            found += sorted(folder.rglob("*.py"))
    return found


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> list[tuple[int, str]]:
    """Return (line, dotted name) for every import of a file, those inside functions included."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                package = path.relative_to(ROOT).parent.parts
                base = ".".join(package[: len(package) - node.level + 1])
                found.append((node.lineno, f"{base}.{node.module or ''}".strip(".")))
            else:
                found.append((node.lineno, node.module or ""))
                # `from http import client` reaches http.client.
                found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


MODULES = modules()
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_imports_point_one_way(path):
    room = room_of(path)
    assert room in MAY_IMPORT, f"{room} is not a room of the portal: see docs and the table above"
    for line, name in imports_of(path):
        other = name.split(".")[0]
        if other in MAY_IMPORT and other != room:
            assert other in MAY_IMPORT[room], f"{path.name}:{line}: {room} may not import {name}"
        unknown = MAY_NOT_KNOW.get(room, set())
        refused = {known for known in unknown if name == known or name.startswith(f"{known}.")}
        assert not refused, f"{path.name}:{line}: {room} may not know {name}"


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_says_what_lives_in_it(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if tree.body:
        assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} opens without a sentence"


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_has_a_name_that_says_something(path):
    assert path.stem not in EMPTY_NAMES


def test_no_module_hides_one_of_the_standard_library():
    # Only top-level names can: domain.calendar is reached by its whole name.
    top = {path.stem for path in ROOT.glob("*.py")} | {room_of(path) for path in MODULES}
    assert not top & set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_module_asks_for_a_time_without_a_zone(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        place = f"{path.name}:{node.lineno}"
        name = node.func.attr
        assert name not in {"utcnow", "utcfromtimestamp"}, f"{place}: {name}() gives a time without a zone"
        if name in {"now", "today"} and isinstance(node.func.value, ast.Name):
            owner = node.func.value.id
            assert not (owner == "datetime" and not node.args and not node.keywords), (
                f"{place}: now() without a zone"
            )
            assert not (owner == "date" and name == "today"), (
                f"{place}: today() depends on the zone of the machine"
            )


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room_of(path) == "domain"], ids=lambda p: p.name
)
def test_the_domain_is_told_the_time(path):
    """Domain functions take now=: none of them looks at a clock."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            clock = (ast.unparse(node.func.value), node.func.attr)
            assert clock not in {
                ("datetime", "now"), ("dt", "now"), ("time", "time"), ("datetime.datetime", "now"),
            }, f"{path.name}:{node.lineno}: the domain takes now="  # fmt: skip


def test_templates_never_query():
    for template in (ROOT / "templates").rglob("*.*"):
        if template.suffix in {".html", ".txt", ".xml"}:
            text = template.read_text(encoding="utf-8")
            for word in (".select(", ".get_or_none(", ".execute(", ".prefetch("):
                assert word not in text, f"{template.relative_to(ROOT)} queries with {word}"
