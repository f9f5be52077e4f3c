#!/usr/bin/env python3
"""Kills the daemon under load, again and again, and looks for what it had promised.

    python3 kill_loop.py --binary target/release/ferriswheel --kills 200 [--seed N] [--clients 6]

Clients create, exchange, update, read and delete objects, several requests in flight each. Whatever
was answered or announced must be there after the kill; of what was not, a beginning of it, each
request whole: a state of an object that follows its last promised one in the order of its requests.
Ids are never given twice. A kill may hit the start of the daemon, too. The seed is printed.
"""

import random
import select
import sys
import threading
import time

from night import Mismatch, must, run  # sets where modules are found
from base import CONTROL, DIE  # noqa: E402
from daemon import STOP_SECONDS, NotServing
from otp import frame
from world import NUMBERS, text, u16, u32

WINDOW = 12  # requests of one client that wait for an answer
FIELDS = ("setTwin", "setMemo", "setSeal")
LOAD_SECONDS = (0.02, 0.35)
START_KILLS = 0.15  # of all kills hit a daemon that has not served yet
GENTLE = 0.2  # of all ends are SIGTERM: the same is promised, and the exit code is 0
AHEAD = 200  # how far beyond the last known id one looks for objects that nobody was told of


class Account:
    """An object as its client knows it: the last promised state, and those that may follow."""

    def __init__(self, do_id, state):
        self.do_id, self.promised, self.pending = do_id, state, []

    @property
    def newest(self):
        return self.pending[-1] if self.pending else self.promised

    def keep(self, count):
        """The first `count` of what was pending are promised."""
        if count:
            self.promised = self.pending[count - 1]
            del self.pending[:count]


def state(number):
    """The values of a step: they belong together, so half a step shows."""
    return {"setTwin": u32(number), "setMemo": text(f"step {number} " + "m" * (number % 120)),
            "setSeal": text(bytes([number % 256]) * (number % 60))}


class Client:
    """One connection with objects of its own, and what it waits for."""

    def __init__(self, base, dice):
        self.base, self.d, self.dice = base, base.d, dice
        self.conn = base.connect()
        self.accounts, self.waiting, self.contexts, self.steps = {}, {}, 0, 0
        self.unheard = []  # channels of objects that are still to be subscribed

    def adopt(self, accounts):
        """Takes over objects of before a kill."""
        self.accounts = {account.do_id: account for account in accounts}
        self.conn.subscribe(*[self.d.stored_channel(do_id) for do_id in self.accounts])

    def act(self):
        """Sends requests until the window is full."""
        self.conn.subscribe(*self.unheard)
        self.unheard, out = [], b""
        while len(self.waiting) < WINDOW:
            kind, requests = self.dice.random(), [self.exchange, self.update_and_read, self.delete]
            alive = [a for a in self.accounts.values() if a.newest is not None]
            if len(alive) < 6 or kind < 0.15 and len(alive) < 60:
                message = self.create()
            else:
                (request,) = self.dice.choices(requests, (9, 8, 1))
                message = request(self.dice.choice(alive))
            out += b"".join(frame(self.conn.datagram(CONTROL, m)) for m in message)
        self.conn.write(out)

    def context(self, then):
        self.contexts += 1
        self.waiting[self.contexts] = then
        return self.contexts

    def next_state(self):
        self.steps += 1
        return state(self.steps)

    def create(self):
        new = self.next_state()
        context = self.context(("created", new))
        return [self.d.encode("DbCreate", context=context, dclass=7, count=len(new), fields=joined(new))]

    def exchange(self, account):
        old, new = account.newest, self.next_state()
        triples = b"".join(u16(NUMBERS[n]) + old[n] + new[n] for n in FIELDS)
        account.pending.append(new)
        context = self.context(("exchanged", account, new))
        return [self.d.encode("DbIfEquals", context=context, do_id=account.do_id, count=len(FIELDS),
                              fields=triples)]

    def update_and_read(self, account):
        new = self.next_state()
        account.pending.append(new)
        context = self.context(("read", account, new))
        update = self.d.encode("DbUpdate", context=0, do_id=account.do_id, count=len(FIELDS),
                               fields=joined(new))
        return [update, self.d.encode("DbSelectAll", context=context, do_id=account.do_id)]

    def delete(self, account):
        account.pending.append(None)
        self.waiting[("deleted", account.do_id)] = account
        return [self.d.encode("DbDelete", verify_code=DIE, do_id=account.do_id)]

    def hear(self):
        """What has come: promises."""
        if select.select([self.conn.socket], [], [], 0)[0]:
            self.conn._read()
        self.take()

    def take(self):
        while self.conn.came:
            heard = self.conn.came.popleft()
            if "context" in heard.args and heard.name.endswith("Resp"):
                self.answered(heard, *self.waiting.pop(heard.args["context"]))
            elif heard.name in ("DbDelete", "DeleteRam"):
                account = self.waiting.pop(("deleted", heard.args["do_id"]))
                account.keep(account.pending.index(None) + 1)

    def answered(self, heard, kind, *of):
        if kind == "created":
            do_id = heard.args["do_id"]
            must(do_id and do_id not in self.base.park.known, f"{do_id} was given twice, or not at all")
            self.base.park.known.add(do_id)
            self.accounts[do_id] = Account(do_id, of[0])
            self.unheard.append(self.d.stored_channel(do_id))
            return
        account, new = of
        if kind == "exchanged":
            done = heard.args["success"] == 1 if self.d.astron else heard.args["ret_code"] == 0
            must(done, f"an exchange of {account.do_id} with what it is must succeed: {heard}")
        else:
            must(all(value in heard.message for value in new.values()), f"{new} is not in {heard}")
        if new in account.pending:
            account.keep(account.pending.index(new) + 1)


