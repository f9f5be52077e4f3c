"""What world.dc says, written down by hand: numbers, keywords, and values packed with struct.

`run.py` compares the numbers with what `ferriswheel dc list --json` reads in world.dc.
"""

import struct


def u8(*values):
    return struct.pack(f"<{len(values)}B", *values)


def u16(*values):
    return struct.pack(f"<{len(values)}H", *values)


def u32(*values):
    return struct.pack(f"<{len(values)}I", *values)


def i16(*values):
    return struct.pack(f"<{len(values)}h", *values)


def text(value):
    """A string or a blob: u16 length and its bytes."""
    value = value.encode() if isinstance(value, str) else value
    return u16(len(value)) + value


def array(packed):
    """A variable array: the length of its items in bytes, and they."""
    return u16(len(packed)) + packed


class Field:
    """A field: its number, its keywords; a molecular one has atoms and those of its first."""

    def __init__(self, name, number, keywords=(), atoms=()):
        self.name, self.number = name, number
        self.keywords, self.atoms = frozenset(keywords), tuple(atoms)

    def has(self, *keywords):
        return any(keyword in self.keywords for keyword in keywords)

    @property
    def stored(self):
        return self.has("required", "ram")


class DClass:
    """A class with the fields of its parents, and a value for every required one."""

    def __init__(self, name, number, fields, values):
        self.name, self.number, self.values = name, number, values
        self.fields = {field.name: field for field in fields}
        self.required = [f for f in fields if f.has("required") and not f.atoms]


GHOST = [Field("boo", 2, ["broadcast"])]
STATION = [
    Field("setTown", 3, ["required", "broadcast"]),
    Field("setSignal", 4, ["ram", "broadcast", "airecv"]),
]
ROLLING = [
    Field("setName", 5, ["required", "broadcast"]),
    Field("setAspect", 6, ["required", "broadcast", "airecv"]),
    Field("setAxle", 7, ["required"]),
]
PLACE = ["required", "broadcast", "ram", "airecv"]
CARRIAGE = ROLLING + [
    Field("setX", 8, PLACE),
    Field("setY", 9, PLACE),
    Field("setXY", 10, PLACE, ["setX", "setY"]),
    Field("setKey", 11, ["required", "ownrecv"]),
    Field("setTint", 12, ["required", "clrecv"]),
    Field("setLoad", 13, ["ram", "airecv"]),
    Field("setSeats", 14, ["ram", "broadcast"]),
    Field("setNote", 15, ["ram"]),
    Field("setBell", 16, ["ram", "broadcast", "airecv", "ownrecv"]),
    Field("setFare", 17, ["ram", "ownrecv"]),
    Field("setLivery", 18, ["ram", "clrecv"]),
    Field("coal", 19, ["ram", "broadcast", "airecv"]),
    Field("setPressure", 20, ["ram", "airecv"]),
    Field("setGauge", 21, ["ram", "airecv"]),
    Field("setPressureGauge", 22, ["ram", "airecv"], ["setPressure", "setGauge"]),
    Field("whistle", 23, ["broadcast"]),
    Field("report", 24, ["airecv"]),
    Field("wink", 25, ["ownrecv"]),
    Field("cheer", 26, ["broadcast", "airecv", "ownrecv"]),
    Field("mumble", 27),
    Field("flashA", 28, ["broadcast"]),
    Field("flashB", 29, ["broadcast"]),
    Field("flash", 30, ["broadcast"], ["flashA", "flashB"]),
]
DINING_CAR = CARRIAGE + [
    Field("setMenu", 31, ["required", "broadcast"]),
    Field("setTables", 32, ["ram", "broadcast"]),
]
PARCEL = [
    Field("setLabel", 33, ["required", "broadcast"]),
    Field("setFront", 34, ["ram", "broadcast"]),
    Field("setBack", 35, ["ram", "broadcast"]),
]

ROLLING_VALUES = {"setName": text("pacific"), "setAspect": u8(3), "setAxle": u32(0x01020304)}
CARRIAGE_VALUES = {
    **ROLLING_VALUES,
    "setX": i16(-5),
    "setY": i16(1200),
    "setKey": text(b"\x01\xff\x00"),
    "setTint": u16(0x0708),
}

CLASSES = {
    dclass.name: dclass
    for dclass in [
        DClass("Ghost", 1, GHOST, {}),
        DClass("Station", 2, STATION, {"setTown": text("Upton")}),
        DClass("Rolling", 3, ROLLING, ROLLING_VALUES),
        DClass("Carriage", 4, CARRIAGE, CARRIAGE_VALUES),
        DClass("DiningCar", 5, DINING_CAR, {**CARRIAGE_VALUES, "setMenu": text("soup")}),
        DClass("Parcel", 6, PARCEL, {"setLabel": text("fragile")}),
    ]
}
# What the DC file says a required field is if nobody says anything.
DC_DEFAULTS = {"setName": text("unnamed"), "setAspect": u8(0), "setAxle": u32(77), "setX": i16(0),
               "setTint": u16(9), "setTown": text("Nowhere")}
UNKNOWN_CLASS = 999
UNKNOWN_FIELD = 999
STRUCT_CLASS = 0
NUMBERS = {name: field.number for c in CLASSES.values() for name, field in c.fields.items()}


class Thing:
    """An object as a test believes it to be: ids, place, and the values of its stored fields."""

    def __init__(self, do_id, dclass, parent, zone, values):
        self.do_id, self.dclass, self.parent, self.zone = do_id, CLASSES[dclass], parent, zone
        self.values = {**self.dclass.values, **values}
        self.ai, self.owner = 0, 0

    @property
    def at(self):
        return (self.parent, self.zone)

    def has_ram(self):
        """Whether a field that is not required is set."""
        return bool(self._other(lambda _: True))

    def required(self, sees=lambda _: True):
        """The values of required fields that `sees` lets through, in order."""
        return b"".join(self.values[f.name] for f in self.dclass.required if sees(f))

    def other(self, sees=lambda _: True):
        """The OTHER block."""
        seen = self._other(sees)
        return u16(len(seen)) + b"".join(u16(f.number) + self.values[f.name] for f in seen)

    def _other(self, sees):
        fields = [f for f in self.dclass.fields.values() if f.name in self.values]
        fields = [f for f in fields if not f.has("required") and sees(f)]
        return sorted(fields, key=lambda field: field.number)

    def read(self, dialect, kind):
        """(whether with OTHER, the fields) of what announces it: kind is zone, owner, ai or all."""
        sees = lambda field: True
        other = kind in ("all",)
        if dialect.astron:
            keywords = {"zone": ["broadcast", "clrecv"], "owner": ["broadcast", "clrecv", "ownrecv"]}
            if kind in keywords:
                sees = lambda field: field.has(*keywords[kind])
            other = other or self.has_ram()
        else:
            other = kind != "zone" or self.has_ram()
        return other, self.required(sees) + (self.other(sees) if other else b"")


def disagreements(listed):
    """Where `dc list --json` and the tables above differ."""
    found = []
    by_name = {dclass["name"]: dclass for dclass in listed}
    for dclass in CLASSES.values():
        if by_name[dclass.name]["number"] != dclass.number:
            found.append(f"{dclass.name} is #{by_name[dclass.name]['number']}")
        for field in by_name[dclass.name]["fields"]:
            ours = dclass.fields[field["name"]]
            if field["number"] != ours.number:
                found.append(f"{dclass.name}.{ours.name} is {field['number']}")
            if not ours.atoms and set(field["keywords"]) != ours.keywords:
                found.append(f"{dclass.name}.{ours.name} is {field['keywords']}")
    return found
