#!/usr/bin/env python3
"""Damages the store's files behind the daemon's back, and looks at what it says and still knows.

    python3 damage.py --binary target/debug/ferriswheel [--dialect both] [--shards 2]

A flipped bit costs the object that it is in, and no other. Where the log ends in the middle of
something, the end is cut off; where it goes on behind something unreadable, the daemon does not
start until it is told to set that aside.
"""

import random
import re
import signal
import sys

from night import all_there, crates, must, run, wait_for
from world import text

REFUSED = 10


def place_of(night, mark):
    """(file, offset) of the middle of the last place where a mark stands."""
    found = []
    for file in night.segments():
        content = file.read_bytes()
        at = content.rfind(mark)
        if at >= 0:
            found.append((file, at + len(mark) // 2))
    must(found, f"{mark} stands in no segment of {[f.name for f in night.segments()]}")
    return found[-1]


def flip(file, at, bit=1):
    with open(file, "r+b") as open_:
        open_.seek(at)
        (byte,) = open_.read(1)
        open_.seek(at)
        open_.write(bytes([byte ^ bit]))


def refuses_to_start(park, *words):
    """It ends by itself, with a code and a sentence."""
    park.daemon.start()
    code = park.daemon.ends()
    said = "".join(park.daemon.banner) + park.daemon.log_text()
    must(code in (1, 2), f"it ended with {code}: {said}")
    for word in words:
        must(re.search(word, said), f"'{word}' is not in: {said}")
    must("panicked" not in said, said)


def filled(night, count):
    """A store with that many crates, and they."""
    base = night.base()
    return base, crates(base, count)


def a_flipped_bit_costs_one_object(night):
    """In a sealed segment: it is found when it is read, and by the tool."""
    base, made = filled(night, 900)  # some 2.7 MB: sealed segments of 1 MiB
    base.park.stop()
    must(len(night.segments()) > 1, f"only {night.segments()}")
    code, said = night.tool("verify", night.data)
    must(code == 0, f"verify of a good store: {code} {said}")
    victim = list(made)[100]
    file, at = place_of(night, made[victim][0])
    flip(file, at)
    code, said = night.tool("verify", night.data)
    must(code == 1 and (str(victim) in said or file.name in said), f"verify: {code} {said}")
    base.start_again()
    all_there(base, made, without=[victim])
    base.update(victim, setTag=text("new"))
    base.delete(victim)
    must(base.exchange(victim, "setTag", text("x"), text("y")).get("ret_code", 2) == 2, "it is as unknown")
    base.settle()
    more = crates(base, 100, first=5_000)
    all_there(base, {**made, **more}, without=[victim])
    base.park.stop()
    repaired(night, base, made, more, victim)


def repaired(night, base, made, more, victim):
    """Set aside: what was readable is there, the rest is kept for who wants to look at it."""
    code, said = night.tool("repair", night.data)
    must(code == 0, f"repair: {code} {said}")
    must(any((night.data / "damaged").iterdir()), "nothing was set aside")
    code, said = night.tool("verify", night.data)
    must(code == 0, f"verify of what was repaired: {code} {said}")
    base.start_again()
    all_there(base, {**made, **more}, without=[victim])
    must(base.create("Keeper") > max(more), "an id was given again")
    base.park.stop()


def a_flipped_bit_in_the_log_stops_the_start(night):
    """The segment that was written last has no footer: what is unreadable in it is not the end.

    It would be the end in the last commit, which nobody can tell from one that was never whole.
    """
    base, made = filled(night, 30)
    for first in (30, 40, 50):
        made.update(crates(base, 10, first=first))
    base.park.daemon.kill()
    victim = list(made)[20]
    file, at = place_of(night, made[victim][0])
    flip(file, at)
    refuses_to_start(base.park, "repair", f"segment {int(file.stem)}")
    refuses_to_start(base.park, "repair")
    code, said = night.tool("verify", night.data)
    must(code == 1, f"verify: {code} {said}")
    code, said = night.tool("repair", night.data)
    must(code == 0, f"repair: {code} {said}")
    base.start_again()
    all_there(base, made, without=[victim])
    must(base.create("Keeper") > max(made), "an id was given again")


def torn_tail(night, tear):
    """Tears the record of the last object, a commit of its own; what was before it must stand."""
    base, made = filled(night, 30)
    made.update(crates(base, 1, first=30))
    base.park.daemon.kill()
    *_, last = made
    file, at = place_of(night, made[last][0])
    tear(file, at)
    base.start_again()
    all_there(base, made, without=[last])
    again = base.create("Crate", setTag=text("again"))
    must(again not in made or again == last, f"{again} was given twice")
    base.settle()
    for kill in (True, False):
        base.restart(kill)
        all_there(base, {do_id: made[do_id] for do_id in made if do_id != last})
        base.expect_stored(again, "Crate", setTag=text("again"))


def a_torn_commit_of_several_objects(night):
    """Those of the last commits may go; each is whole, and gone for good."""
    base, made = filled(night, 30)
    late = crates(base, 40, first=30)
    base.park.daemon.kill()
    file, at = place_of(night, late[max(late)][0])
    cut(file, at)
    base.start_again()
    all_there(base, made)
    left = {do_id: late[do_id] for do_id in late if base.stored(do_id) is not None}
    must(max(late) not in left, "what was torn is there")
    all_there(base, left)
    base.restart(kill=True)
    all_there(base, {**made, **left}, without=[do_id for do_id in late if do_id not in left])


def the_end_of_the_log_is_missing(night):
    torn_tail(night, lambda file, at: cut(file, at))


def cut(file, at):
    with open(file, "r+b") as open_:
        open_.truncate(at)


def the_end_of_the_log_is_noise(night):
    def tear(file, at):
        rest = file.stat().st_size - at
        with open(file, "r+b") as open_:
            open_.seek(at)
            open_.write(random.Random(7).randbytes(rest))

    torn_tail(night, tear)


def the_end_of_the_log_is_zeros(night):
    def tear(file, at):
        rest = file.stat().st_size - at
        with open(file, "r+b") as open_:
            open_.seek(at)
            open_.write(bytes(rest))

    torn_tail(night, tear)


def the_last_record_has_a_flipped_bit(night):
    torn_tail(night, flip)


def a_head_is_damaged(night):
    base, made = filled(night, 900)
    base.park.stop()
    flip(night.segments()[0], 9)
    refuses_to_start(base.park, f"segment {int(night.segments()[0].stem)}")
    code, said = night.tool("verify", night.data)
    must(code == 1, f"verify: {code} {said}")


def a_footer_is_damaged(night):
    """It only says again what the records say: nothing is lost."""
    base, made = filled(night, 900)
    base.park.stop()
    file = night.segments()[0]
    flip(file, file.stat().st_size - 30)
    base.start_again()
    all_there(base, made)


def bits_here_and_there(night):
    """Wherever they are: it serves or says why not, never panics, never shows a wrong value."""
    base, made = filled(night, 400)
    base.park.stop()
    dice = random.Random(night.shards)
    for _ in range(6):
        kept = {file: file.read_bytes() for file in night.segments()}
        file = dice.choice(list(kept))
        size = file.stat().st_size
        flip(file, dice.randrange(size), 1 << dice.randrange(8))
        served_or_refused(base, made, file)
        for old in night.segments():
            old.unlink()
        for old, content in kept.items():
            old.write_bytes(content)


def served_or_refused(base, made, file):
    daemon = base.park.daemon
    daemon.start()
    wait_for("an end or a start", 20, lambda: daemon.serves.is_set() or daemon.process.poll() is not None)
    if daemon.process.poll() is None and any("message director" in line for line in daemon.banner):
        base.me = base.connect()
        wrong = 0
        for do_id, (_, values) in made.items():
            found = base.stored(do_id)
            wrong += found is None
            must(found is None or found[1] == {**found[1], **values}, f"{do_id} shows {found}")
        must(wrong <= 1, f"one bit in {file.name} cost {wrong} objects")
        base.me.close()
        base.park.daemon.process.send_signal(signal.SIGTERM)
    daemon.process.wait(REFUSED)
    must("panicked" not in daemon.log_text(), daemon.log_tail())


CHECKS = [a_flipped_bit_costs_one_object, a_flipped_bit_in_the_log_stops_the_start,
          a_torn_commit_of_several_objects, the_end_of_the_log_is_missing,
          the_end_of_the_log_is_noise, the_end_of_the_log_is_zeros, the_last_record_has_a_flipped_bit,
          a_head_is_damaged, a_footer_is_damaged, bits_here_and_there]

if __name__ == "__main__":
    sys.exit(run(CHECKS, __doc__))
