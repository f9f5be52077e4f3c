"""The two dialects: numbers and layouts of what these scripts say and hear.

A second copy, by hand, of what the daemon's tables say (core/wire): a number changed in only one of
the two shows. A row: the name, what `openotp` has, what `astron` has; `-` for nothing. Layouts are
`name:kind` in order of the wire, all integers little endian:

    bool u8 u16 u32 u64   integers
    string                u16 length and that many bytes
    zones                 u16 count and that many u32
    fields                u16 count and that many u16
    ids                   u16 to the end
    zones_left            u32 to the end
    ids32                 u32 count and that many u32
    rest                  bytes to the end
"""

import struct

CONTROL = """
SetConName      | 2004 name:string    | 9012 name:string
SetConUrl       | 2005 url:string     | 9013 url:string
AddPostRemove   | 2010 message:string | 9010 sender:u64 message:string
ClearPostRemove | 2011                | 9011 sender:u64
AddChannel      | 2001 channel:u64    | 9000 channel:u64
RemoveChannel   | 2002 channel:u64    | 9001 channel:u64
AddRange        | 2008 low:u64 high:u64 | 9002 low:u64 high:u64
RemoveRange     | 2009 low:u64 high:u64 | 9003 low:u64 high:u64
"""

# To a State Server's control channel.
STATE_SERVER = """
GenerateWithRequired      | 2001 parent:u32 zone:u32 dclass:u16 do_id:u32 fields:rest | 2000 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
GenerateWithRequiredOther | 2003 parent:u32 zone:u32 dclass:u16 do_id:u32 fields:rest | 2001 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
ShardReset                | 2061 ai:u64 | 2009 ai:u64
"""

# To an object.
REQUESTS = """
DeleteFieldRam    | - | 2030 do_id:u32 field:u16
DeleteFieldsRam   | - | 2031 do_id:u32 fields:fields
SetZone           | 2008 parent:u32 zone:u32 | 2040 parent:u32 zone:u32
Locate            | 2022 context:u32 | 2044 context:u32
LocationAck       | - | 2046 parent:u32 zone:u32
QueryAll          | 2020 context:u32 | 2014 context:u32 do_id:u32
QueryField        | 2024 do_id:u32 field:u16 context:u32 | 2010 context:u32 do_id:u32 field:u16
QueryFields       | 2080 do_id:u32 context:u32 fields:ids | 2012 context:u32 do_id:u32 fields:fields
QueryZone         | - | 2100 context:u32 parent:u32 zone:u32
QueryZones        | 2021 parent:u32 zones:zones | 2102 context:u32 parent:u32 zones:zones
QueryChildren     | - | 2104 context:u32 parent:u32
CountZone         | - | 2110 context:u32 parent:u32 zone:u32
CountZones        | - | 2112 context:u32 parent:u32 zones:zones
CountChildren     | - | 2114 context:u32 parent:u32
DeleteZone        | - | 2120 parent:u32 zone:u32
DeleteZones       | - | 2122 parent:u32 zones:zones
DeleteChildren    | - | 2124 parent:u32
QueryActiveZones  | - | 2125 context:u32
SetAi             | 2045 do_id:u32 ai:u64 | 2050 ai:u64
QueryManagingAi   | 2083 | 2054 context:u32
SetOwner          | 2070 owner:u64 | 2060 owner:u64
"""

