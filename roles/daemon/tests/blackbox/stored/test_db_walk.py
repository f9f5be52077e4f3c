"""Random walks: what the daemon answers and announces, beside what a plain model says.

A seed makes a walk; a failure names it. `FERRIS_WALK_SEEDS=1,2,3` walks those, `FERRIS_WALKS=50` as
many new ones. Announcements are compared by what they say of which field, in order per object;
answers byte for byte. What the pages leave open is not drawn: molecular or repeated fields in an
exchange.
"""

import os
import random
import struct

from base import CONTROL, DIE, KILL, LOW, MODELS, compared, only
from depot import CLASSES, FIELDS, FOREIGN_FIELD, UNKNOWN_FIELD
from model import Reader
from otp import Mismatch
from world import text, u16

OBJECTS, BURSTS, REQUESTS = 24, 12, 30
NEW_SEEDS = random.SystemRandom()


def seeds(count):
    named = os.environ.get("FERRIS_WALK_SEEDS")
    if named:
        return [int(seed) for seed in named.split(",")]
    count = int(os.environ.get("FERRIS_WALKS", count))
    return [NEW_SEEDS.randrange(1 << 32) for _ in range(count)]


class Walk:
    """One walk: a model beside the daemon, and what can be drawn."""

    def __init__(self, t, seed):
        self.t, self.d, self.random = t, t.d, random.Random(seed)
        self.model = MODELS[t.d.name](t.d, CONTROL, LOW)
        self.ids, self.gone = [], []

    # Drawing.

    def a_class(self):
        return self.random.choice(list(CLASSES.values()))

    def an_id(self):
        pick = self.random.random()
        if pick < 0.02 and self.gone:
            return self.random.choice(self.gone)
        return self.random.choice([0, 7, LOW * 3]) if pick < 0.03 else self.random.choice(self.ids)

    def a_field(self, dclass, molecules, odd=0.08):
        """The number of a field of the class, seldom of one that is not stored or not of it."""
        if self.random.random() < odd:
            return self.random.choice([UNKNOWN_FIELD, FOREIGN_FIELD, *FIELDS])
        fields = [f for f in dclass.fields.values() if f.has("db") and (molecules or not f.atoms)]
        return self.random.choice(fields).number

    def a_value(self, number):
        if number not in FIELDS:
            return self.random.randbytes(4)
        atoms = FIELDS[number].members if FIELDS[number].atoms else [FIELDS[number]]
        return b"".join(self.a_part(*part) for atom in atoms for part in atom.shape)

    def a_part(self, kind, low=None, high=None):
        odd = self.random.random() < 0.03
        if kind in ("u8", "u16", "u32", "i16"):
            bits = int(kind[1:])
            low, high = (0, (1 << bits) - 1) if low is None else (low, high)
            few = min(high, low + 3) if self.random.random() < 0.5 else high
            number = high + 1 if odd and high + 1 < 1 << (bits - 1) else self.random.randint(low, few)
            return struct.pack({"u8": "<B", "u16": "<H", "u32": "<I", "i16": "<h"}[kind], number)
        most = 300 if high is None else high
        length = most + 1 if odd else self.random.choice([0, 1, self.random.randint(0, most)])
        if kind == "u16s":
            return text(self.random.randbytes(length // 2 * 2 + odd))
        letters = b"abcdef" if kind == "string" else bytes(range(256))
        return text(bytes(self.random.choices(letters, k=length)))

    def pairs(self, dclass, molecules=True):
        numbers = [self.a_field(dclass, molecules, 0.03) for _ in range(self.random.randint(0, 5))]
        return [(number, self.a_value(number)) for number in dict.fromkeys(numbers)]

    # Asking both.

    def create(self):
        dclass = self.a_class()
        pairs = self.pairs(dclass)
        if dclass.name == "Engine" and self.random.random() < 0.8:
            pairs.append((57, self.a_value(57)))
        fields = b"".join(u16(number) + value for number, value in pairs)
        message = self.d.encode("DbCreate", context=5, dclass=dclass.number, count=len(pairs), fields=fields)
        self.t.me.send_raw(CONTROL, message)
        heard = self.t.me.hear()
        if heard is None or heard.name != "DbCreateResp":
            raise Mismatch(f"{message.hex()} was answered by {heard}")
        do_id = heard.args["do_id"]
        self.model.next_do_id = do_id or self.model.next_do_id
        ((_, _, answer),) = self.model.hear(self.t.me.channel, message)
        if answer != heard.message:
            raise Mismatch(f"creation {message.hex()}\n    expected {answer.hex()}\n    came {heard}")
        if do_id:
            self.ids.append(do_id)
            self.t.hear_of(do_id)

    def request(self):
        """A random request of one object."""
        do_id = self.an_id()
        record = self.model.objects.get(do_id)
        dclass = record.dclass if record else self.a_class()
        message = self.random.choice(self.KINDS[self.d.name])(self, do_id, dclass)
        mangled = self.random.random()
        if mangled < 0.02:
            message = message[: self.random.randint(2, len(message))]
        return message + b"\0" if mangled > 0.99 else message

    def delete(self, do_id, dclass):
        if self.random.random() < 0.7:
            return self.select_all(do_id, dclass)
        return self.d.encode("DbDelete", verify_code=self.random.choice([DIE, DIE, 0x21656944, 1]), do_id=do_id)

    def select(self, do_id, dclass):
        fields = [self.a_field(dclass, True, 0.02) for _ in range(self.random.randint(0, 6))]
        return self.d.encode("DbSelect", context=self.t.context(), do_id=do_id, fields=fields)

    def select_all(self, do_id, dclass):
        return self.d.encode("DbSelectAll", context=self.t.context(), do_id=do_id)

    def update(self, do_id, dclass):
        pairs = self.pairs(dclass)
        fields = b"".join(u16(number) + value for number, value in pairs)
        return self.d.encode("DbUpdate", context=1, do_id=do_id, count=len(pairs), fields=fields)

    def exchange(self, do_id, dclass):
        record, triples = self.model.objects.get(do_id), b""
        pairs = self.pairs(dclass, molecules=False) or [(dclass.required[0].number, b"")]
        for number, value in pairs:
            triples += u16(number) + self.an_old_value(record, number) + value
        return self.d.encode("DbIfEquals", context=self.t.context(), do_id=do_id, count=len(pairs),
                             fields=triples)

    def an_old_value(self, record, number):
        """Mostly the right one."""
        if record and number in record.values and self.random.random() < 0.9:
            return record.values[number]
        return self.a_value(number)

    def select_field(self, do_id, dclass):
        field = self.a_field(dclass, True)
        return self.d.encode("DbSelectField", context=self.t.context(), do_id=do_id, field=field)

    def update_field(self, do_id, dclass):
        field = self.a_field(dclass, False)
        return self.d.encode("DbUpdateField", do_id=do_id, field=field, value=self.a_value(field))

    def field_if_equals(self, do_id, dclass):
        field = self.a_field(dclass, False)
        values = self.an_old_value(self.model.objects.get(do_id), field) + self.a_value(field)
        return self.d.encode("DbFieldIfEquals", context=self.t.context(), do_id=do_id, field=field,
                             values=values)

    def field_if_empty(self, do_id, dclass):
        field = self.a_field(dclass, False)
        return self.d.encode("DbFieldIfEmpty", context=self.t.context(), do_id=do_id, field=field,
                             value=self.a_value(field))

    def delete_field(self, do_id, dclass):
        return self.d.encode("DbDeleteField", do_id=do_id, field=self.a_field(dclass, False))

    def delete_fields(self, do_id, dclass):
        fields = [self.a_field(dclass, False, 0.03) for _ in range(self.random.randint(0, 4))]
        return self.d.encode("DbDeleteFields", do_id=do_id, fields=fields)

    KINDS = {"openotp": [delete, select, select_all, update, update, exchange, exchange],
             "astron": [delete, select, select_all, update, update, exchange, select_field, update_field,
                        field_if_equals, field_if_empty, delete_field, delete_fields]}

    # Comparing.

    def burst(self, messages):
        """Requests in one breath; per object all must come in the model's order."""
        expected = []
        for message in messages:
            self.t.me.send_raw(CONTROL, message)
            expected += [(message, said) for said in self.model.hear(self.t.me.channel, message)]
        self.t.settle()
        heard_all = list(self.t.me.came)
        self.t.me.came.clear()
        while len(heard_all) < len(expected):
            heard_all.append(self.t.me.hear())
            if heard_all[-1] is None:
                heard_all.pop()
                break
        came = {}
        for heard in heard_all:
            came.setdefault(self.about(heard.to[0], heard.message), []).append(heard)
        for message, (to, sender, said) in expected:
            queue = came.get(self.about(to, said))
            heard = queue.pop(0) if queue else None
            meaning = heard and (heard.to, heard.sender, self.meaning(heard.message))
            if meaning != ((to,), sender, self.meaning(said)):
                raise Mismatch(f"{self.t.d.decode(message)}\n    expected {self.t.d.decode(said)} {said.hex()}\n"
                               f"    came     {heard}")
        rest = [str(heard) for left in came.values() for heard in left]
        if rest:
            raise Mismatch("not expected:\n    " + "\n    ".join(rest[:5]))
        self.gone += [do_id for do_id in self.ids if do_id not in self.model.objects]
        self.ids = [do_id for do_id in self.ids if do_id in self.model.objects]

    def about(self, to, message):
        """What keeps an order: the channel of an object, or a context."""
        return (to, message[2:6]) if to == self.t.me.channel else to

    def meaning(self, message):
        """The message; of an announced update what it says of each atom, of a deletion which fields."""
        number, reader = struct.unpack_from("<H", message)[0], Reader(message[2:])
        if number == 3031:
            return reader.u32(), sorted(reader.u16() for _ in range(reader.u16()))
        if number not in (2004, 2005, 3020, 3021):
            return message
        do_id, values = reader.u32(), {}
        for _ in range(1 if number in (2004, 3020) else reader.u16()):
            field = FIELDS[reader.u16()]
            value, at = reader.value(field), 0
            for atom in field.members if field.atoms else [field]:
                end = atom.measure(value, at)
                values[atom.number], at = value[at:end], end
        reader.end()
        return do_id, sorted(values.items())

    def read_everything(self):
        messages = [self.select_all(do_id, None) for do_id in self.ids + self.gone[-20:]]
        self.burst(messages)


def walk(t, seed, restarts):
    walk_ = Walk(t, seed)
    try:
        for _ in range(OBJECTS):
            walk_.create()
        for number in range(BURSTS):
            walk_.burst([walk_.request() for _ in range(REQUESTS)])
            while len(walk_.ids) < OBJECTS // 2:
                walk_.create()
            if restarts and number % 4 == 3:
                t.restart(kill=number % 8 == 3)
                t.hear_of(*walk_.ids)
                walk_.read_everything()
        walk_.read_everything()
    except Mismatch as mismatch:
        raise Mismatch(f"FERRIS_WALK_SEEDS={seed}: {mismatch}") from None


def test_walks(t):
    for seed in seeds(2):
        walk(t, seed, restarts=False)


def test_walks_with_ends_in_the_middle(t):
    for seed in seeds(1):
        walk(t, seed, restarts=True)


@only("openotp")
def test_walks_with_queries(t):
    """Class queries between bursts, on a database of one's own; by index and by scan. Keepers, of
    which the bystanders are, are not asked for."""
    for seed in seeds(1):
        walk_ = Walk(t.own(None), seed)
        try:
            query_walk(walk_)
        except Mismatch as mismatch:
            raise Mismatch(f"FERRIS_WALK_SEEDS={seed}: {mismatch}") from None


def query_walk(walk_):
    for _ in range(OBJECTS):
        walk_.create()
    for _ in range(BURSTS):
        walk_.burst([walk_.request() for _ in range(REQUESTS // 2)])
        for _ in range(6):
            query(walk_)
        while len(walk_.ids) < OBJECTS // 2:
            walk_.create()
    walk_.read_everything()


def query(walk_):
    """One class query, alone: what it finds, changes or deletes."""
    dclass = CLASSES[walk_.random.choice(["Engine", "Crate", "HeadKeeper", "Roller"])]
    comparisons = []
    for _ in range(walk_.random.randint(0, 3)):
        number = walk_.a_field(dclass, False, 0.02)
        value = walk_.a_value(number)
        known = [o.values[number] for o in walk_.model.objects.values() if number in o.values]
        if known and walk_.random.random() < 0.8:
            value = walk_.random.choice(known)
        operation = walk_.random.choice([0, 1] * 9 + [2])
        comparisons.append((operation, number, value))
    kind, d = walk_.random.random(), walk_.d
    if kind < 0.6 or len(comparisons) == 0:
        message = d.encode("DbSelectQuery", context=walk_.t.context(), dclass=dclass.number,
                           comparisons=compared(comparisons))
    elif kind < 0.9:
        pairs = walk_.pairs(dclass)
        fields = u16(len(pairs)) + b"".join(u16(number) + value for number, value in pairs)
        message = d.encode("DbUpdateQuery", dclass=dclass.number, comparisons=compared(comparisons) + fields)
    else:
        message = d.encode("DbDeleteQuery", verify_code=walk_.random.choice([KILL, 1]), dclass=dclass.number,
                           comparisons=compared(comparisons))
    walk_.burst([message])
