"""What a database must answer: the pages of the protocol, as a plain map from id to object.

It is told the same requests as the daemon and says what should come: random walks compare the two,
and where a test needs a database that answers when the test wants it to, this one answers. It has
no disk, no shards and no limits but that of an object. `openotp.py` and `astron.py` have the
messages of the dialects; here is what they share.
"""

import struct

from depot import BY_NUMBER, STORED_BYTES_MAX, BadValue
from world import u16


class Refused(Exception):
    """A request that makes no sense: nothing of it is done."""


class Reader:
    """A payload that is read from its beginning to its end."""

    def __init__(self, bytes_):
        self.bytes_, self.at = bytes_, 0

    def number(self, format_):
        size = struct.calcsize(format_)
        if self.at + size > len(self.bytes_):
            raise Refused("truncated")
        (number,) = struct.unpack_from("<" + format_, self.bytes_, self.at)
        self.at += size
        return number

    def u8(self):
        return self.number("B")

    def u16(self):
        return self.number("H")

    def u32(self):
        return self.number("I")

    def field(self, dclass):
        """The number of a field of the class, and the field."""
        number = self.u16()
        for field in dclass.fields.values():
            if field.number == number:
                return field
        raise Refused(f"{dclass.name} has no field {number}")

    def stored_field(self, dclass, molecules=True):
        field = self.field(dclass)
        if not field.has("db") or (field.atoms and not molecules):
            raise Refused(f"{field.name} is not stored by itself")
        return field

    def value(self, field):
        try:
            end = field.measure(self.bytes_, self.at)
        except BadValue as error:
            raise Refused(f"{field.name}: {error}") from error
        value, self.at = self.bytes_[self.at : end], end
        return value

    def end(self):
        if self.at != len(self.bytes_):
            raise Refused("bytes behind the end")


def atoms(field, value):
    """A field and its value as what is stored: a molecule as its atoms."""
    found, at = [], 0
    for atom in field.members if field.atoms else [field]:
        end = atom.measure(value, at)
        found.append((atom, value[at:end]))
        at = end
    return found


class Record:
    """A stored object: the values of its set fields by their numbers."""

    def __init__(self, dclass, values):
        self.dclass, self.values = dclass, values

    def value(self, field):
        """The value of a field, or of a molecule whose atoms are all set; else `None`."""
        if not field.atoms:
            return self.values.get(field.number)
        parts = [self.values.get(atom.number) for atom in field.members]
        return None if None in parts else b"".join(parts)

    def pairs(self, sees=lambda field: True):
        """Fields and values as they stand in a message, ascending."""
        fields = {f.number: f for f in self.dclass.fields.values()}
        seen = [(n, v) for n, v in sorted(self.values.items()) if sees(fields[n])]
        return counted(seen)


def counted(pairs):
    """A count and the pairs of field number and value."""
    return u16(len(pairs)) + b"".join(u16(number) + value for number, value in pairs)


class Model:
    """A database: `hear` takes a message and says the (recipient, sender, message) that follow."""

    def __init__(self, dialect, control, first):
        self.d, self.control, self.next_do_id = dialect, control, first
        self.objects = {}
        self.said = []

    def hear(self, sender, message):
        """What must come of a request."""
        self.said, reader = [], Reader(message)
        handler = self.handlers.get(reader.u16())
        if handler:
            handler(self, sender, reader)
        return self.said

    # What both dialects share.

    def answer(self, to, name, **args):
        self.said.append((to, self.control, self.d.encode(name, **args)))

    def create(self, sender, reader):
        context = self.context(reader)
        if context is None:
            return
        try:
            dclass = self.dclass(reader.u16())
            given = self.given(reader, dclass, reader.u16())
            reader.end()
            record = Record(dclass, self.with_defaults(dclass, given))
            check_size(record.values)
        except Refused:
            return self.answer(sender, "DbCreateResp", context=context, do_id=0)
        do_id, self.next_do_id = self.next_do_id, self.next_do_id + 1
        self.objects[do_id] = record
        self.answer(sender, "DbCreateResp", context=context, do_id=do_id)

    def context(self, reader):
        """The context; `None` if not even that can be read."""
        try:
            return reader.u32()
        except Refused:
            return None

    def dclass(self, number):
        if number not in BY_NUMBER:
            raise Refused(f"no class {number}")
        return BY_NUMBER[number]

    def given(self, reader, dclass, count):
        """What a creation gives: the values of stored fields by number."""
        values = {}
        for _ in range(count):
            field = reader.field(dclass)
            value = reader.value(field)
            if field.has("db"):
                values.update((atom.number, part) for atom, part in atoms(field, value))
        return values

    def fields_and_values(self, reader, dclass, count):
        """What an update gives: pairs of a stored field and a value."""
        pairs = []
        for _ in range(count):
            field = reader.stored_field(dclass)
            pairs.append((field, reader.value(field)))
        return pairs

    def record(self, do_id):
        if do_id not in self.objects:
            raise Refused("no such object")
        return self.objects[do_id]

    def store(self, record, pairs):
        """Puts values into an object, or refuses all of them."""
        values = dict(record.values)
        for field, value in pairs:
            values.update((atom.number, part) for atom, part in atoms(field, value))
        check_size(values)
        record.values = values


def check_size(values):
    if sum(2 + len(value) for value in values.values()) > STORED_BYTES_MAX:
        raise Refused("too large")


def silent(handle):
    """A request without an answer: what is wrong with it is not said."""

    def handled(self, sender, reader):
        try:
            handle(self, sender, reader)
        except Refused:
            pass

    return handled
