#!/usr/bin/env python3
"""Runs the State Server tests of this folder against a daemon as a process.

    python3 run.py --binary target/debug/ferriswheel [--dialect openotp|astron|both]
                   [--shards 1,2,3] [names...]

One daemon per dialect and number of shards. A name is a script (`move`), or a part of a test's
name. A line for each test; the last line says how many passed and failed; exit code 1 if any did.
Objects that are stored, and clients, have runners of their own: `stored/run.py`, `clients/run.py`.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import stage  # noqa: E402
import world  # noqa: E402
from daemon import Daemon  # noqa: E402
from dialect import DIALECTS  # noqa: E402
from runner import Tally, combinations, options, run_one, tests  # noqa: E402

CONFIG = """\
general: {{dialect: {dialect}, dc_files: [world.dc]}}
shards: {shards}
messagedirector: {{bind: 127.0.0.1:0}}
roles:
  - {{type: stateserver, control: {control}}}
"""


def run_all(binary, dialect, shards, chosen, tally):
    """All tests on one daemon."""
    config = CONFIG.format(dialect=dialect, shards=shards, control=stage.CONTROL)
    began, daemon = time.monotonic(), Daemon(binary, config, [FOLDER / "world.dc"])
    place = f"{dialect}/{shards}"
    try:
        park = stage.Park(daemon.port(), DIALECTS[dialect], shards)
        for script, name, function in chosen:
            if getattr(function, "only", dialect) != dialect:
                continue
            since = time.monotonic()
            trouble = run_one(stage.Stage(park), function)
            if trouble:
                trouble += "\nthe daemon's log ends with\n" + daemon.log_tail()
            tally.say(f"{place} {script}: {name}", since, trouble)
            if daemon.process.poll() is not None:
                break
        wrong = daemon.stop()
        if wrong:
            wrong.append("its log ends with\n" + daemon.log_tail())
        tally.say(f"{place} the daemon stops in order", began, "\n".join(wrong))
    except Exception:
        trouble = traceback.format_exc() + "\nthe daemon's log ends with\n" + daemon.log_tail()
        tally.say(f"{place} the daemon serves", began, trouble)
    finally:
        daemon.remove()


def check_numbers(binary, tally):
    """The DC file as the daemon reads it, and as these scripts know it."""
    began = time.monotonic()
    command = [binary, "dc", "list", "--json", str(FOLDER / "world.dc")]
    listed = subprocess.run(command, check=True, capture_output=True).stdout
    trouble = "\n".join(world.disagreements(json.loads(listed)))
    tally.say("world.py says what world.dc says", began, trouble)


def main():
    parser = options(__doc__)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    binary, tally = os.path.abspath(asked.binary), Tally()
    chosen = tests(FOLDER, "test_*.py", asked.names)
    check_numbers(binary, tally)
    for dialect, shards in combinations(asked):
        run_all(binary, dialect, shards, chosen, tally)
    return tally.end() or (not chosen)


if __name__ == "__main__":
    sys.exit(main())
