"""What the scripts for bad nights share: a directory of one's own, the tool, and a tally.

Each of them is a program with the options of `run.py` and has a list of checks: functions that get
a `Night` and fail by an exception.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

from base import Base, Kit, Park, database_role, packed  # noqa: E402
from depot import CLASSES  # noqa: E402
from otp import Mismatch  # noqa: E402
from run import DC_FILES  # noqa: E402
from runner import Tally, combinations, options  # noqa: E402
from world import text  # noqa: E402

SEGMENT_BYTES = 1 << 20  # small segments: they fill, are sealed and compacted while a test looks on
TOOL_SECONDS = 60


class Skip(Exception):
    """A check that cannot be made here; the reason."""


class Night:
    """A folder for one check, and the daemons in it."""

    def __init__(self, kit, dialect, shards, options_):
        self.kit, self.dialect, self.shards, self.options = kit, dialect, shards, options_
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ferriswheel-night-"))
        self.parks, self.data = [], self.folder / "data"

    def roles(self, **more):
        segments = f", segment_bytes: {SEGMENT_BYTES}"
        return database_role(**{"backend": segments, **more})

    def park(self, **more):
        """A daemon on the night's directory."""
        park = Park(self.kit, self.dialect, self.shards, self.roles(**more), self.folder)
        self.parks.append(park)
        return park

    def base(self, **more):
        return Base(self.park(**more))

    def base_of(self, roles):
        """A view of a daemon with these roles."""
        self.parks.append(Park(self.kit, self.dialect, self.shards, roles, self.folder))
        return Base(self.parks[-1])

    def tool(self, *arguments):
        """`ferriswheel db ...`: the exit code and what was said."""
        command = [self.kit.binary, "db", *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TOOL_SECONDS)
        said = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode == 2 and said.strip().endswith("not yet"):
            raise Skip(f"this program has no `db {arguments[0]}` yet")
        return done.returncode, said

    def segments(self):
        return sorted(self.data.glob("*.segment"))

    def end(self):
        for park in self.parks:
            park.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def must(held, what):
    """Fails with what should have held."""
    if not held:
        raise Mismatch(what)


def wait_for(what, seconds, probe):
    """Asks again until it holds. For what comes by itself, some time."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        must(time.monotonic() < deadline, f"{what}: not within {seconds} s")
        time.sleep(0.05)


def crates(base, count, size=3_000, first=0):
    """Objects that can be found in a file: id -> (mark, values). Asked for in one breath."""
    asked = {}
    for number in range(first, first + count):
        mark = f"<mark {number:06} {os.getpid()}>".encode()
        values = dict(setTag=text(f"crate {number}"), setLeft=text(mark * (size // len(mark))))
        asked[number] = (mark, values)
        base.send("DbCreate", context=number, dclass=CLASSES["Crate"].number, count=len(values),
                  fields=packed(list(values.items())))
    made = {}
    for _ in range(count):
        heard = base.me.hear()
        created = heard and heard.name == "DbCreateResp" and heard.args["do_id"]
        must(created, f"a creation was answered by {heard}")
        made[heard.args["do_id"]] = asked.pop(heard.args["context"])
    return dict(sorted(made.items()))


def all_there(base, made, without=()):
    for do_id, (_, values) in made.items():
        if do_id in without:
            base.expect_none(do_id)
        else:
            base.expect_stored(do_id, "Crate", **values)


def run(checks, description, more=None):
    """The program: all checks in all dialects and numbers of shards."""
    parser = options(description)
    if more:
        more(parser)
    chosen = parser.parse_args()
    kit, tally = Kit(os.path.abspath(chosen.binary), DC_FILES), Tally()
    for dialect, shards in combinations(chosen):
        for check in checks:
            since, night = time.monotonic(), Night(kit, dialect, shards, chosen)
            name = f"{dialect}/{shards} {pathlib.Path(sys.argv[0]).stem}: {check.__name__}"
            try:
                check(night)
                tally.say(name, since)
            except Skip as why:
                tally.skip(name, why)
            except Exception:
                logs = [park.daemon.log_tail() for park in night.parks if park.daemon.log.exists()]
                tally.say(name, since, traceback.format_exc() + "\nlogs end with\n" + "\n".join(logs))
            finally:
                night.end()
    code = tally.end()
    return 0 if code and tally.skipped and not tally.failed else code
