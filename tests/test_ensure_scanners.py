"""The scanners are installed once, whole or not at all, and who cannot have them reads why."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """tools/ensure_scanners.py with another place to keep them, and an installer that writes down what it was asked."""
    spec = importlib.util.spec_from_file_location(
        "ensure_scanners_tried", ROOT / "tools" / "ensure_scanners.py"
    )
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("SCANNERS_HOME", raising=False)
    monkeypatch.setattr(module, "KEPT", tmp_path / "scanners" / "these")
    module.asked, module.outcome = [], 0

    def run(command: list[str], **_more: Any) -> Any:
        module.asked.append(command)
        if "install" in command and not module.outcome:
            programs(module.KEPT)
        return SimpleNamespace(returncode=module.outcome)

    monkeypatch.setattr(subprocess, "run", run)
    return module


def programs(home: Path) -> None:
    """Two programs, as an installer leaves them."""
    (home / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("wapiti", "sqlmap"):
        (home / "bin" / name).write_text("#!/bin/sh\n")
        (home / "bin" / name).chmod(0o755)


def test_they_are_installed_once_in_these_versions(tool: Any) -> None:
    assert tool.ensure() == tool.ensure() == tool.KEPT / "bin"
    assert len(tool.asked) == 2
    assert [part for part in tool.asked[1] if "==" in part] == [
        f"wapiti3=={tool.WAPITI}",
        f"sqlmap=={tool.SQLMAP}",
    ]


def test_an_installation_that_was_cut_is_made_anew(tool: Any) -> None:
    programs(tool.KEPT)
    (tool.KEPT / "half").touch()
    assert tool.find() is None
    tool.ensure()
    assert not (tool.KEPT / "half").exists()


def test_who_cannot_have_them_reads_why(tool: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool.outcome = 1
    with pytest.raises(tool.NoScanners, match="python3-venv"):
        tool.ensure()
    assert tool.find() is None
    monkeypatch.setenv("SCANNERS_HOME", str(tmp_path / "none"))
    with pytest.raises(tool.NoScanners, match="SCANNERS_HOME names"):
        tool.ensure()
    programs(tmp_path / "none")
    assert tool.ensure() == tmp_path / "none" / "bin"
