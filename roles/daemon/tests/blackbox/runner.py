"""What the runners share: finding tests, running one, saying how it went."""

import argparse
import importlib
import pathlib
import time
import traceback

from dialect import DIALECTS
from otp import Mismatch


def options(description, shards="1,2,3"):
    """The command line that all runners have. `shards`: the numbers of them, if none are named."""
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=raw)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--dialect", default="both", choices=["openotp", "astron", "both"])
    parser.add_argument("--shards", default=shards)
    return parser


def combinations(chosen):
    """(dialect, shards) of each run that the command line asks for."""
    dialects = list(DIALECTS) if chosen.dialect == "both" else [chosen.dialect]
    return [(dialect, int(shards)) for dialect in dialects for shards in chosen.shards.split(",")]


def tests(folder, pattern, names):
    """(script, test, function) in order of the files that match `pattern`."""
    found = []
    for path in sorted(folder.glob(pattern)):
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
    """A line for each check, and how many held."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def say(self, name, since, trouble=None):
        """`since`: when the check began."""
        verdict = "FAIL" if trouble else "ok  "
        print(f"{verdict} {name} ({(time.monotonic() - since) * 1000:.0f} ms)", flush=True)
        self.passed, self.failed = self.passed + (not trouble), self.failed + bool(trouble)
        if trouble:
            print("    " + trouble.replace("\n", "\n    "), flush=True)

    def skip(self, name, why):
        print(f"skip {name}: {why}", flush=True)
        self.skipped += 1

    def end(self):
        """The last line, and the exit code."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}", flush=True)
        return 1 if self.failed or not self.passed else 0


def run_one(stage, function):
    """What is wrong, if anything. The stage has `end_in_silence` and `end`."""
    try:
        function(stage)
        stage.end_in_silence()
    except Mismatch as mismatch:
        where = [f for f in traceback.extract_tb(mismatch.__traceback__) if "/test_" in f.filename]
        place = "".join(f"{pathlib.Path(f.filename).name}:{f.lineno}: {f.line}\n" for f in where)
        return place + str(mismatch)
    except Exception:
        return traceback.format_exc()
    finally:
        stage.end()
    return None
