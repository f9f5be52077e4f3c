#!/usr/bin/env python3
"""A visit to the park: a whole game client, without a picture.

    visit.py --url http://localhost:7198 --name Anna --password sesame
    visit.py --url https://localhost:7196 --authority ca.pem ...   the same, encrypted
    visit.py ... --friend Bert       stays until Bert has been met, who must look for us too
    visit.py ... --break-rules       does what is forbidden, and is shown out for it

Each step is said when it is done. The exit code is 0 if all of them were.
"""

import argparse
import sys

import settings
from direct.showbase.ShowBase import ShowBase

from client import ENTRANCE, PARK, ParkClient
from dialect import DIALECTS
from harbour.boats import DistributedFerry
from harbour.park import DistributedPark
from harbour.people import Visitor
from settings import wait_for

VERSION = "park-1"
QUAY = 10  # the zone of the harbour in which the ferry is
FORBIDDEN_FIELD = 118  # the code for who sends a field that he may not

METHODS = {
    "native": ParkClient.CM_NATIVE,
    "net": ParkClient.CM_NET,
    "http": ParkClient.CM_HTTP,
}


def done(what):
    print("  " + what, flush=True)


def connect(options):
    """Until the server has greeted us."""
    cr = ParkClient(DIALECTS[options.dialect], settings.DC_FILES, METHODS[options.method])
    if options.authority:
        cr.trust(options.authority)
    cr.begin(options.url, VERSION)
    wait_for(lambda: cr.isWelcome or cr.failure or cr.ejected, "an answer to our greeting")
    if cr.failure or cr.ejected:
        sys.exit("no connection: %s" % (cr.failure or cr.ejected,))
    done("connected by %s" % options.url)
    return cr


def log_in(cr, name, password):
    """Until we are in the park as our visitor."""
    cr.gate.login(name, password)
    code, why, visitor = wait_for(lambda: cr.gate.result, "an answer of the gate")
    if code != 0:
        sys.exit("not let in: %s" % why)
    cr.enterPark()
    me = wait_for(lambda: cr.doId2ownerView.get(visitor), "our own visitor")
    assert me.getName() == name and me.purse == 500 and me.account is None
    done("logged in as %s, visitor %d" % (me.getName(), visitor))
    return me


def look(cr, parent, zone, what):
    """Opens an interest, until all that is there has been shown."""
    seen = []
    cr.acceptOnce("seen", lambda: seen.append(True))
    cr.addInterest(parent, [zone], what, event="seen")
    wait_for(lambda: seen, "the interest in %s" % what)
    done("sees %s: %s" % (what, ", ".join(sorted(obj.name for obj in cr.getDoList(parent, zone)))))


def only(cr, kind):
    return wait_for(lambda: cr.findAnyOfType(kind), "a %s" % kind.__name__)


def visit(cr, options):
    me = log_in(cr, options.name, options.password)
    wait_for(lambda: me.getLocation() == (PARK, ENTRANCE), "our visitor at the entrance")
    look(cr, PARK, ENTRANCE, "the entrance")
    harbour = wait_for(lambda: cr.getDoList(PARK, ENTRANCE, DistributedPark), "the harbour")[0]
    assert (harbour.name, harbour.motd) == ("the harbour", "mind the gap")

    look(cr, harbour.doId, QUAY, "the quay")
    ferry = only(cr, DistributedFerry)
    assert ferry.getName() == "Gull"
    moves = ferry.moves
    wait_for(lambda: ferry.moves > moves + 2, "the ferry to move")
    done("the ferry moves")
    if options.break_rules:
        return break_rules(cr, ferry)

    me.b_setLocation(harbour.doId, QUAY)
    welcome = "welcome aboard, %s" % options.name
    wait_for(lambda: welcome in ferry.heard, "a welcome from the ferry")
    done("went to the quay, and was welcomed")

    me.b_setXYH(3, 4.5, 90)
    wait_for(lambda: "%s is at 3, 4.5" % options.name in ferry.heard, "the ferry to see us move")
    done("moved, and the harbour's AI saw it")
    if options.friend:
        meet(cr, me, ferry, options.friend)


def meet(cr, me, ferry, name):
    """We wave and speak to each other, and both call the ferry."""

    def friends():
        # Whoever is on the quay sees us there.
        here = cr.getDoList(me.parentId, me.zoneId, Visitor)
        return [visitor for visitor in here if visitor.getName() == name]

    friend = wait_for(friends, name, seconds=40)[0]
    me.sendUpdate("wave", [3])
    me.sendUpdate("say", ["hello %s" % name])
    ferry.sendUpdate("hail", ["ahoy from %s" % me.getName(), 9])
    wait_for(lambda: friend.said and friend.waved == 3, "a word and a wave of %s" % name)
    wait_for(lambda: "ahoy from %s" % name in ferry.heard, "a call of %s" % name)
    assert friend.said == ["hello %s" % me.getName()], friend.said
    assert friend.doId not in cr.doId2ownerView
    done("%s waved, said %r and called the ferry" % (name, friend.said[0]))


def break_rules(cr, ferry):
    ferry.sendUpdate("setName", ["Mine"])
    code, why = wait_for(lambda: cr.ejected, "to be shown out")
    assert code == FORBIDDEN_FIELD, (code, why)
    wait_for(lambda: cr.isLost, "the end of the connection")
    done("was shown out: %s" % why)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--dialect", choices=DIALECTS, default="openotp")
    parser.add_argument("--url", default="http://localhost:7198")
    parser.add_argument("--method", choices=METHODS, default="http", help="https needs http")
    parser.add_argument("--authority", help="who must have signed the server's certificate")
    parser.add_argument("--name", default="Anna")
    parser.add_argument("--password", default="sesame")
    parser.add_argument("--friend")
    parser.add_argument("--break-rules", action="store_true")
    options = parser.parse_args()
    ShowBase()
    cr = connect(options)
    visit(cr, options)
    if not cr.ejected:
        cr.leave()
    done("all in order")


if __name__ == "__main__":
    main()
