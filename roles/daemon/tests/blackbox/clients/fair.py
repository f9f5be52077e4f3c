"""What fair.dc says, written down by hand, as ../world.py does for world.dc.

`run.py` compares the numbers with what `ferriswheel dc list --json` reads in both files.
"""

import world
from world import DClass, Field, text, u8, u16, u32

ENTRANCE = [Field("knock", 36, ["clsend", "airecv"])]
BOOTH = [
    Field("logIn", 37, ["clsend", "airecv"]),
    Field("welcome", 38, ["clrecv"]),
    Field("close", 39, ["airecv"]),
]
KIOSK = [Field("ask", 40, ["clsend", "airecv"]), Field("answer", 41, ["clrecv"])]
MEADOW = [Field("setTitle", 42, ["required", "broadcast"])]
RIDE = [
    Field("setSign", 43, ["required", "broadcast", "ownsend"]),
    Field("setPlaces", 44, ["required", "broadcast"]),
    Field("setBrake", 45, ["required"]),
    Field("setToll", 46, ["required", "airecv"]),
    Field("setTill", 47, ["required", "ownrecv"]),
    Field("setColour", 48, ["required", "clrecv"]),
    Field("setLights", 49, ["ram", "broadcast"]),
    Field("setMotto", 50, ["ram", "clrecv", "clsend"]),
    Field("setFuse", 51, ["ram"]),
    Field("setPurse", 52, ["ram", "ownrecv"]),
    Field("setCargo", 53, ["ram", "airecv"]),
    Field("board", 54, ["clsend", "airecv"]),
    Field("wave", 55, ["clsend", "broadcast"]),
    Field("hail", 56, ["clsend", "broadcast", "airecv", "ownrecv"]),
    Field("whisper", 57, ["clsend", "ownrecv"]),
    Field("mutter", 58, ["clsend"]),
    Field("honk", 59, ["ownsend", "broadcast"]),
    Field("steer", 60, ["ownsend", "airecv"]),
    Field("creak", 61, ["broadcast"]),
    Field("hint", 62, ["ownrecv"]),
    Field("spin", 63, ["clsend", "broadcast"]),
    Field("jump", 64, ["clsend", "broadcast"]),
    Field("spinAndJump", 65, ["clsend", "broadcast"], ["spin", "jump"]),
    Field("draw", 66, ["clsend", "broadcast"]),
    Field("pick", 67, ["clsend", "airecv"]),
]
BALLOON = [
    Field("setPicture", 68, ["required", "broadcast"]),
    Field("rise", 69, ["clsend", "broadcast"]),
]
RIDE_VALUES = {
    "setSign": text("swing"),
    "setPlaces": u8(4),
    "setBrake": u16(0x0B0B),
    "setToll": u16(0x0F0F),
    "setTill": u32(0x0C0C0C0C),
    "setColour": u16(0x0101),
}
CLASSES = {
    dclass.name: dclass
    for dclass in [
        DClass("Entrance", 7, ENTRANCE, {}),
        DClass("Booth", 8, BOOTH, {}),
        DClass("Kiosk", 9, KIOSK, {}),
        DClass("Meadow", 10, MEADOW, {"setTitle": text("the meadow")}),
        DClass("Ride", 11, RIDE, RIDE_VALUES),
        DClass("Balloon", 12, BALLOON, {"setPicture": text(b"\xffblue")}),
    ]
}
UNKNOWN_CLASS, UNKNOWN_FIELD = world.UNKNOWN_CLASS, world.UNKNOWN_FIELD
# Everything that a ride can have, by who gets to see it.
FOR_CLIENTS = {"setLights": u8(1), "setMotto": text("hold tight")}
FOR_OWNERS = {"setPurse": u8(0x0D)}
FOR_NOBODY = {"setFuse": u8(0x0E), "setCargo": u16(0x0A0A)}

world.CLASSES.update(CLASSES)
for _dclass in CLASSES.values():
    for _field in _dclass.fields.values():
        assert _field.name not in world.NUMBERS, f"{_field.name} is also a field of world.dc"
        world.NUMBERS[_field.name] = _field.number
