"""A game client as the tests have it: one TCP connection to a Client Agent.

It says what it is told to say, good or bad, and keeps what it hears in order, as the participants of
../otp.py do; `expect` and its kin demand what comes next, and nothing else in between.
"""

import select
import socket
import struct
from collections import deque

from otp import ANY, PATIENCE, Closed, Connection, Mismatch
from protocol import NEW, Expected, Word
from world import NUMBERS


class Visitor(Connection):
    """A client. `channel` is what the cluster calls it, once somebody has found that out."""

    def __init__(self, gate, protocol, opening=b""):
        """`opening`: bytes that come before everything else, as a proxy's header does."""
        self.gate, self.protocol, self.dialect = gate, protocol, protocol
        self.came, self.unread, self.channel = deque(), b"", 0
        self.state, self.is_open = NEW, True
        self.socket = socket.create_connection(("127.0.0.1", gate.port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        if opening:
            self.write(opening)

    def read_frame(self, body):
        return Word(self.protocol, body)

    # Saying things.

    def says(self, name, **args):
        """A message of the client protocol."""
        self.say(self.protocol.encode(name, **args))

    def hello(self, version=None, dc_hash=None):
        """HELLO; what is not given is right."""
        version = self.gate.version if version is None else version
        dc_hash = self.gate.dc_hash if dc_hash is None else dc_hash
        self.says("Hello", dc_hash=dc_hash, version=version)

    def update(self, thing, field, value=b""):
        """An update of an object, or of a number that may be one."""
        do_id, number = getattr(thing, "do_id", thing), NUMBERS.get(field, field)
        self.says("UpdateField", do_id=do_id, field=number, value=value)

    def opens(self, interest, parent, *zones, context=0):
        """Asks for an interest, or to alter one."""
        parent = getattr(parent, "do_id", parent)
        self.say(self.protocol.interest(context, interest, parent, list(zones)))

    def closes(self, interest, context=0):
        self.says("RemoveInterest", interest=interest, context=context)

    def moves(self, thing, parent, zone):
        """Asks for an object to be moved."""
        parent = getattr(parent, "do_id", parent)
        self.says("Location", do_id=getattr(thing, "do_id", thing), parent=parent, zone=zone)

    def write_to_the_end(self, bytes_):
        """Writes what the other side may not want to read to its end."""
        try:
            self.write(bytes_)
        except (Closed, ConnectionResetError, BrokenPipeError):
            pass

    def leaves(self):
        """Says that it goes, and is let go."""
        self.says("Disconnect")
        self.expect_closed()

    def vanishes(self):
        """Goes without a word."""
        self.is_open = False
        self.socket.close()

    def crashes(self):
        """Its connection is reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.vanishes()

    def falls_silent(self):
        """Says that nothing follows, and still listens: then it is let go."""
        self.socket.shutdown(socket.SHUT_WR)
        self.expect_closed()

    # Hearing things.

    def word(self, name, **args):
        """A message that should come."""
        return Expected(self.protocol, name, **args)

    def expect_mark(self, token):
        """Hears on until the mark of the cluster; what came before it stays to be looked at."""
        self.expect_nothing_before(lambda word: word.name == "Mark" and word.args["token"] == token)

    def must_be_there(self):
        """Its connection stands, and it has not been ejected."""
        if select.select([self.socket], [], [], 0)[0]:
            self._read()
        for word in self.came:
            if word.name == "Eject":
                raise Mismatch(f"a client that should be there was ejected: {word}")

    def expect_ejected(self, code, reason=ANY):
        """It is told why, with some words at least, and then the connection ends."""
        if reason is not ANY and isinstance(reason, str):
            reason = reason.encode()
        word = self.hear()
        if word is None or not self.word("Eject", code=code, reason=reason).matches(word):
            raise Mismatch(self._complaint([[self.word("Eject", code=code, reason=reason)]], word, 0))
        if not word.args["reason"]:
            raise Mismatch(f"ejected with {code}, but not told why")
        self.expect_closed()
        return word.args["reason"].decode()

    def expect_closed(self):
        """The connection ends, and nothing comes before that."""
        self.is_open = False
        try:
            word = self.hear()
        except (Closed, ConnectionResetError):
            return
        raise Mismatch(f"the connection should have ended, but there came {word or 'nothing'}")
