#!/usr/bin/env python3
"""Runs the tests of the client protocol against a daemon as a process.

    python3 run.py --binary target/release/ferriswheel [--dialect openotp|astron|both]
                   [--shards 1,2,3] [names...]

One daemon per dialect and number of shards, with a Client Agent for each configuration that a test
needs (`ground.py`). A name is a script (`interests`), or a part of a test's name. A line for each test;
the last line says how many passed and failed; exit code 1 if any did.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import ground  # noqa: E402
import world  # noqa: E402
from daemon import Daemon  # noqa: E402
from dialect import DIALECTS  # noqa: E402
from otp import Mismatch  # noqa: E402
from runner import Tally, combinations, options, run_one, tests  # noqa: E402

DC_FILES = [FOLDER.parent / "world.dc", FOLDER / "fair.dc"]


def run_all(binary, dialect, shards, chosen, tally):
    """All tests on one daemon."""
    gates = [ground.Gate(name, number) for number, name in enumerate(ground.GATES)]
    began = time.monotonic()
    daemon = Daemon(binary, ground.configuration(dialect, shards, gates), DC_FILES)
    place = f"{dialect}/{shards}"
    try:
        served = ground.Ground(daemon, gates, DIALECTS[dialect], shards, dc_hash(binary, dialect))
        for script, name, function in chosen:
            if getattr(function, "only", dialect) != dialect:
                continue
            since = time.monotonic()
            trouble = run_one(ground.Day(served), function)
            if trouble:
                trouble += "\nthe daemon's log ends with\n" + daemon.log_tail()
            tally.say(f"{place} {script}: {name}", since, trouble)
            if daemon.process.poll() is not None:
                break
        wrong = stops(served)
        if wrong:
            wrong.append("its log ends with\n" + daemon.log_tail())
        tally.say(f"{place} the daemon stops in order", began, "\n".join(wrong))
    except Exception:
        trouble = traceback.format_exc() + "\nthe daemon's log ends with\n" + daemon.log_tail()
        tally.say(f"{place} the daemon serves", began, trouble)
    finally:
        daemon.remove()


def stops(served):
    """The daemon stops, and what was wrong with that: the last words of its clients must be said."""
    day = ground.Day(served)
    channel, anna = day.channel(), day.guest()
    day.listen(channel)
    day.leave_word(anna, channel, b"we close")
    wrong = served.daemon.stop()
    try:
        day.me.expect(day.word_left(channel, b"we close"))
        anna.expect_closed()
    except Mismatch as mismatch:
        wrong.append(str(mismatch))
    day.end()
    return wrong


def check_numbers(binary, tally):
    """The DC files as the daemon reads them, and as these scripts know them."""
    began = time.monotonic()
    command = [binary, "dc", "list", "--json", *map(str, DC_FILES)]
    listed = subprocess.run(command, check=True, capture_output=True).stdout
    trouble = "\n".join(world.disagreements(json.loads(listed)))
    tally.say("fair.py says what fair.dc says", began, trouble)


def dc_hash(binary, dialect):
    """The hash that clients must say; that it is Panda3D's, or Astron's, is tested elsewhere."""
    command = [binary, "dc", "hash", *map(str, DC_FILES)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    whose = "Astron" if dialect == "astron" else "Panda3D"
    return int(re.search(whose + r"\s+0x([0-9a-f]+)", said).group(1), 16)


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
