#!/usr/bin/env python3
"""Runs the State Server tests of this folder against a daemon as a process.

    python3 run.py --binary target/debug/ferriswheel [--dialect openotp|astron|both]
                   [--shards 1,2,3] [names...]

One daemon per dialect and number of shards. A name is a script (`move`), or a part of a test's
name. A line for each test; the last line says how many passed and failed; exit code 1 if any did.
"""

import argparse
import importlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True
FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import stage  # noqa: E402
import world  # noqa: E402
from dialect import DIALECTS  # noqa: E402
from otp import Mismatch  # noqa: E402

START_SECONDS, STOP_SECONDS = 20, 10
LOG_LINES = 30
CONFIG = """\
general: {{dialect: {dialect}, dc_files: [world.dc]}}
shards: {shards}
messagedirector: {{bind: 127.0.0.1:0}}
roles:
  - {{type: stateserver, control: {control}}}
"""


class Daemon:
    """A daemon as a process, with its configuration in a folder of its own."""

    def __init__(self, binary, dialect, shards):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ferriswheel-blackbox-"))
        shutil.copy(FOLDER / "world.dc", self.folder)
        config = self.folder / "park.yml"
        config.write_text(CONFIG.format(dialect=dialect, shards=shards, control=stage.CONTROL))
        self.log = self.folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([binary, "run", str(config)], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log)
        self.banner = []
        self.serves = threading.Event()
        threading.Thread(target=self._read_banner, daemon=True).start()

    def _read_banner(self):
        for line in self.process.stdout:
            self.banner.append(line.decode(errors="replace"))
            if "SIGTERM" in self.banner[-1]:
                self.serves.set()
        self.serves.set()

    def port(self):
        """Where it listens, once it does."""
        self.serves.wait(START_SECONDS)
        found = re.search(r"message director\s+127\.0\.0\.1:(\d+)", "".join(self.banner))
        if not found:
            raise RuntimeError("the daemon does not serve:\n" + "".join(self.banner) + self.log_tail())
        return int(found.group(1))

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])

    def stop(self):
        """SIGTERM, and what was wrong with its end."""
        wrong = []
        if self.process.poll() is not None:
            wrong.append(f"it ended by itself with {self.process.returncode}")
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
            wrong += [f"SIGTERM ended it with {code}, not 0"] * (code != 0)
        except subprocess.TimeoutExpired:
            wrong.append(f"SIGTERM did not end it within {STOP_SECONDS} s")
        wrong += ["it panicked"] * ("panicked at" in self.log.read_text(errors="replace"))
        return wrong

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)


def tests(names):
    """(script, test, function) in order of the files."""
    found = []
    for path in sorted(FOLDER.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        script = path.stem[len("test_"):]
        functions = [f for f in vars(module).values() if callable(f)]
        functions = [f for f in functions if getattr(f, "__module__", "") == path.stem]
        for function in functions:
            named = function.__name__.startswith("test_")
            chosen = not names or any(n in (script, path.stem, path.name) or n in function.__name__
                                      for n in names)
            if named and chosen:
                found.append((script, function.__name__[len("test_"):], function))
    return found


class Tally:
    def __init__(self):
        self.passed, self.failed, self.unsaid = 0, 0, ""

    def say(self, name, seconds, trouble=None):
        verdict = "FAIL" if trouble else "ok  "
        print(f"{verdict} {name} ({seconds * 1000:.0f} ms)", flush=True)
        self.passed, self.failed = self.passed + (not trouble), self.failed + bool(trouble)
        if trouble:
            print("    " + trouble.replace("\n", "\n    "), flush=True)


def run_one(park, function):
    """What is wrong, if anything."""
    stage_ = stage.Stage(park)
    try:
        function(stage_)
        stage_.end_in_silence()
    except Mismatch as mismatch:
        where = [f for f in traceback.extract_tb(mismatch.__traceback__) if "/test_" in f.filename]
        place = "".join(f"{pathlib.Path(f.filename).name}:{f.lineno}: {f.line}\n" for f in where)
        return place + str(mismatch)
    except Exception:
        return traceback.format_exc()
    finally:
        stage_.end()
    return None


def run_all(binary, dialect, shards, chosen, tally):
    """All tests on one daemon."""
    began, daemon = time.monotonic(), Daemon(binary, dialect, shards)
    place = f"{dialect}/{shards}"
    try:
        park = stage.Park(daemon.port(), DIALECTS[dialect], shards)
        for script, name, function in chosen:
            if getattr(function, "only", dialect) != dialect:
                continue
            since = time.monotonic()
            trouble = run_one(park, function)
            if trouble:
                trouble += "\nthe daemon's log ends with\n" + daemon.log_tail()
            tally.say(f"{place} {script}: {name}", time.monotonic() - since, trouble)
            if daemon.process.poll() is not None:
                break
        wrong = daemon.stop()
        if wrong:
            wrong.append("its log ends with\n" + daemon.log_tail())
        tally.say(f"{place} the daemon stops in order", time.monotonic() - began, "\n".join(wrong))
    except Exception:
        trouble = traceback.format_exc() + "\nthe daemon's log ends with\n" + daemon.log_tail()
        tally.say(f"{place} the daemon serves", time.monotonic() - began, trouble)
    finally:
        daemon.remove()


def check_numbers(binary, tally):
    """The DC file as the daemon reads it, and as these scripts know it."""
    began = time.monotonic()
    command = [binary, "dc", "list", "--json", str(FOLDER / "world.dc")]
    listed = subprocess.run(command, check=True, capture_output=True).stdout
    trouble = "\n".join(world.disagreements(json.loads(listed)))
    tally.say("world.py says what world.dc says", time.monotonic() - began, trouble)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--dialect", default="both", choices=["openotp", "astron", "both"])
    parser.add_argument("--shards", default="1,2,3")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    dialects = list(DIALECTS) if options.dialect == "both" else [options.dialect]
    binary, tally = os.path.abspath(options.binary), Tally()
    chosen = tests(options.names)
    check_numbers(binary, tally)
    for dialect in dialects:
        for shards in options.shards.split(","):
            run_all(binary, dialect, int(shards), chosen, tally)
    print(f"{tally.passed} passed, {tally.failed} failed", flush=True)
    return 1 if tally.failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
