"""S47: the signing key: made once whoever starts first, never half, never guessable, never in what is printed."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import config

ROOT = Path(__file__).resolve().parents[2]


def start(data: Path) -> str:
    return config.Settings.from_environment({"GUICHET_DATA": str(data)}).secret_key


def test_two_starters_end_with_the_same_key(tmp_path: Path) -> None:
    for number in range(40):
        data = tmp_path / str(number)
        with ThreadPoolExecutor(4) as pool:
            keys = set(pool.map(start, [data] * 4))
        assert len(keys) == 1
        assert min(map(len, keys)) >= config.SECRET_MIN_CHARACTERS
        assert sorted(path.name for path in data.iterdir()) == ["secret"]


def test_two_portals_have_two_keys(tmp_path: Path) -> None:
    assert start(tmp_path / "one") != start(tmp_path / "two")


@pytest.mark.parametrize("content", ["", "\n", "short", "changeme"])
def test_a_key_file_that_was_cut_short_stops_the_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    with pytest.raises(config.BadSettings, match="secret"):
        start(tmp_path)


def test_a_starter_killed_in_the_middle_leaves_no_half_key(tmp_path: Path) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "import config\n"
        "real = os.fsync\n"
        "os.fsync = lambda handle: os._exit(9)\n"
        "config.Settings.from_environment({'GUICHET_DATA': sys.argv[2]})\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ROOT), str(tmp_path)], check=False)
    assert done.returncode == 9, "the key is on the disk before it counts"
    assert not (tmp_path / "secret").exists()
    assert len(start(tmp_path)) >= config.SECRET_MIN_CHARACTERS


def test_the_key_is_for_the_account_of_the_portal_alone(tmp_path: Path) -> None:
    start(tmp_path)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_the_key_is_not_in_what_settings_print(tmp_path: Path) -> None:
    settings = config.Settings.from_environment(
        {"GUICHET_DATA": str(tmp_path), "SMTP_URL": "smtp://user:wordofmouth@127.0.0.1"}
    )
    assert settings.secret_key not in repr(settings)
    assert "wordofmouth" not in repr(settings)
