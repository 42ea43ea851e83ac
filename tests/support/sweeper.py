"""A process that sweeps: `python -m tests.support.sweeper ADDRESS INSTANT`. It says "ready", waits for a line, sweeps,
and says how much it did and from when until when. What goes wrong is on its standard error.
"""

from __future__ import annotations

import logging
import sys
import time
from datetime import datetime


def main() -> None:
    """Sweep once, at the instant given, on the database given."""
    from domain import closing, deletion
    from tests.conftest import opened, shut

    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    address, moment = sys.argv[1], datetime.fromisoformat(sys.argv[2])
    database = opened(address)
    with database.connection_context():
        print("ready", flush=True)
        sys.stdin.readline()
        began = time.time()
        done = closing.sweep(moment)
        deletion.sweep(moment)
        print(done, began, time.time(), flush=True)
    shut(database)


if __name__ == "__main__":
    main()
