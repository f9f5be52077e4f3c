#!/usr/bin/env python3
"""Directories that a store must not take, and what is said of them.

    python3 directory.py --binary target/debug/ferriswheel [--dialect both] [--shards 2]
"""

import os
import pathlib
import subprocess
import sys
import time

from night import Mismatch, Skip, all_there, crates, must, run
from base import LOW, configuration
from daemon import STOP_SECONDS
from world import text

NOBODY = 65_534  # a user with no rights of his own


def contents(folder):
    """Every file below a folder, and its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def is_refused(night, data, *words, command=("run",), user=None):
    """A daemon on this directory ends by itself, with a sentence that has the words."""
    folder = night.folder / "second"
    folder.mkdir(exist_ok=True)
    os.chmod(folder, 0o755)
    for file in night.kit.dc_files:
        (folder / pathlib.Path(file).name).write_bytes(pathlib.Path(file).read_bytes())
    config = folder / "second.yml"
    config.write_text(configuration(night.dialect, night.shards, night.roles(directory=str(data))))
    began = time.monotonic()
    done = subprocess.run([night.kit.binary, *command, str(config)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=STOP_SECONDS, user=user)
    said = (done.stdout + done.stderr).decode(errors="replace")
    must(done.returncode in (1, 2), f"it ended with {done.returncode}: {said}")
    must(time.monotonic() - began < 5, "it took its time to say so")
    must("panicked" not in said, said)
    for word in (str(data), *words):
        must(word in said, f"'{word}' is not in: {said}")


def a_second_daemon_is_refused(night):
    base = night.base()
    made = crates(base, 20)
    is_refused(night, night.data)
    all_there(base, made)
    more = crates(base, 20, first=100)
    base.restart()
    all_there(base, {**made, **more})
    base.park.daemon.kill()
    base.start_again()  # what a killed daemon held is free
    all_there(base, {**made, **more})


def the_same_directory_twice_in_a_file(night):
    """Two databases of one configuration."""
    roles = night.roles() + night.roles(control=4013, low=LOW + 300_000_000, high=LOW + 300_000_100)
    config = night.folder / "twice.yml"
    config.write_text(configuration(night.dialect, night.shards, roles))
    for file in night.kit.dc_files:
        (night.folder / pathlib.Path(file).name).write_bytes(pathlib.Path(file).read_bytes())
    done = subprocess.run([night.kit.binary, "run", str(config)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=STOP_SECONDS)
    said = (done.stdout + done.stderr).decode(errors="replace")
    must(done.returncode in (1, 2) and "data" in said, f"it ended with {done.returncode}: {said}")


def a_newer_format_is_refused(night):
    """And nothing in it is touched."""
    base = night.base()
    crates(base, 20)
    base.park.stop()
    marker = night.data / "ferriswheel.store"
    must("format 1" in marker.read_text(), marker.read_text())
    marker.write_text(marker.read_text().replace("format 1", "format 2"))
    before = contents(night.data)
    is_refused(night, night.data, "format 2")
    must(contents(night.data) == before, "something was touched")
    marker.write_text(marker.read_text().replace("format 2", "format 1"))
    base.start_again()


def a_directory_of_something_else_is_refused(night):
    other = night.folder / "photographs"
    other.mkdir()
    (other / "holiday.jpg").write_bytes(b"\xff\xd8 a picture")
    before = contents(other)
    is_refused(night, other)
    must(contents(other) == before, "something was touched")


def a_file_is_refused(night):
    file = night.folder / "note"
    file.write_text("not a directory")
    is_refused(night, file)
    must(file.read_text() == "not a directory", "it was touched")


def a_directory_without_permission_is_refused(night):
    """Read by nobody but root; the daemon runs as somebody else."""
    if os.geteuid() != 0:
        raise Skip("only root can be somebody else")
    locked = night.folder / "locked"
    locked.mkdir(mode=0o700)
    os.chmod(night.folder, 0o755)
    try:
        command = [night.kit.binary, "--version"]
        subprocess.run(command, capture_output=True, user=NOBODY, timeout=STOP_SECONDS)
    except PermissionError:
        raise Skip("another user cannot run the program where it lies") from None
    is_refused(night, locked, user=NOBODY)
    must(not any(locked.iterdir()), "something was made in it")


def an_empty_directory_and_none_at_all_are_taken(night):
    for name in ("empty", "none/at/all"):
        if name == "empty":
            (night.folder / name).mkdir()
        base = night.base(directory=name)
        made = crates(base, 3)
        base.restart(kill=True)
        all_there(base, made)
        base.park.stop()
        must((night.folder / name / "ferriswheel.store").exists(), f"no marker in {name}")


def two_stores_in_one_daemon_are_two(night):
    """Different directories, different ids, different control channels."""
    low = LOW + 300_000_000
    roles = night.roles(high=LOW + 1_000) + night.roles(directory="other", control=4013, low=low, high=low + 100)
    base = night.base_of(roles)
    first = base.create("Keeper", setMemo=text("first"))
    second = at(base, "DbCreate", context=1, dclass=7, count=0, fields=b"")
    must(second and second.args["do_id"] == low, f"{second}")
    must(first == LOW, str(first))
    found = at(base, "DbSelectAll", context=2, do_id=first)
    if base.astron:
        must(found.args["success"] == 0, f"{found}")
    else:
        must(found.args["dclass"] == 0xFFFF, f"{found}")


def at(base, name, **args):
    """Asks the other database."""
    base.send(name, to=4013, **args)
    heard = base.me.hear()
    if heard is None or heard.sender != 4013:
        raise Mismatch(f"{name} was answered by {heard}")
    return heard


def what_a_file_must_not_say(night):
    """Found before anything starts, with the key that is at fault."""
    low, high = LOW, LOW + 100
    dbss = "  - {{type: dbss, database: 4003, ranges: [{}]}}\n".format
    ranged = "{{min: {}, max: {}}}".format
    wrong = [
        (night.roles(indexes=["Keeper.setNothing"]), "indexes"),
        (night.roles(indexes=["Nobody.setPin"]), "indexes"),
        (night.roles(indexes=["Keeper.setMood"]), "indexes"),
        (night.roles(indexes=["Keeper.setPQ"]), "indexes"),
        (night.roles(low=high, high=low), "generate"),
        (night.roles(low=0), "generate"),
        (night.roles(control=0), "control"),
        (night.roles(backend=", colour: red"), "colour"),
        (dbss(ranged(high, low)), "ranges"),
        (dbss(""), "ranges"),
        (dbss(ranged(low, high) + ", " + ranged(high, high + 1)), "ranges"),
        (dbss(ranged(low, high)) + dbss(ranged(low + 5, low + 6)), "ranges"),
    ]
    for roles, word in wrong:
        config = night.folder / "wrong.yml"
        config.write_text(configuration(night.dialect, night.shards, roles))
        for file in night.kit.dc_files:
            (night.folder / pathlib.Path(file).name).write_bytes(pathlib.Path(file).read_bytes())
        command = [night.kit.binary, "check", str(config)]
        done = subprocess.run(command, capture_output=True, timeout=STOP_SECONDS)
        said = (done.stdout + done.stderr).decode(errors="replace")
        must(done.returncode == 2 and word in said, f"{roles} is taken: {done.returncode} {said}")
    must(not night.data.exists(), "a directory was made")


CHECKS = [what_a_file_must_not_say, a_second_daemon_is_refused, the_same_directory_twice_in_a_file,
          a_newer_format_is_refused,
          a_directory_of_something_else_is_refused, a_file_is_refused,
          a_directory_without_permission_is_refused,
          an_empty_directory_and_none_at_all_are_taken, two_stores_in_one_daemon_are_two]

if __name__ == "__main__":
    sys.exit(run(CHECKS, __doc__))