def joined(values):
    return b"".join(u16(NUMBERS[name]) + value for name, value in values.items())


def one_night(base, clients, seconds, gently):
    """Load until the daemon is killed, or told to end."""
    process = base.park.daemon.process
    killer = threading.Timer(seconds, process.terminate if gently else process.kill)
    killer.start()
    try:
        while True:
            for client in clients:
                client.act()
            for client in clients:
                client.hear()
    except (OSError, Mismatch) as end:
        if not isinstance(end, OSError) and "closed the connection" not in str(end):
            raise
    finally:
        killer.join()
    code = process.wait(STOP_SECONDS)
    must(code == (0 if gently else -9), f"it ended with {code}")
    for client in clients:
        drain(client)


def drain(client):
    """What had come before the end."""
    try:
        while True:
            client.take()
            client.conn._read()
            if not select.select([client.conn.socket], [], [], 0)[0]:
                break
    except (OSError, Mismatch):
        pass
    client.take()


def check_accounts(base, clients):
    """Every object is in a state that it may be in. Says how many there are."""
    accounts = [account for client in clients for account in client.accounts.values()]
    for account in accounts:
        found = base.stored(account.do_id)
        now = found and {name: found[1].get(name) for name in FIELDS}
        allowed = [account.promised] + account.pending
        if now not in allowed:
            raise Mismatch(f"{account.do_id} is {now}\n    promised {account.promised}\n"
                           f"    {len(account.pending)} more were possible")
        account.promised, account.pending = now, []
    return accounts


def check_strangers(base, first):
    """Objects that nobody was told of are whole. Their ids count as given."""
    known, found_any = base.park.known, 0
    highest = max(known, default=first)
    for do_id in range(first, highest + AHEAD):
        if do_id in known:
            continue
        found = base.stored(do_id)
        if found is not None:
            number = int.from_bytes(found[1]["setTwin"], "little")
            now = {name: found[1].get(name) for name in FIELDS}
            must(now == state(number), f"{do_id} was created by halves: {now}")
            known.add(do_id)
            found_any += 1
    return found_any


def start(base, dice):
    """Starts the daemon; sometimes kills it on its way and starts it once more."""
    daemon = base.park.daemon
    daemon.start()
    while dice.random() < START_KILLS:
        time.sleep(dice.uniform(0, 0.15))
        daemon.kill()
        daemon.start()
    try:
        base.me = base.connect()
    except NotServing as trouble:
        raise Mismatch(f"it does not come back: {trouble}") from None


def what_was_promised_is_kept(night):
    seed = night.options.seed if night.options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"     --seed {seed}", flush=True)
    dice, base = random.Random(seed), night.base()
    base.park.known, accounts, scanned, strangers = set(), [], 100_000_000, 0
    for kill in range(night.options.kills):
        clients = [Client(base, random.Random(dice.random())) for _ in range(night.options.clients)]
        for number, client in enumerate(clients):
            client.steps = 1_000_000 * (number + 1) + 10_000 * kill
            client.adopt(accounts[number :: len(clients)])
        one_night(base, clients, dice.uniform(*LOAD_SECONDS), dice.random() < GENTLE)
        for connection in base.connections:
            connection.close()
        base.connections.clear()
        start(base, dice)
        try:
            accounts = [a for a in check_accounts(base, clients) if a.promised is not None]
            strangers += check_strangers(base, scanned)
        except Mismatch as mismatch:
            raise Mismatch(f"after kill {kill + 1}: {mismatch}") from None
        scanned = max(base.park.known, default=scanned)
    print(f"     {night.options.kills} kills, {len(base.park.known)} objects, {strangers} of them nobody was"
          f" told of, {len(accounts)} left", flush=True)
    base.park.stop()


def more(parser):
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--clients", type=int, default=6)


if __name__ == "__main__":
    sys.exit(run([what_was_promised_is_kept], __doc__, more))
