#!/usr/bin/env python3
"""An AI: it runs the harbour, a district of the park, and the ferry in it.

    ai.py --dialect openotp --director http://localhost:7199

It ends by itself after `--seconds`, or when it is told to.
"""

import argparse
import time

import settings
from direct.showbase.ShowBase import ShowBase

from dialect import DIALECTS
from harbour.boats import DistributedFerryAI
from harbour.park import DistributedParkAI
from internal import Internal

PARK, ENTRANCE = 5000, 1
# The harbour stands at the entrance of the park; its ferry is in a zone below the harbour.
HARBOUR, FERRY, QUAY = 20_001, 20_002, 10


class HarbourAI(Internal):
    """Everybody who comes to the harbour is greeted from the ferry."""

    def open(self):
        harbour = DistributedParkAI(self)
        harbour.setName("the harbour")
        harbour.setMotd("mind the gap")
        harbour.generateWithRequiredAndId(HARBOUR, PARK, ENTRANCE)
        # Whatever comes below the harbour is ours from then on.
        self.manage(HARBOUR)
        self.ferry = DistributedFerryAI(self)
        self.ferry.setName("Gull")
        self.ferry.generateWithRequiredAndId(FERRY, HARBOUR, QUAY)
        base.taskMgr.doMethodLater(0.2, self.sail, "sail")

    def sail(self, task):
        self.ferry.sail()
        return task.again

    def arrived(self, obj):
        self.ferry.call("welcome aboard, %s" % obj.getName())

    def visitorMoved(self, visitor):
        self.ferry.call("%s is at %g, %g" % (visitor.getName(), visitor.x, visitor.y))

    def left(self, obj):
        if obj.doId not in (HARBOUR, FERRY):
            self.ferry.call("farewell, %s" % obj.getName())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dialect", choices=DIALECTS, default="openotp")
    parser.add_argument("--director", default="http://localhost:7199")
    parser.add_argument("--seconds", type=float, default=3600)
    options = parser.parse_args()
    ShowBase()
    dialect = DIALECTS[options.dialect]
    air = HarbourAI(dialect, settings.DC_FILES, "AI", channel=20_000, stateServer=4002)
    air.begin(options.director)
    settings.wait_for(air.isConnected, "a connection to the Message Director")
    air.open()
    print("the harbour is open", flush=True)
    until = time.monotonic() + options.seconds
    while not air.isLost and time.monotonic() < until:
        base.taskMgr.step()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
