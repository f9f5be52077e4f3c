"""What clients and their Client Agent say to each other, in both dialects.

Tables as those of ../dialect.py, by hand as well, from the pages of the protocols and not from the
daemon's. A frame is a u16 length, a u16 type and the parameters.
"""

import struct

from dialect import by_name, decode, encode
from otp import ANY

FROM_CLIENT = """
Hello               | 1 dc_hash:u32 version:string | 1 dc_hash:u32 version:string
Disconnect          | 37 | 3
Heartbeat           | 52 | 5
UpdateField         | 24 do_id:u32 field:u16 value:rest | 120 do_id:u32 field:u16 value:rest
Location            | 102 do_id:u32 parent:u32 zone:u32 | 140 do_id:u32 parent:u32 zone:u32
AddInterest         | 97 interest:u16 context:u32 parent:u32 zones:zones_left | 200 context:u32 interest:u16 parent:u32 zone:u32
AddInterestMultiple | - | 201 context:u32 interest:u16 parent:u32 zones:zones
RemoveInterest      | 99 interest:u16 context:u32 | 203 context:u32 interest:u16
"""

TO_CLIENT = """
HelloResp               | 2 | 2
Eject                   | 4 code:u16 reason:string | 4 code:u16 reason:string
UpdateField             | 24 do_id:u32 field:u16 value:rest | 120 do_id:u32 field:u16 value:rest
UpdateFields            | - | 121 do_id:u32 count:u16 fields:rest
Leaving                 | 25 do_id:u32 | 132 do_id:u32
LeavingOwner            | - | 161 do_id:u32
Location                | 102 do_id:u32 parent:u32 zone:u32 | 140 do_id:u32 parent:u32 zone:u32
Enter                   | 34 parent:u32 zone:u32 dclass:u16 do_id:u32 fields:rest | 142 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
EnterOther              | 35 parent:u32 zone:u32 dclass:u16 do_id:u32 fields:rest | 143 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
EnterOwner              | - | 172 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
EnterOwnerOther         | 36 parent:u32 zone:u32 dclass:u16 do_id:u32 fields:rest | 173 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
AddInterest             | - | 200 context:u32 interest:u16 parent:u32 zone:u32
AddInterestMultiple     | - | 201 context:u32 interest:u16 parent:u32 zones:zones
RemoveInterest          | - | 203 context:u32 interest:u16
Done                    | 48 interest:u16 context:u32 | 204 context:u32 interest:u16
Mark                    | 65535 token:u32 | 65535 token:u32
"""

# The states of a client, as SET_STATE has them.
NEW, ANONYMOUS, ESTABLISHED = 0, 1, 2

# Why clients are ejected (`astron` section 3; both dialects have the same).
GENERIC, EXCESS, NO_HELLO, INVALID, TRUNCATED = 1, 106, 107, 108, 109
ANONYMOUS_VIOLATION, FORBIDDEN_INTEREST, MISSING_OBJECT = 113, 115, 117
FORBIDDEN_FIELD, FORBIDDEN_RELOCATE, BAD_VERSION, BAD_HASH = 118, 119, 124, 125
BAD_VALUE, SESSION_OBJECT_LOST, NO_HEARTBEAT = 127, 153, 345


class Protocol:
    """The client protocol of one dialect."""

    def __init__(self, dialect):
        column = 2 if dialect.astron else 1
        self.astron = dialect.astron
        self.said, self.heard = by_name(FROM_CLIENT, column), by_name(TO_CLIENT, column)
        self.by_number = {shape.number: shape for shape in self.heard.values()}

    def encode(self, name, **args):
        """What a client says."""
        return encode(self.said[name], args)

    def interest(self, context, interest, parent, zones):
        """What a client says to open an interest. In `astron` one zone has a message of its own."""
        args = dict(context=context, interest=interest, parent=parent, zones=zones, zone=zones[:1])
        if self.astron and len(zones) == 1:
            return self.encode("AddInterest", **{**args, "zone": zones[0]})
        return self.encode("AddInterestMultiple" if self.astron else "AddInterest", **args)


class Word:
    """A message as it came to a client."""

    def __init__(self, protocol, message):
        self.message = message
        if len(message) < 2:
            self.name, self.args = "less than a type", {"payload": message}
        else:
            self.name, self.args = decode(protocol.by_number, message)

    def key(self):
        return self.message

    def __str__(self):
        bytes_ = self.message[:400].hex() + (".." if len(self.message) > 400 else "")
        return f"{_shown(self.name, self.args)}\n        hex {bytes_}"


class Expected:
    """A message as it should come to a client."""

    def __init__(self, protocol, name, **args):
        self.protocol, self.name = protocol, name
        self.args = {parameter: args[parameter] for parameter, _ in protocol.heard[name].layout}

    def matches(self, word):
        if self.name != word.name:
            return False
        return all(value is ANY or value == word.args[key] for key, value in self.args.items())

    def key(self):
        if any(value is ANY for value in self.args.values()):
            return None
        return encode(self.protocol.heard[self.name], self.args)

    def __str__(self):
        return _shown(self.name, self.args)


def mark(token):
    """A message that no client protocol has: the cluster sends it to find out how far a client is."""
    return struct.pack("<HI", 65535, token)


def _shown(name, args):
    show = lambda value: "*" if value is ANY else value.hex()[:400] if isinstance(value, bytes) else value
    return f"{name}({', '.join(f'{key}={show(value)}' for key, value in args.items())})"
