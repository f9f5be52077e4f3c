"""What depot.dc says, written down by hand, as ../world.py does for world.dc.

A field has besides its number and keywords a shape, by which a value is measured and checked, its
explicit default if the file gives one, and the value that stands for "nothing was said" otherwise.
"""

import struct

import world
from world import DClass, Field, i16, text, u8, u16, u32

FORMATS = {"u8": "<B", "u16": "<H", "u32": "<I", "i16": "<h"}
STORED_BYTES_MAX = 65_000  # all stored fields of an object together, each with its number


class BadValue(ValueError):
    """Bytes that are no value of a field."""


class StoredField(Field):
    """`shape`: a list of (kind, low, high); the bounds are of a number, or of a length in bytes."""

    def __init__(self, name, number, keywords, shape, default=None):
        super().__init__(name, number, keywords)
        self.shape, self.explicit = shape, default
        nothing = b"".join(_nothing(*part) for part in shape)
        self.default = nothing if default is None else default

    def measure(self, bytes_, at=0):
        """Where the value ends that begins at `at`."""
        for part in self.shape:
            at = _measure(bytes_, at, *part)
        return at


class Molecule(Field):
    """A field that is several others."""

    def __init__(self, name, number, atoms):
        super().__init__(name, number, atoms[0].keywords, [atom.name for atom in atoms])
        self.members = atoms

    def measure(self, bytes_, at=0):
        for atom in self.members:
            at = atom.measure(bytes_, at)
        return at


def _nothing(kind, low=None, high=None):
    if kind in FORMATS:
        return struct.pack(FORMATS[kind], low if low is not None and low > 0 else 0)
    return u16(0)


def _measure(bytes_, at, kind, low=None, high=None):
    if kind in FORMATS:
        end = at + struct.calcsize(FORMATS[kind])
        if end > len(bytes_):
            raise BadValue("too short")
        (size,) = struct.unpack_from(FORMATS[kind], bytes_, at)
    else:
        if at + 2 > len(bytes_):
            raise BadValue("no length")
        (size,) = struct.unpack_from("<H", bytes_, at)
        end = at + 2 + size
        if end > len(bytes_) or kind == "u16s" and size % 2:
            raise BadValue("a length that lies")
        if kind == "string":
            _check_text(bytes_[at + 2 : end])
    if low is not None and not low <= size <= high:
        raise BadValue("out of its range")
    return end


def _check_text(bytes_):
    """ASCII is a string in both dialects, what is no UTF-8 in neither; the tests use no other."""
    try:
        bytes_.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadValue("no text") from error


PLACE = ["required", "broadcast", "ram", "db"]
P = StoredField("setP", 45, ["db"], [("u8",)])
Q = StoredField("setQ", 46, ["db"], [("u16",)], u16(500))
WAG_A = StoredField("wagA", 50, ["broadcast"], [("u8",)])
WAG_B = StoredField("wagB", 51, ["broadcast"], [("u8",)])
KEEPER = [
    StoredField("setUser", 36, ["required", "db"], [("string", 0, 60)], text("nobody")),
    StoredField("setFace", 37, ["required", "broadcast"], [("u8",)], u8(3)),
    StoredField("setPin", 38, ["db"], [("u32",)], u32(7)),
    StoredField("setMemo", 39, ["db"], [("string", 0, 200)]),
    StoredField("setTally", 40, ["db"], [("i16", -3000, 3000)]),
    StoredField("setTwin", 41, ["db"], [("u32",)]),
    StoredField("setTrip", 42, ["db"], [("u32",), ("u8", 1, 3)], u32(0) + u8(2)),
    StoredField("setShifts", 43, ["db"], [("u16s",)]),
    StoredField("setSeal", 44, ["db"], [("blob", 0, 64)]),
    P,
    Q,
    Molecule("setPQ", 47, [P, Q]),
    StoredField("setMood", 48, ["ram", "broadcast"], [("u8",)]),
    StoredField("ping", 49, [], [("u8",)]),
    WAG_A,
    WAG_B,
    Molecule("wag", 52, [WAG_A, WAG_B]),
    StoredField("rooms", 53, ["db"], [("u16", 0, 500)], u16(40)),
]
ROLLER = [
    StoredField("setTitle", 55, ["required", "broadcast", "db"], [("string", 0, 40)], text("untitled")),
    StoredField("setSmoke", 56, ["required", "broadcast", "airecv"], [("u8", 0, 4)]),
]
POS_X = StoredField("setPosX", 57, PLACE, [("i16", -3000, 3000)])
POS_Y = StoredField("setPosY", 58, PLACE, [("i16", -3000, 3000)], i16(12))
ENGINE = ROLLER + [
    POS_X,
    POS_Y,
    Molecule("setPos", 59, [POS_X, POS_Y]),
    StoredField("setGold", 60, ["ram", "ownrecv", "db"], [("u32",)]),
    StoredField("setDiary", 61, ["db"], [("string", 0, 400)]),
    StoredField("setSteam", 62, ["ram", "broadcast", "airecv"], [("u8",)]),
    StoredField("setPaint", 63, ["required", "clrecv"], [("u16",)], u16(9)),
    StoredField("setHorn", 64, ["broadcast"], [("u8",)]),
    StoredField("setWater", 65, ["ram", "broadcast", "db"], [("u16",)], u16(88)),
    StoredField("setLamp", 66, ["ram", "broadcast"], [("u16",)], u16(5)),
]
CRATE = [
    StoredField("setTag", 67, ["required", "broadcast", "db"], [("string",)], text("crate")),
    StoredField("setLeft", 68, ["db"], [("blob",)]),
    StoredField("setRight", 69, ["db"], [("blob",)]),
    StoredField("setTop", 70, ["ram", "broadcast", "db"], [("blob",)]),
]
MEAL = StoredField("setMeal", 54, ["required", "db"], [("string",)], text("soup"))


def _class(name, number, fields):
    """A class; the values of its required fields are what an object has of which nothing was said."""
    required = [field for field in fields if field.has("required") and not field.atoms]
    return DClass(name, number, fields, {field.name: field.default for field in required})


CLASSES = {
    "Keeper": _class("Keeper", 7, KEEPER),
    "HeadKeeper": _class("HeadKeeper", 8, KEEPER + [MEAL]),
    "Roller": _class("Roller", 9, ROLLER),
    "Engine": _class("Engine", 10, ENGINE),
    "Crate": _class("Crate", 11, CRATE),
}
# A class of world.dc, without a stored field.
GHOST = DClass("Ghost", 1, [StoredField("boo", 2, ["broadcast"], [("string",)])], {})
BY_NUMBER = {dclass.number: dclass for dclass in [GHOST, *CLASSES.values()]}
GHOST_BOO = u16(2) + text("boo")
FIELDS = {field.number: field for dclass in CLASSES.values() for field in dclass.fields.values()}
UNKNOWN_CLASS, UNKNOWN_FIELD, STRUCT_CLASS = 999, 999, 0
FOREIGN_FIELD = world.NUMBERS["setTown"]  # of a class that is not one of these

world.CLASSES.update(CLASSES)
world.NUMBERS.update({field.name: field.number for field in FIELDS.values()})


def explicit_defaults(listed):
    """Where `dc list --json` and the tables above differ about which fields have a default."""
    found = []
    for dclass in listed:
        for field in dclass["fields"] if dclass["name"] in CLASSES else []:
            ours = FIELDS[field["number"]]
            if not ours.atoms and (ours.explicit is None) != (field["default"] is None):
                found.append(f"{dclass['name']}.{ours.name} has the default {field['default']}")
    return found
