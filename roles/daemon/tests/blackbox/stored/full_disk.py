#!/usr/bin/env python3
"""Fills the disk: a small tmpfs under the store's directory. Needs root, and says so where it is not.

    sudo python3 full_disk.py --binary target/debug/ferriswheel [--dialect both] [--shards 2]

What does not fit is refused, by the rule of each request; reads and deletions go on; when there is
room again, writes do. Nothing that was promised is lost, whenever it is killed.
"""

import os
import subprocess
import sys

from night import Skip, all_there, crates, must, run, wait_for
from daemon import NotServing
from otp import Mismatch
from world import NUMBERS, text, u16

SMALL, LARGE = "12m", "40m"
SIZE = 20_000  # bytes of an object here
ROOM_SECONDS = 20


def small_disk(night):
    """Mounts a tmpfs where the store will be."""
    if os.geteuid() != 0:
        raise Skip("only root may mount a tmpfs")
    night.data.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(night.data)]
    done = subprocess.run(command, capture_output=True)
    if done.returncode != 0:
        raise Skip("mount: " + done.stderr.decode(errors="replace").strip())


def grow(night):
    subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(night.data)], check=True)


def on_a_small_disk(check):
    """Runs a check with a small disk, and takes it away whatever happens."""

    def checked(night):
        small_disk(night)
        try:
            check(night)
        finally:
            for park in night.parks:
                if park.daemon.process.poll() is None:
                    park.daemon.kill()
            subprocess.run(["umount", "-l", str(night.data)], check=True)

    checked.__name__ = check.__name__
    return checked


def fill(base, first=0):
    """Creates objects until one is refused: those that were not."""
    made = {}
    for number in range(first, first + 4_000):
        mark = f"<{number:05}>".encode()
        values = dict(setTag=text(f"crate {number}"), setLeft=text(mark * (SIZE // len(mark))))
        do_id = base.try_create("Crate", **values)
        if do_id == 0:
            return made
        made[do_id] = (mark, values)
    raise Mismatch("the disk does not fill up")


def full(night, **more):
    base = night.base(**more)
    made = fill(base)
    must(len(made) > 50, f"{len(made)} objects filled it")
    return base, made


def refused(base, made):
    """Nothing large is taken any more; what each request answers then."""
    do_id = list(made)[3]
    tag, left = made[do_id][1]["setTag"], made[do_id][1]["setLeft"]
    big = text(b"z" * SIZE)
    must(base.try_create("Crate", setLeft=big, setRight=big) == 0, "a creation was taken")
    triples = u16(NUMBERS["setLeft"]) + left + big
    answer = base.ask("DbIfEquals", do_id=do_id, count=1, fields=triples)
    failed = answer["success"] == 0 if base.astron else answer["ret_code"] == 4
    must(failed and answer["fields"] == b"", f"an exchange answered {answer}")
    base.update(do_id, setLeft=big)
    base.expect_stored(do_id, "Crate", setTag=tag, setLeft=left)


@on_a_small_disk
def writes_are_refused_and_reads_go_on(night):
    base, made = full(night)
    refused(base, made)
    all_there(base, made)
    if not base.astron:
        must(base.query("Crate") == sorted(made), "a query")


@on_a_small_disk
def deletions_work_and_make_room(night):
    """What is deleted is gone for good, and its space comes back by itself."""
    base, made = full(night)
    gone = list(made)[: len(made) * 3 // 4]
    base.hear_of(*gone)
    for do_id in gone:
        base.delete(do_id)
    base.me.expect_set([base.deleted(do_id) for do_id in gone])
    base.expect_none(*gone)
    more = wait_for_room(base, 9_000)
    kept = {do_id: made[do_id] for do_id in made if do_id not in gone}
    all_there(base, {**kept, **more})
    base.restart(kill=True)
    all_there(base, {**kept, **more})
    base.expect_none(*gone)


def wait_for_room(base, number):
    """Creates an object as soon as one is taken."""
    made = {}

    def probe():
        values = dict(setTag=text(f"more {number}"), setLeft=text(b"more" * (SIZE // 4)))
        do_id = base.try_create("Crate", **values)
        if do_id:
            made[do_id] = (b"more", values)
        return do_id

    wait_for("room", ROOM_SECONDS, probe)
    return made


@on_a_small_disk
def writes_go_on_when_the_disk_grows(night):
    base, made = full(night)
    refused(base, made)
    grow(night)
    more = {**wait_for_room(base, 9_000), **crates(base, 200, SIZE, first=10_000)}
    all_there(base, {**made, **more})
    base.restart(kill=True)
    all_there(base, {**made, **more})
    must(base.create("Keeper") > max(more), "an id was given again")
    base.restart()
    all_there(base, {**made, **more})


@on_a_small_disk
def a_kill_on_a_full_disk(night):
    """It serves what it has, or says that there is no room; with room all is there."""
    base, made = full(night)
    gone = list(made)[:5]
    base.hear_of(*gone)
    for do_id in gone:
        base.delete(do_id)
    base.me.expect_set([base.deleted(do_id) for do_id in gone])
    base.park.daemon.kill()
    kept = {do_id: made[do_id] for do_id in made if do_id not in gone}
    try:
        base.start_again()
        all_there(base, kept)
        base.expect_none(*gone)
        base.park.daemon.kill()
    except NotServing as trouble:
        must("space" in str(trouble) or "full" in str(trouble), f"it does not say why: {trouble}")
    grow(night)
    base.start_again()
    all_there(base, kept)
    base.expect_none(*gone)
    more = {**wait_for_room(base, 9_000), **crates(base, 50, SIZE, first=10_000)}
    all_there(base, {**kept, **more})


@on_a_small_disk
def an_orderly_end_on_a_full_disk(night):
    base, made = full(night)
    base.park.stop()
    grow(night)
    base.start_again()
    all_there(base, made)
    all_there(base, wait_for_room(base, 9_000))


CHECKS = [writes_are_refused_and_reads_go_on, deletions_work_and_make_room, writes_go_on_when_the_disk_grows,
          a_kill_on_a_full_disk, an_orderly_end_on_a_full_disk]

if __name__ == "__main__":
    sys.exit(run(CHECKS, __doc__))
