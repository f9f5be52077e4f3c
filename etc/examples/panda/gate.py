#!/usr/bin/env python3
"""An UberDOG: the gate of a park that speaks `astron`. With `openotp` the daemon has one built in
(`type: login`), which keeps accounts in its Database; this one keeps them in memory.

    gate.py --director http://localhost:7199

It ends by itself after `--seconds`, or when it is told to.
"""

import argparse
import hashlib
import hmac
import os
import time

import settings
from direct.showbase.ShowBase import ShowBase

from dialect import Astron, message
from harbour.park import DistributedParkAI
from harbour.people import VisitorAI
from internal import Internal

GATE, PARK, ENTRANCE = 4665, 5000, 1
WELCOME, WRONG_PASSWORD, NOT_NOW = 0, 1, 2
ESTABLISHED = 2  # the state of a client that has logged in


class Gate(Internal):
    """Who comes says who he is, and gets a visitor."""

    def __init__(self, *args, **kwargs):
        Internal.__init__(self, *args, **kwargs)
        self.accounts = {}  # name: (salt, hash, visitor)
        self.clients = {}  # channel of a client: its visitor, or None

    def open(self):
        self.gate = self.generateGlobalObject(GATE, "LoginManager")
        park = DistributedParkAI(self)
        park.setName("the park")
        park.setMotd("welcome to the park")
        park.generateWithRequiredAndId(PARK, 0, 0)
        self.manage(PARK)

    def clientAsks(self, client, name, password):
        if client not in self.clients:
            self.clients[client] = None
            self.wantToKnowWhenGone(client)
        salt, kept, visitor = self.accounts.get(name) or self.register(name, password)
        if not hmac.compare_digest(hashed(password, salt), kept):
            return self.answer(client, WRONG_PASSWORD, "wrong name or password", 0)
        if visitor in self.clients.values():
            return self.answer(client, NOT_NOW, "you are in the park already", 0)
        self.letIn(client, name, visitor)

    def register(self, name, password):
        salt = os.urandom(16)
        self.accounts[name] = salt, hashed(password, salt), self.allocateChannel()
        return self.accounts[name]

    def letIn(self, client, name, visitor):
        self.clients[client] = visitor
        # The client may open interests below the park; it loses the visitor when it goes, and goes
        # when it loses him; and it may do what clients do that have logged in.
        self.tellAgent(client, Astron.AGENT_DECLARE_OBJECT, self.dclassesByName["DistributedParkAI"], PARK)
        self.tellAgent(client, Astron.AGENT_ADD_SESSION_OBJECT, None, visitor)
        dg = message(client, GATE, Astron.AGENT_SET_STATE)
        dg.addUint16(ESTABLISHED)
        self.send(dg)
        # The visitor himself, and that the client owns him.
        obj = VisitorAI(self)
        obj.setName(name)
        obj.generateWithRequiredAndId(visitor, PARK, ENTRANCE)
        dg = message(visitor, GATE, Astron.SET_OWNER)
        dg.addChannel(client)
        self.send(dg)
        self.answer(client, WELCOME, "welcome", visitor)

    def tellAgent(self, client, msgType, dclass, doId):
        dg = message(client, GATE, msgType)
        dg.addUint32(doId)
        if dclass is not None:
            dg.addUint16(dclass.getNumber())
        self.send(dg)

    def wantToKnowWhenGone(self, client):
        """The Client Agent sends this when the client has ended, in whatever way."""
        over = self.gate.dclass.aiFormatUpdateMsgType(
            "sessionOver", GATE, GATE, client, Astron.UPDATE_FIELD, []
        )
        dg = message(client, GATE, Astron.AGENT_ADD_POST_REMOVE)
        dg.addBlob(over.getMessage())
        self.send(dg)

    def clientIsGone(self, client):
        # The visitor was a session object: the Client Agent has deleted him.
        visitor = self.clients.pop(client, None)
        obj = self.doId2do.get(visitor)
        if obj is not None:
            self.removeDOFromTables(obj)
            obj.delete()

    def answer(self, client, code, why, visitor):
        # An update that goes to one client instead of the object: it knows all UberDOGs.
        self.sendUpdateToChannel(self.gate, client, "loginResult", [code, why, visitor])


def hashed(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << 14, r=8, p=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--director", default="http://localhost:7199")
    parser.add_argument("--seconds", type=float, default=3600)
    options = parser.parse_args()
    ShowBase()
    air = Gate(Astron, settings.DC_FILES, "UD", channel=30_000, stateServer=4002)
    air.begin(options.director)
    settings.wait_for(air.isConnected, "a connection to the Message Director")
    air.open()
    print("the gate is open", flush=True)
    until = time.monotonic() + options.seconds
    while not air.isLost and time.monotonic() < until:
        base.taskMgr.step()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
