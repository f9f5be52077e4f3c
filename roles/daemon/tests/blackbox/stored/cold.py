#!/usr/bin/env python3
"""Objects that are not in memory when they are asked for: what waits for the disk keeps its order.

    python3 cold.py --binary target/debug/ferriswheel [--dialect both] [--shards 2]

The daemon is stopped and the kernel is asked to forget the store's files. Where it does not, the
same is checked with files that it has in memory.
"""

import os
import random
import sys

from night import Mismatch, all_there, crates, must, run
from base import CONTROL, DIE, compared
from depot import CLASSES
from world import NUMBERS, text, u16

CRATE = CLASSES["Crate"].number


def forget(night):
    """Asks the kernel to drop the pages of all segments."""
    for file in night.segments():
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def cold(night, count=1_500):
    """A daemon that has just started, and the objects that it finds on its disk."""
    base = night.base()
    made = crates(base, count)
    base.park.stop()
    forget(night)
    base.start_again()
    return base, made


def everything_is_read(night):
    """By many who ask at once, in any order."""
    base, made = cold(night)
    askers = [base.connect() for _ in range(8)]
    order = list(made) * 2
    random.Random(night.shards).shuffle(order)
    for number, do_id in enumerate(order):
        base.send("DbSelectAll", askers[number % 8], context=do_id, do_id=do_id)
    for number in range(len(order)):
        heard = askers[number % 8].hear()
        must(heard is not None, f"{number} answers came, not {len(order)}")
        values = made[heard.args["context"]][1]
        must(all(value in heard.message for value in values.values()), f"{heard}")


def requests_of_one_object_keep_their_order(night):
    """Read, update, read, exchange, read, delete, read, in one breath; for many objects at once."""
    base, made = cold(night)
    picked = list(made)[:: len(made) // 200]
    base.hear_of(*picked)
    for do_id in picked:
        requests(base, do_id, made[do_id][1])
    came = {do_id: [] for do_id in picked}
    for _ in range(8 * len(picked)):
        heard = base.me.hear()
        must(heard is not None, f"some answers did not come: {[len(c) for c in came.values()]}")
        do_id = heard.args.get("context") or heard.args["do_id"]
        came[do_id].append(heard)
    for do_id in picked:
        in_their_order(base, do_id, made[do_id][1], came[do_id])
    base.expect_none(*picked)


def requests(base, do_id, values):
    read = base.d.encode("DbSelectAll", context=do_id, do_id=do_id)
    tag = lambda number: u16(NUMBERS["setTag"]) + text(f"tag {number}")
    update = base.d.encode("DbUpdate", context=0, do_id=do_id, count=1, fields=tag(1))
    exchange = base.d.encode("DbIfEquals", context=do_id, do_id=do_id, count=1, fields=tag(1) + text("tag 2"))
    delete = base.d.encode("DbDelete", verify_code=DIE, do_id=do_id)
    for message in (read, update, read, exchange, read, delete, read):
        base.me.send_raw(CONTROL, message)


def in_their_order(base, do_id, values, came):
    """What each answer shows. What is announced stands between the answers, in the same order."""
    answers = [heard for heard in came if heard.name.endswith("Resp")]
    said = [heard for heard in came if not heard.name.endswith("Resp")]
    shown = [values["setTag"], text("tag 1"), None, text("tag 2")]
    must(len(answers) == 5 and len(said) == 3, f"{do_id}: {[h.name for h in came]}")
    for heard, tag in zip(answers[:4], shown):
        must(tag is None or tag in heard.message, f"{tag} is not in {heard}")
    done = answers[2].args
    must(done.get("ret_code", 0) == 0 and done.get("success", 1) == 1, f"{answers[2]}")
    last = answers[4].args
    must(last.get("dclass", 0xFFFF) == 0xFFFF and not last.get("success", 0), f"{answers[4]}")
    expected = [base.updated(do_id, [("setTag", text("tag 1"))]), base.updated(do_id, [("setTag", text("tag 2"))]),
                base.deleted(do_id)]
    must(all(dg.matches(heard) for dg, heard in zip(expected, said)), f"{[str(h) for h in said]}")


def a_class_is_looked_through(night):
    """Queries of what no index knows: one that finds, one that changes (`openotp`)."""
    base, made = cold(night)
    if base.astron:
        return all_there(base, dict(list(made.items())[::50]))
    victim = list(made)[777]
    tag = made[victim][1]["setTag"]
    must(base.query("Crate", (0, "setTag", tag)) == [victim], "not found")
    must(base.query("Crate") == list(made), "not all")
    base.park.stop()
    forget(night)
    base.start_again()
    base.hear_of(victim)
    fields = u16(1) + u16(NUMBERS["setTag"]) + text("found")
    base.send("DbUpdateQuery", dclass=CRATE, comparisons=compared([(0, "setTag", tag)]) + fields)
    base.expect(base.updated(victim, [("setTag", text("found"))]))
    made[victim] = (b"", {**made[victim][1], "setTag": text("found")})
    all_there(base, dict(list(made.items())[700:800]))


def little_may_wait(night):
    """More requests than may wait for the disk: each is answered, by what there is or by a failure."""
    base = night.base(more=", limits: {waiting_bytes_max: 65536}")
    made = {}
    for first in range(0, 1_500, 10):
        made.update(crates(base, 10, first=first))
    base.park.stop()
    forget(night)
    base.start_again()
    asked = list(made) * 4
    for do_id in asked:
        base.send("DbSelectAll", context=do_id, do_id=do_id)
    found = 0
    for _ in asked:
        heard = base.me.hear()
        if heard is None:
            raise Mismatch("a question was not answered")
        failed = heard.args.get("dclass") == 0xFFFF or heard.args.get("success") == 0
        values = made[heard.args["context"]][1]
        must(failed or all(value in heard.message for value in values.values()), f"{heard}")
        found += not failed
    must(found, "nothing was read")
    print(f"     {found} of {len(asked)} were read", flush=True)
    all_there(base, dict(list(made.items())[::100]))


CHECKS = [everything_is_read, requests_of_one_object_keep_their_order, a_class_is_looked_through, little_may_wait]

if __name__ == "__main__":
    sys.exit(run(CHECKS, __doc__))