# From an object; some of them also from one object to another.
NOTICES = """
UpdateField                | 2004 do_id:u32 field:u16 value:rest | 2020 do_id:u32 field:u16 value:rest
UpdateFieldMultiple        | 2005 do_id:u32 count:u16 fields:rest | 2021 do_id:u32 count:u16 fields:rest
DeleteRam                  | 2007 do_id:u32 | 2032 do_id:u32
ChangeZone                 | 2009 do_id:u32 new_parent:u32 new_zone:u32 old_parent:u32 old_zone:u32 | 2041 do_id:u32 new_parent:u32 new_zone:u32 old_parent:u32 old_zone:u32
EnterZoneWithRequired      | 2065 dclass:u16 do_id:u32 parent:u32 zone:u32 fields:rest | 2042 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
EnterZoneWithRequiredOther | 2066 dclass:u16 do_id:u32 parent:u32 zone:u32 fields:rest | 2043 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
LocateResp                 | 2023 context:u32 do_id:u32 parent:u32 zone:u32 | 2045 context:u32 do_id:u32 parent:u32 zone:u32
QueryAllResp               | 2030 context:u32 parent:u32 zone:u32 dclass:u16 do_id:u32 fields:rest | 2015 context:u32 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
QueryFieldResp             | 2062 do_id:u32 field:u16 context:u32 success:bool value:rest | 2011 context:u32 success:bool value:rest
QueryFieldsResp            | 2081 do_id:u32 context:u32 success:bool fields:rest | 2013 context:u32 success:bool fields:rest
QueryZoneDone              | 2046 parent:u32 zones:zones | -
EnterInterestWithRequired      | - | 2066 context:u32 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
EnterInterestWithRequiredOther | - | 2067 context:u32 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
CountZoneResp              | - | 2111 context:u32 count:u32
CountZonesResp             | - | 2113 context:u32 count:u32
CountChildrenResp          | - | 2115 context:u32 count:u32
ActiveZonesResp            | - | 2126 context:u32 zones:zones
EnterAiWithRequired        | - | 2052 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
EnterAiWithRequiredOther   | 2067 parent:u32 zone:u32 dclass:u16 do_id:u32 fields:rest | 2053 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
LeavingAiInterest          | 2033 do_id:u32 | -
ChangingAi                 | - | 2051 do_id:u32 new:u64 old:u64
NotifyManagingAi           | 2047 parent:u32 ai:u64 | -
ManagingAiResp             | - | 2055 context:u32 do_id:u32 ai:u64
ChangeOwner                | 2069 do_id:u32 new:u64 old:u64 | 2061 do_id:u32 new:u64 old:u64
EnterOwnerWithRequired      | - | 2062 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
EnterOwnerWithRequiredOther | 2068 parent:u32 zone:u32 dclass:u16 do_id:u32 fields:rest | 2063 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
"""

# To a database's control channel. Some of them it also says, of its objects (`astron`).
DATABASE = """
DbCreate         | 1003 context:u32 dclass:u16 count:u16 fields:rest | 3000 context:u32 dclass:u16 count:u16 fields:rest
DbDelete         | 1008 verify_code:u32 do_id:u32 | 3032 do_id:u32
DbDeleteQuery    | 1010 verify_code:u32 dclass:u16 comparisons:rest | -
DbSelectField    | - | 3010 context:u32 do_id:u32 field:u16
DbSelect         | 1012 context:u32 do_id:u32 fields:fields | 3012 context:u32 do_id:u32 fields:fields
DbSelectAll      | 1020 context:u32 do_id:u32 | 3014 context:u32 do_id:u32
DbSelectQuery    | 1016 context:u32 dclass:u32 comparisons:rest | -
DbUpdateField    | - | 3020 do_id:u32 field:u16 value:rest
DbUpdate         | 1014 context:u32 do_id:u32 count:u16 fields:rest | 3021 do_id:u32 count:u16 fields:rest
DbUpdateQuery    | 1018 dclass:u32 comparisons:rest | -
DbFieldIfEquals  | - | 3022 context:u32 do_id:u32 field:u16 values:rest
DbIfEquals       | 1024 context:u32 do_id:u32 count:u16 fields:rest | 3024 context:u32 do_id:u32 count:u16 fields:rest
DbFieldIfEmpty   | - | 3026 context:u32 do_id:u32 field:u16 value:rest
DbDeleteField    | - | 3030 do_id:u32 field:u16
DbDeleteFields   | - | 3031 do_id:u32 fields:fields
"""

