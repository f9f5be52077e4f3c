"""Boats: an AI moves them, clients see them."""

from .thing import Node, Thing, ThingAI


class DistributedFerry(Node, Thing):
    """The ferry, as a client sees it."""

    def __init__(self, cr):
        Thing.__init__(self, cr)
        self.moves = 0
        self.heard = []

    def setXYH(self, x, y, h):
        Node.setXYH(self, x, y, h)
        self.moves += 1

    def hail(self, words, loudness):
        """Somebody calls, and all who are near hear it."""
        self.heard.append(words)


class DistributedFerryAI(Node, ThingAI):
    """The ferry, as its AI has it. It goes to and fro."""

    step = 0

    # What required fields a new ferry has, beside those of a Node. A struct is a tuple.

    rudder = 0  # a field that is no method is an attribute

    def getBerth(self):
        return (3, 12)

    def getCargo(self):
        return [("herring", 250, b"seal")]

    def sail(self):
        """One step further. Who has an interest in the zone hears of it."""
        self.step += 1
        x = abs(self.step % 40 - 20) / 2.0
        self.setXYH(x, 0.0, 90.0)
        self.sendUpdate("setXYH", [self.x, self.y, self.h])

    def call(self, words):
        self.sendUpdate("hail", [words, 5])
