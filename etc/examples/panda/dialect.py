"""The two protocols that a Ferriswheel server speaks, as far as a game needs them.

They say the same things by other numbers, and some in another order. `openotp` is the seed protocol
of 2013, `astron` that of today's Astron. A game needs only the one that its server is configured
for (`general.dialect`); these examples run on both, so here they are side by side.
"""

from direct.distributed.PyDatagram import PyDatagram


class OpenOtp:
    """The seed protocol."""

    name = "openotp"

    # Between a client and its Client Agent.
    CLIENT_HELLO = 1
    CLIENT_HELLO_RESP = 2
    CLIENT_EJECT = 4
    CLIENT_UPDATE_FIELD = 24
    CLIENT_LEAVING = 25
    CLIENT_LEAVING_OWNER = None  # CLIENT_LEAVING says it
    CLIENT_ENTER = 34
    CLIENT_ENTER_OTHER = 35
    CLIENT_ENTER_OWNER = None  # it always has other fields
    CLIENT_ENTER_OWNER_OTHER = 36
    CLIENT_DISCONNECT = 37
    CLIENT_DONE_INTEREST = 48
    CLIENT_HEARTBEAT = 52
    CLIENT_ADD_INTEREST = 97
    CLIENT_REMOVE_INTEREST = 99
    CLIENT_LOCATION = 102

    # Inside the cluster, to the Message Director itself. These have no sender.
    CONTROL_CHANNEL = 4001
    CONTROL_ADD_CHANNEL = 2001
    CONTROL_ADD_POST_REMOVE = 2010

    # Inside the cluster, to a State Server and its objects, and from them.
    GENERATE = 2001
    UPDATE_FIELD = 2004
    DELETE_RAM = 2007
    SET_LOCATION = 2008
    CHANGING_LOCATION = 2009
    LOCATE = 2022
    LOCATE_RESP = 2023
    SET_AI = 2045
    ENTER_AI = None  # it always has other fields
    ENTER_AI_OTHER = 2067
    LEAVING_AI = 2033
    RESET_AI = 2061
    SET_OWNER = 2070

    @staticmethod
    def readEntry(di):
        """(do_id, parent, zone, class) of an object that enters."""
        parent, zone = di.getUint32(), di.getUint32()
        dclass = di.getUint16()
        return di.getUint32(), parent, zone, dclass

    @staticmethod
    def addEntry(dg, doId, parentId, zoneId, classId):
        dg.addUint32(parentId)
        dg.addUint32(zoneId)
        dg.addUint16(classId)
        dg.addUint32(doId)

    @classmethod
    def interest(cls, context, interest, parentId, zones):
        dg = PyDatagram()
        dg.addUint16(cls.CLIENT_ADD_INTEREST)
        dg.addUint16(interest)
        dg.addUint32(context)
        dg.addUint32(parentId)
        for zone in zones:
            dg.addUint32(zone)
        return dg

    @classmethod
    def noInterest(cls, context, interest):
        dg = PyDatagram()
        dg.addUint16(cls.CLIENT_REMOVE_INTEREST)
        dg.addUint16(interest)
        dg.addUint32(context)
        return dg

    @staticmethod
    def readDone(di):
        """(context, interest) of an interest that is complete."""
        interest = di.getUint16()
        return di.getUint32(), interest

    @classmethod
    def postRemove(cls, sender, message):
        dg = controlMessage(cls, cls.CONTROL_ADD_POST_REMOVE)
        dg.addBlob(message.getMessage())
        return dg

    @classmethod
    def setAi(cls, doId, ai, sender):
        dg = message(doId, sender, cls.SET_AI)
        dg.addUint32(doId)
        dg.addChannel(ai)
        return dg


class Astron:
    """Astron's protocol."""

    name = "astron"

    CLIENT_HELLO = 1
    CLIENT_HELLO_RESP = 2
    CLIENT_DISCONNECT = 3
    CLIENT_EJECT = 4
    CLIENT_HEARTBEAT = 5
    CLIENT_UPDATE_FIELD = 120
    CLIENT_LEAVING = 132
    CLIENT_LOCATION = 140
    CLIENT_ENTER = 142
    CLIENT_ENTER_OTHER = 143
    CLIENT_LEAVING_OWNER = 161
    CLIENT_ENTER_OWNER = 172
    CLIENT_ENTER_OWNER_OTHER = 173
    CLIENT_ADD_INTEREST = 200
    CLIENT_ADD_INTEREST_MULTIPLE = 201
    CLIENT_REMOVE_INTEREST = 203
    CLIENT_DONE_INTEREST = 204

    CONTROL_CHANNEL = 1
    CONTROL_ADD_CHANNEL = 9000
    CONTROL_ADD_POST_REMOVE = 9010

    GENERATE = 2000
    RESET_AI = 2009
    UPDATE_FIELD = 2020
    DELETE_RAM = 2032
    SET_LOCATION = 2040
    CHANGING_LOCATION = 2041
    LOCATE = 2044
    LOCATE_RESP = 2045
    SET_AI = 2050
    LEAVING_AI = 2051
    ENTER_AI = 2052
    ENTER_AI_OTHER = 2053
    SET_OWNER = 2060

    # To a client's channel: what an UberDOG tells its Client Agent.
    AGENT_SET_STATE = 1000
    AGENT_EJECT = 1004
    AGENT_DECLARE_OBJECT = 1010
    AGENT_ADD_SESSION_OBJECT = 1012
    AGENT_ADD_POST_REMOVE = 1110

    @staticmethod
    def readEntry(di):
        doId, parent, zone = di.getUint32(), di.getUint32(), di.getUint32()
        return doId, parent, zone, di.getUint16()

    @staticmethod
    def addEntry(dg, doId, parentId, zoneId, classId):
        dg.addUint32(doId)
        dg.addUint32(parentId)
        dg.addUint32(zoneId)
        dg.addUint16(classId)

    @classmethod
    def interest(cls, context, interest, parentId, zones):
        dg = PyDatagram()
        dg.addUint16(cls.CLIENT_ADD_INTEREST_MULTIPLE)
        dg.addUint32(context)
        dg.addUint16(interest)
        dg.addUint32(parentId)
        dg.addUint16(len(zones))
        for zone in zones:
            dg.addUint32(zone)
        return dg

    @classmethod
    def noInterest(cls, context, interest):
        dg = PyDatagram()
        dg.addUint16(cls.CLIENT_REMOVE_INTEREST)
        dg.addUint32(context)
        dg.addUint16(interest)
        return dg

    @staticmethod
    def readDone(di):
        context = di.getUint32()
        return context, di.getUint16()

    @classmethod
    def postRemove(cls, sender, message):
        dg = controlMessage(cls, cls.CONTROL_ADD_POST_REMOVE)
        dg.addChannel(sender)
        dg.addBlob(message.getMessage())
        return dg

    @classmethod
    def setAi(cls, doId, ai, sender):
        dg = message(doId, sender, cls.SET_AI)
        dg.addChannel(ai)
        return dg


def message(channel, sender, msgType):
    """A message inside the cluster, as far as its number: to one channel, from another."""
    dg = PyDatagram()
    dg.addUint8(1)
    dg.addChannel(channel)
    dg.addChannel(sender)
    dg.addUint16(msgType)
    return dg


def controlMessage(dialect, msgType):
    """A message to the Message Director itself, as far as its number."""
    dg = PyDatagram()
    dg.addUint8(1)
    dg.addChannel(dialect.CONTROL_CHANNEL)
    dg.addUint16(msgType)
    return dg


DIALECTS = {dialect.name: dialect for dialect in (OpenOtp, Astron)}