# What a database answers.
DATABASE_NOTICES = """
DbCreateResp        | 1004 context:u32 do_id:u32 | 3001 context:u32 do_id:u32
DbSelectFieldResp   | - | 3011 context:u32 success:bool fields:rest
DbSelectResp        | 1013 context:u32 fields:rest | 3013 context:u32 success:bool fields:rest
DbSelectAllResp     | 1021 context:u32 dclass:u16 fields:rest | 3015 context:u32 success:bool fields:rest
DbSelectQueryResp   | 1017 context:u32 do_ids:ids32 | -
DbFieldIfEqualsResp | - | 3023 context:u32 success:bool fields:rest
DbIfEqualsResp      | 1025 context:u32 ret_code:u8 fields:rest | 3025 context:u32 success:bool fields:rest
DbFieldIfEmptyResp  | - | 3027 context:u32 success:bool fields:rest
"""

# To a stored object, for its DBSS; and what that answers. `openotp` says DELETE_DISK only to it.
DBSS = """
ActivateWithDefaults      | - | 2200 do_id:u32 parent:u32 zone:u32
ActivateWithDefaultsOther | - | 2201 do_id:u32 parent:u32 zone:u32 dclass:u16 fields:rest
QueryActivated            | - | 2207 context:u32 do_id:u32
QueryActivatedResp        | - | 2208 context:u32 do_id:u32 active:bool
DeleteFieldDisk           | - | 2230 do_id:u32 field:u16
DeleteFieldsDisk          | - | 2231 do_id:u32 fields:fields
DeleteDisk                | 2060 do_id:u32 | 2232 do_id:u32
"""

# To a client's channel, for its Client Agent.
CLIENT_AGENT = """
SetState            | 3110 state:u16 | 1000 state:u16
SetClientId         | 3103 channel:u64 | 1001 channel:u64
SendDatagram        | 3100 datagram:string | 1002 datagram:string
Eject               | 3101 code:u16 reason:string | 1004 code:u16 reason:string
Drop                | 3102 | 1005
GetNetworkAddress   | - | 1006 context:u32
DeclareObject       | 3114 do_id:u32 dclass:u16 | 1010 do_id:u32 dclass:u16
UndeclareObject     | 3115 do_id:u32 | 1011 do_id:u32
AddSessionObject    | 3112 do_id:u32 | 1012 do_id:u32
RemoveSessionObject | 3113 do_id:u32 | 1013 do_id:u32
SetFieldsSendable   | 3111 do_id:u32 fields:ids | 1014 do_id:u32 fields:fields
GetTlvs             | - | 1015 context:u32
OpenChannel         | 3104 channel:u64 | 1100 channel:u64
CloseChannel        | 3105 channel:u64 | 1101 channel:u64
AddPostRemove       | 3108 message:string | 1110 message:string
ClearPostRemoves    | 3109 | 1111
AddInterest         | 3106 interest:u16 parent:u32 zones:zones_left | 1200 interest:u16 parent:u32 zone:u32
AddInterestMultiple | - | 1201 interest:u16 parent:u32 zones:zones
RemoveInterest      | 3107 interest:u16 | 1203 interest:u16
"""

# What a Client Agent answers to whoever asked, in the name of the client.
CLIENT_NOTICES = """
GetNetworkAddressResp | - | 1007 context:u32 remote:string remote_port:u16 local:string local_port:u16
GetTlvsResp           | - | 1016 context:u32 tlvs:string
DoneInterestResp      | - | 1204 client:u64 interest:u16
"""

INTEGERS = {"bool": "<B", "u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q"}


class Shape:
    """A message as one dialect has it."""

    def __init__(self, name, number, layout):
        self.name, self.number, self.layout = name, number, layout


