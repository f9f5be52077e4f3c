#!/usr/bin/env python3
"""Runs the tests of stored objects against a daemon as a process: Database and DBSS.

    python3 run.py --binary target/debug/ferriswheel [--dialect openotp|astron|both]
                   [--shards 1,2,3] [names...]

A name is a script (`db_create`), or a part of a test's name. A line for each test; the last line
says how many passed and failed; exit code 1 if any did. Nights (killing, full disks, damage) are
scripts of their own in this folder, with the same options: `kill_loop.py`, `full_disk.py`,
`damage.py`, `cold.py`, `directory.py`, `tool.py`, `yaml_folder.py`.
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
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import apart  # noqa: E402
import base  # noqa: E402
import depot  # noqa: E402
import world  # noqa: E402
import yard  # noqa: E402
from runner import Tally, combinations, options, run_one, tests  # noqa: E402

DC_FILES = [FOLDER.parent / "world.dc", FOLDER / "depot.dc"]
# The daemons, their scripts, and the park and view of it that these get.
SUITES = [
    ("a database", ["test_db_*.py"], base.Park, base.Base),
    ("a DBSS and a database", ["test_dbss_*.py"], yard.YardPark, yard.Yard),
    ("a DBSS alone", ["test_shed.py"], yard.ShedPark, yard.Shed),
    ("a DBSS and a database apart", ["test_dbss_*.py", "test_apart.py"], apart.ApartPark, yard.Yard),
]


def run_suite(kit, dialect, shards, suite, chosen, tally):
    """All tests of a suite, on one daemon."""
    daemons, _, make_park, view = suite
    began, place, park = time.monotonic(), f"{dialect}/{shards}", None
    try:
        park = make_park(kit, dialect, shards)
        park.daemon.port()
        for script, name, function in chosen:
            if getattr(function, "only", dialect) != dialect:
                continue
            since = time.monotonic()
            trouble = run_one(view(park), function)
            if trouble:
                trouble += "\nthe daemon's log ends with\n" + park.daemon.log_tail()
            tally.say(f"{place} {daemons}: {script}: {name}", since, trouble)
            if park.daemon.process.poll() is not None:
                break
        wrong = park.daemon.stop()
        if wrong:
            wrong.append("its log ends with\n" + park.daemon.log_tail())
        tally.say(f"{place} {daemons}: stops in order", began, "\n".join(wrong))
    except Exception:
        tally.say(f"{place} {daemons}: serves", began, traceback.format_exc())
    finally:
        if park:
            park.remove()


def check_numbers(binary, tally):
    """The DC files as the daemon reads them, and as these scripts know them."""
    began = time.monotonic()
    command = [binary, "dc", "list", "--json", *map(str, DC_FILES)]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    wrong = world.disagreements(listed) + depot.explicit_defaults(listed)
    tally.say("depot.py says what depot.dc says", began, "\n".join(wrong))


def main():
    parser = options(__doc__)
    parser.add_argument("--daemons", help="only suites whose name begins so, as `a DBSS`")
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args()
    kit, tally = base.Kit(os.path.abspath(chosen.binary), DC_FILES), Tally()
    check_numbers(kit.binary, tally)
    for dialect, shards in combinations(chosen):
        for suite in SUITES:
            functions = [f for pattern in suite[1] for f in tests(FOLDER, pattern, chosen.names)]
            if functions and suite[0].startswith(chosen.daemons or ""):
                run_suite(kit, dialect, shards, suite, functions, tally)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())
