"""People: the gate at which they say who they are, and the visitors that they are then."""

from direct.distributed.DistributedObjectGlobal import DistributedObjectGlobal
from direct.distributed.DistributedObjectGlobalUD import DistributedObjectGlobalUD
from direct.distributed.DistributedObjectOV import DistributedObjectOV

from .thing import Node, Thing, ThingAI


class LoginManager(DistributedObjectGlobal):
    """The gate, as a client sees it: an UberDOG, which is there from the start."""

    result = None

    def login(self, username, password):
        """Asks to be let in. The answer comes as `loginResult`."""
        self.result = None
        self.cr.sendUpdate(self, "login", [username, password])

    def loginResult(self, code, why, visitor):
        """0: welcome, as this visitor; 1: wrong name or password; 2: not now."""
        self.result = (code, why, visitor)


class LoginManagerUD(DistributedObjectGlobalUD):
    """The gate, as an UberDOG of the game runs it. With `openotp` the daemon brings one."""

    def login(self, username, password):
        client = self.air.getMsgSender()
        self.air.clientAsks(client, username, password)

    def sessionOver(self):
        """The Client Agent says this in the name of a client that is gone."""
        self.air.clientIsGone(self.air.getMsgSender())


class Visitor(Node, Thing):
    """Somebody else in the park."""

    def __init__(self, cr):
        Thing.__init__(self, cr)
        self.said = []
        self.waved = 0

    def setHat(self, kind):
        self.hat = kind

    def setScarf(self, kind, colour):
        self.scarf = (kind, colour)

    def say(self, words):
        self.said.append(words)

    def wave(self, times):
        self.waved += times


class VisitorOV(Node, DistributedObjectOV):
    """Myself: the visitor as the client has it that owns him."""

    account = purse = None

    def setAccount(self, account):
        self.account = account

    def setHat(self, kind):
        self.hat = kind

    def setScarf(self, kind, colour):
        self.scarf = (kind, colour)

    def setPurse(self, pence):
        # `ownrecv` in park.dc: nobody but the owner is told.
        self.purse = pence

    def setLocation(self, parentId, zoneId):
        self.parentId, self.zoneId = parentId, zoneId

    def sendUpdate(self, fieldName, args=(), sendToId=None):
        self.cr.sendUpdate(self, fieldName, args)

    # A client does not hear what it has asked for itself. In Panda3D's names, d_ is for what is
    # distributed, and b_ for both: the others are told, and it is done here.

    def b_setXYH(self, x, y, h):
        self.sendUpdate("setXYH", [x, y, h])
        self.setXYH(x, y, h)

    def b_setLocation(self, parentId, zoneId):
        self.cr.sendSetLocation(self.doId, parentId, zoneId)
        self.setLocation(parentId, zoneId)
        seen = self.cr.doId2do.get(self.doId)
        if seen is not None:
            seen.setLocation(parentId, zoneId)


class VisitorAI(Node, ThingAI):
    """A visitor, as the AI of the district has him that he is in."""

    account = 0
    purse = 500

    def setAccount(self, account):
        self.account = account

    def getAccount(self):
        return self.account

    def setHat(self, kind):
        self.hat = kind

    def getHat(self):
        return 3

    def setScarf(self, kind, colour):
        self.scarf = (kind, colour)

    def getScarf(self):
        return (1, 2)

    def setPurse(self, pence):
        self.purse = pence

    def getPurse(self):
        return self.purse

    def setXYH(self, x, y, h):
        # `airecv` in park.dc: the AI is told where its visitors go.
        Node.setXYH(self, x, y, h)
        self.air.visitorMoved(self)
