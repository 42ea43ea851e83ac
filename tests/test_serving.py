"""The first start of a portal: the demo world, its sign-ins, and the memory that the served process holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.served_portal import ServedBrowser, ServedPortal

MOST_MB = 150


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the system does not say what a process holds"
)
def test_the_first_start_makes_the_demo_world_and_many_sign_ins_later_the_process_is_still_small(
    tmp_path: Path,
) -> None:
    portal = ServedPortal(tmp_path, GUICHET_DEMO="1", JOBS="off")
    portal.start()
    try:
        said = portal.log.read_text()
        people = re.findall(r"^  (\S+@\S+)  +(\S+)  ", said, re.M)
        assert len(people) == 11 and len({password for _email, password in people}) == 1
        assert (tmp_path / "demo-sign-ins.txt").stat().st_mode & 0o077 == 0
        # Each of them checks a password, on whatever thread is free: what a check takes is given back.
        for email, password in people:
            somebody = ServedBrowser(portal)
            somebody.sign_in(email, password)
            for path in ("/", "/tickets", "/articles", "/account"):
                assert somebody.get(path).status in (200, 303), path
        status = Path(f"/proc/{portal.process.pid}/status").read_text()
        held = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024
        assert held < MOST_MB, f"the process holds {held:.0f} MB"
    finally:
        portal.kill()
