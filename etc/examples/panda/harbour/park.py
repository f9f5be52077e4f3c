"""Places: the park itself, and the districts in it."""

from .thing import Thing, ThingAI


class DistributedPark(Thing):
    """A place, as a client sees it."""

    name = ""
    motd = ""

    def setName(self, name):
        self.name = name

    def setMotd(self, motd):
        """The message of the day."""
        self.motd = motd

    def hasParentingRules(self):
        # Panda3D opens an interest only below an object that says that it can be a parent.
        return True


class DistributedParkAI(ThingAI):
    """A place, as the AI that runs it has it."""

    name = ""
    motd = ""

    def setName(self, name):
        self.name = name

    def setMotd(self, motd):
        self.motd = motd

    def getName(self):
        return self.name

    def getMotd(self):
        return self.motd