class Dialect:
    """Which number and layout a named message has."""

    def __init__(self, name, column, control, children):
        self.name, self.control, self._children = name, control, children
        self.control_shapes = by_name(CONTROL, column)
        self.shapes = {}
        for table in (STATE_SERVER, REQUESTS, NOTICES, DATABASE, DATABASE_NOTICES, DBSS,
                      CLIENT_AGENT, CLIENT_NOTICES):
            self.shapes.update(by_name(table, column))
        # What is heard: a notice, if it can be one, else what one object says to another.
        self.heard = {}
        for table in (REQUESTS, NOTICES, DATABASE, DATABASE_NOTICES, DBSS, CLIENT_NOTICES):
            self.heard.update((s.number, s) for s in by_name(table, column).values())

    @property
    def astron(self):
        return self.name == "astron"

    def children_channel(self, parent):
        """Where a parent speaks to all its children."""
        return self._children << 32 | parent

    def stored_channel(self, do_id):
        """Where a database says what became of an object: in `openotp` to the object itself."""
        return 2 << 32 | do_id if self.astron else do_id

    @property
    def reserved_ids(self):
        """Ids that no object may have, and that are no parent."""
        return [1, 500, 999] if self.astron else [4030]

    def encode(self, name, **args):
        """A message: its number and payload. What the dialect does not send is left out."""
        return encode(self.shapes[name], args)

    def encode_control(self, name, **args):
        """A message to the Message Director."""
        return encode(self.control_shapes[name], args)

    def decode(self, message):
        """The name and the parameters of what was heard; without a name if it makes no sense."""
        return decode(self.heard, message)


def location(parent, zone):
    """A location channel."""
    return parent << 32 | zone


def by_name(table, column):
    """The messages of a table as the dialect in that column has them."""
    shapes = {}
    for row in table.strip().splitlines():
        cells = [cell.strip() for cell in row.split("|")]
        if cells[column] != "-":
            number, *layout = cells[column].split()
            pairs = [tuple(parameter.split(":")) for parameter in layout]
            shapes[cells[0]] = Shape(cells[0], int(number), pairs)
    return shapes


def encode(shape, args):
    """A message of this shape: its number and payload."""
    out = [struct.pack("<H", shape.number)]
    out += [_pack(kind, args[name]) for name, kind in shape.layout]
    return b"".join(out)


def _pack(kind, value):
    if kind in INTEGERS:
        return struct.pack(INTEGERS[kind], value)
    if kind == "string":
        return struct.pack("<H", len(value)) + value
    if kind == "zones":
        return struct.pack(f"<H{len(value)}I", len(value), *value)
    if kind == "fields":
        return struct.pack(f"<H{len(value)}H", len(value), *value)
    if kind == "ids":
        return struct.pack(f"<{len(value)}H", *value)
    if kind == "zones_left":
        return struct.pack(f"<{len(value)}I", *value)
    if kind == "ids32":
        return struct.pack(f"<I{len(value)}I", len(value), *value)
    return value


def decode(shapes, message):
    """The name and the parameters of a message; `shapes` are those that it may have, by number."""
    number, payload = struct.unpack_from("<H", message)[0], message[2:]
    shape = shapes.get(number)
    if shape is None:
        return f"message {number}", {"payload": payload}
    try:
        return shape.name, _decode(shape.layout, payload)
    except (struct.error, ValueError) as error:
        return f"bad {shape.name}: {error}", {"payload": payload}


def _decode(layout, payload):
    args, at = {}, 0
    for name, kind in layout:
        args[name], at = _unpack(kind, payload, at)
    if at != len(payload):
        raise ValueError(f"{len(payload) - at} bytes behind the end")
    return args


def _unpack(kind, payload, at):
    if kind in INTEGERS:
        return struct.unpack_from(INTEGERS[kind], payload, at)[0], at + struct.calcsize(INTEGERS[kind])
    if kind == "rest":
        return payload[at:], len(payload)
    if kind == "ids":
        count = (len(payload) - at) // 2
        return list(struct.unpack_from(f"<{count}H", payload, at)), at + 2 * count
    if kind == "ids32":
        (count,) = struct.unpack_from("<I", payload, at)
        return list(struct.unpack_from(f"<{count}I", payload, at + 4)), at + 4 + 4 * count
    (count,) = struct.unpack_from("<H", payload, at)
    at += 2
    if kind == "string":
        return payload[at : at + count], at + count
    one = "I" if kind == "zones" else "H"
    values = list(struct.unpack_from(f"<{count}{one}", payload, at))
    return values, at + struct.calcsize(f"<{count}{one}")


DIALECTS = {
    "openotp": Dialect("openotp", 1, 4001, 4030),
    "astron": Dialect("astron", 2, 1, 1),
}
