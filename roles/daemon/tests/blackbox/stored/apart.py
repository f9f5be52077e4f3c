"""Database and DBSS in daemons of their own, joined by a Message Director above them."""

import itertools
import time

import stage
from base import CONTROL, HIGH, LOW, configuration, database_role
from daemon import Daemon
from dialect import DIALECTS
from otp import Connection, Mismatch
from world import Thing
from yard import SPLIT, YardPark, dbss_role, state_server_role

JOIN_SECONDS = 15  # a lost upstream is dialled again after at most 8 s


class FarPark(stage.Park):
    """Numbers and bystanders of a daemon below the one that is spoken to."""

    def await_bystanders(self, stage_):
        """Objects are heard of above some time after they are created; what comes earlier is lost."""
        for bystander in self.bystanders:
            until_answered(stage_.me, bystander.do_id, "Locate")


class ApartPark(YardPark):
    """A root, a daemon with the database, and two with a DBSS each; tests connect to the root."""

    def __init__(self, kit, dialect, shards):
        self.kit, self.d, self.shards = kit, DIALECTS[dialect], shards
        self.channels, self.contexts = itertools.count(1_600_000_001), itertools.count(8_000_001)
        self.bystanders, self.writes = [], itertools.count(1)
        self.daemon = Daemon(kit.binary, configuration(dialect, shards, ""), kit.dc_files)
        low, high = [(LOW, SPLIT - 1), (HIGH - 10, HIGH)], [(SPLIT, HIGH - 11)]
        self.database = self.leaf("database.yml", database_role(high=HIGH - 1_000))
        self.holders = [self.leaf("low.yml", state_server_role() + dbss_role(low)),
                        self.leaf("high.yml", dbss_role(high))]
        self.join()
        self.stage_park = self.new_numbers()

    def new_numbers(self):
        return FarPark(self.daemon.port(), self.d, self.shards)

    def leaf(self, name, roles):
        config = configuration(self.d.name, self.shards, roles, self.daemon.port())
        return Daemon(self.kit.binary, config, [], self.daemon.folder, name)

    @property
    def leaves(self):
        return [self.database, *self.holders]

    def join(self):
        """Waits until all are reached through the root."""
        for leaf in self.leaves:
            leaf.port()
        probe = Connection(self.daemon.port(), self.d, next(self.channels))
        made = until_answered(probe, CONTROL, "DbCreate", dclass=10, count=1, fields=b"\x39\x00\x05\x00")
        until_answered(probe, CONTROL, "DbSelectAll", do_id=made["do_id"])
        for do_id in (LOW, HIGH - 20):  # one of each DBSS; both may be nobody
            until_answered(probe, do_id, *question(self.d, do_id))
        thing = Thing(7_777_777, "Station", 0, 0, {})
        probe.send(stage.CONTROL, "GenerateWithRequired", parent=0, zone=0, dclass=thing.dclass.number,
                   do_id=thing.do_id, fields=thing.required())
        until_answered(probe, thing.do_id, "Locate")
        probe.send(thing.do_id, "DeleteRam", do_id=thing.do_id)
        probe.close()

    def restart(self, kill):
        """All but the root end and come again."""
        for leaf in self.leaves:
            end(leaf, kill)
        for leaf in self.leaves:
            leaf.start()
        self.join()
        self.renew()

    def remove(self):
        for leaf in self.leaves:
            leaf.remove()
        super().remove()


def question(dialect, do_id):
    """What an object that may be nobody answers."""
    if dialect.astron:
        return "QueryActivated", do_id
    return "QueryField", do_id


def until_answered(probe, to, name, do_id=0, **args):
    """Asks until an answer comes: what is said before a link stands is lost."""
    deadline, context = time.monotonic() + JOIN_SECONDS, 0
    while time.monotonic() < deadline:
        context += 1
        probe.send(to, name, context=context, do_id=do_id, field=2, **args)
        heard = probe.hear(0.3)
        while heard and heard.args.get("context") != context:
            heard = probe.hear(0.3)
        if heard:
            return heard.args
    raise Mismatch(f"{name} to {to} is not answered within {JOIN_SECONDS} s")


def end(daemon, kill):
    if kill:
        daemon.kill()
    else:
        wrong = daemon.stop()
        if wrong:
            raise Mismatch("\n".join(wrong) + "\n" + daemon.log_tail())
