#!/usr/bin/env python3
"""`ferriswheel db`: copies of a store, also of one that is served, and what they are good for.

    python3 tool.py --binary target/debug/ferriswheel [--dialect both] [--shards 2]
"""

import json
import sys

from night import all_there, crates, must, run, wait_for
from base import LOW
from directory import contents
from world import text

SPACE_SECONDS = 30
SEGMENTS_MAX = 6  # of 1 MiB; 0.6 MiB live, and some 15 MiB were written


def in_order(night, *arguments):
    code, said = night.tool(*arguments)
    must(code == 0, f"{arguments[0]}: {code} {said}")
    return said


def refused(night, *arguments):
    code, said = night.tool(*arguments)
    must(code in (1, 2), f"{arguments[0]}: {code} {said}")
    return said


def a_backup_of_what_is_served(night):
    """All that was promised before is in the copy; the daemon goes on."""
    base = night.base()
    made = crates(base, 500)
    gone = list(made)[::7]
    base.hear_of(*gone)
    for do_id in gone:
        base.delete(do_id)
    base.me.expect_set([base.deleted(do_id) for do_id in gone])
    config = ["--config", base.park.daemon.config]
    in_order(night, "backup", *config, night.folder / "copy")
    later = crates(base, 50, first=10_000)
    all_there(base, {**made, **later}, without=gone)
    refused(night, "restore", night.folder / "copy", night.data)
    in_order(night, "restore", night.folder / "copy", night.folder / "again")
    in_order(night, "verify", *config, night.folder / "again")
    base.park.stop()
    second = night.base(directory="again")
    all_there(second, made, without=gone)
    must(second.create("Keeper") > max(made), "an id was given again")


def a_backup_goes_nowhere_else(night):
    """Not into a directory that has something in it, nor from a directory that is no store."""
    base = night.base()
    made = crates(base, 5)
    config = ["--config", base.park.daemon.config]
    full = night.folder / "full"
    full.mkdir()
    (full / "note").write_text("mine")
    refused(night, "backup", *config, full)
    must(contents(full) == {"note": b"mine"}, "something was touched")
    refused(night, "restore", full, night.folder / "new")
    refused(night, "verify", *config, full)
    all_there(base, made)


def what_is_served_is_not_changed_by_tools(night):
    base = night.base()
    made = crates(base, 20)
    config = ["--config", base.park.daemon.config]
    dump = night.folder / "dump"
    dump.write_text(json.dumps({"id": LOW + 500, "class": "Keeper", "fields": {}}) + "\n")
    for arguments in (["repair"], ["compact"], ["import", dump]):
        refused(night, arguments[0], *config, *arguments[1:])
    all_there(base, {**made, **crates(base, 20, first=100)})


def a_dump_is_read_again(night):
    """Each object a line of JSON; another store reads them, under the same ids."""
    base = night.base()
    made = crates(base, 60)
    keeper = base.create("Keeper", setMemo=text("a \"b\" \\ c\n"), setSeal=text(bytes(range(64))))
    base.park.stop()
    config = ["--config", base.park.daemon.config]
    said = in_order(night, "dump", *config)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    must({line["id"] for line in lines} == {*made, keeper}, f"{len(lines)} objects in the dump")
    dump = night.folder / "dump.json"
    dump.write_text("".join(json.dumps(line) + "\n" for line in lines))
    second = night.base(directory="second")
    second.park.stop()
    in_order(night, "import", "--config", second.park.daemon.config, dump)
    second.start_again()
    all_there(second, made)
    second.expect_stored(keeper, "Keeper", **second.defaults("Keeper", setMemo=text("a \"b\" \\ c\n"),
                                                             setSeal=text(bytes(range(64)))))
    must(second.create("Keeper") > keeper, "an id was given again")


def space_is_given_back(night):
    base = night.base()
    made = crates(base, 1_200)
    gone = list(made)[100:]
    for do_id in gone:
        base.delete(do_id)
    base.settle()
    base.park.stop()
    before = sum(file.stat().st_size for file in night.segments())
    in_order(night, "compact", "--config", base.park.daemon.config)
    after = sum(file.stat().st_size for file in night.segments())
    must(after <= 3_500 * 100 * 2, f"{before} bytes became {after}")
    base.start_again()
    all_there(base, made, without=gone)
    must(base.create("Keeper") > max(made), "an id was given again")


def space_comes_back_by_itself(night):
    """A running daemon keeps few segments, however often the same objects change; none is lost by it."""
    base = night.base()
    made = crates(base, 200)
    for number in range(25):
        tag = text(f"round {number}")
        for do_id in made:
            base.update(do_id, setTag=tag, setLeft=made[do_id][1]["setLeft"])
        base.settle(rounds=1)
    made = {do_id: (mark, {**values, "setTag": tag}) for do_id, (mark, values) in made.items()}
    wait_for("space", SPACE_SECONDS, lambda: len(night.segments()) <= SEGMENTS_MAX)
    all_there(base, made)
    base.restart(kill=True)
    all_there(base, made)


CHECKS = [space_comes_back_by_itself, a_backup_of_what_is_served, a_backup_goes_nowhere_else,
          what_is_served_is_not_changed_by_tools, a_dump_is_read_again, space_is_given_back]

if __name__ == "__main__":
    sys.exit(run(CHECKS, __doc__))
