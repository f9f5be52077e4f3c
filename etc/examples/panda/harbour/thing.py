"""What all objects of the park have in common, on each side."""

from direct.distributed.DistributedObject import DistributedObject
from direct.distributed.DistributedObjectAI import DistributedObjectAI


class Node:
    """The fields of `DistributedNode` in park.dc: a name, and where somebody stands."""

    name = ""
    x = y = h = 0.0

    def setName(self, name):
        self.name = name

    def getName(self):
        return self.name

    def setX(self, x):
        self.x = x

    def getX(self):
        return self.x

    def setY(self, y):
        self.y = y

    def getY(self):
        return self.y

    def setH(self, h):
        self.h = h

    def getH(self):
        return self.h

    def setXYH(self, x, y, h):
        """A molecular field: the three of them in one message."""
        self.setX(x)
        self.setY(y)
        self.setH(h)


class Thing(DistributedObject):
    """An object as a client sees it."""

    def sendUpdate(self, fieldName, args=(), sendToId=None):
        # Panda3D writes this message with Astron's number; our repository knows both dialects.
        self.cr.sendUpdate(self, fieldName, args)


class ThingAI(DistributedObjectAI):
    """An object as its AI has it. What is made of what comes from elsewhere is made by the class
    alone, so its constructor needs nothing but the connection."""

    # Panda3D would give ids back for new objects; here each is given once.
    doNotDeallocateChannel = True
