"""Bytes: how a client's messages are cut out of them, and what becomes of messages that are none."""

from ground import BOOTH, KIOSK
from otp import ANY, frame
from protocol import EXCESS, INVALID, NO_HELLO, TRUNCATED
from world import NUMBERS, text, u16


def question(client, words):
    """A message to the kiosk, as a frame."""
    return frame(client.protocol.encode("UpdateField", do_id=KIOSK, field=NUMBERS["ask"], value=text(words)))


def asked(t, client, words):
    """The same, as the kiosk hears it."""
    return t.dg(KIOSK, client.channel, "UpdateField", do_id=KIOSK, field=NUMBERS["ask"], value=text(words))


def hello(client):
    return frame(client.protocol.encode("Hello", dc_hash=client.gate.dc_hash, version=client.gate.version))


def test_byte_by_byte(t):
    """From HELLO on."""
    t.listen(KIOSK)
    anna = t.stranger()
    for byte in hello(anna):
        anna.write(bytes([byte]))
    anna.expect(anna.word("HelloResp"))
    bert = t.guest()
    for byte in question(bert, "slowly") + question(bert, "very"):
        bert.write(bytes([byte]))
    t.expect(asked(t, bert, "slowly"), asked(t, bert, "very"))


def test_cut_anywhere(t):
    """Two messages in two pieces, cut at each place; what is incomplete waits."""
    t.listen(KIOSK)
    anna = t.guest()
    both = question(anna, "one") + question(anna, "two")
    for cut in range(1, len(both)):
        anna.write(both[:cut])
        t.await_mark(anna)
        anna.write(both[cut:])
        t.expect(asked(t, anna, "one"), asked(t, anna, "two"))


def test_many_in_one_piece(t):
    t.listen(KIOSK)
    anna = t.guest()
    anna.write(b"".join(question(anna, str(number)) for number in range(500)))
    t.expect(*[asked(t, anna, str(number)) for number in range(500)])


def test_nobody_needs_to_wait_for_the_greeting(t):
    """HELLO, and what comes behind it in the same breath."""
    t.listen(BOOTH)
    anna = t.stranger()
    login = anna.protocol.encode("UpdateField", do_id=BOOTH, field=NUMBERS["logIn"], value=text("anna"))
    anna.write(hello(anna) + frame(anna.protocol.encode("Heartbeat")) * 3 + frame(login))
    anna.expect(anna.word("HelloResp"))
    t.expect(t.dg(BOOTH, ANY, "UpdateField", do_id=BOOTH, field=NUMBERS["logIn"], value=text("anna")))


def test_nobody_needs_to_wait_to_leave(t):
    """What was said before is done."""
    t.listen(KIOSK)
    anna = t.guest()
    anna.write(question(anna, "one") + question(anna, "two") + frame(anna.protocol.encode("Disconnect")))
    t.expect(asked(t, anna, "one"), asked(t, anna, "two"))
    anna.expect_closed()


def test_a_whole_visit_in_one_piece(t):
    """Interests, updates and more, answered in order."""
    t.listen(KIOSK)
    meadow, zone, anna = t.meadow(), t.zone(), t.guest()
    ride = t.ride(meadow, zone)
    interest = frame(anna.protocol.interest(1, 1, meadow.do_id, [zone]))
    anna.write(question(anna, "a") + interest + question(anna, "b"))
    anna.expect(t.seen(ride), t.done(1, 1))
    t.expect(asked(t, anna, "a"), asked(t, anna, "b"))


def test_what_comes_before_a_bad_message_is_done(t):
    """In the same piece; and what comes behind it is not."""
    t.listen(KIOSK)
    anna = t.guest()
    anna.write(question(anna, "before") + frame(u16(60_000)) + question(anna, "behind"))
    t.expect(asked(t, anna, "before"))
    anna.expect_ejected(INVALID)
    t.nothing_comes()


def messages(client):
    """A good message of each kind."""
    encode = client.protocol.encode
    found = [encode("Heartbeat"), encode("Disconnect"), encode("Location", do_id=1, parent=2, zone=3),
             encode("RemoveInterest", interest=1, context=2)]
    if client.protocol.astron:
        found += [client.protocol.interest(1, 1, 5, [6]), client.protocol.interest(1, 1, 5, [6, 7])]
    return found


def test_messages_that_are_cut(t):
    """Each of them, wherever it ends; there are no parameters to be missing of some."""
    whole = [message for message in messages(t.guest()) if len(message) > 2]
    whole.append(t.clients[0].protocol.encode("UpdateField", do_id=KIOSK, field=1, value=b"")[:8])
    if not t.astron:
        whole.append(t.clients[0].protocol.interest(1, 1, 5, [])[:12])
    for message in whole:
        for end in range(2, len(message)):
            anna = t.guest()
            anna.say(message[:end])
            anna.expect_ejected(TRUNCATED)
    t.nothing_comes()


def test_less_than_a_type(t):
    for body in [b"", b"\x05"]:
        anna = t.guest()
        anna.say(body)
        anna.expect_ejected(TRUNCATED)


def test_messages_with_more_behind_them(t):
    for message in messages(t.guest()):
        for more in [b"\0", b"more of it"]:
            anna = t.guest()
            anna.say(message + more)
            anna.expect_ejected(EXCESS)
    t.nothing_comes()


def test_zones_that_are_cut(t):
    """`openotp`: they go to the end. `astron`: they are counted."""
    for number in [1, 2, 3]:
        anna = t.guest()
        message = anna.protocol.interest(1, 1, t.do(), [5, 6, 7])
        anna.say(message[:-number])
        anna.expect_ejected(TRUNCATED)


def test_what_only_servers_say(t):
    """Every message to clients that no client may say."""
    protocol = t.guest().protocol
    said = {shape.number for shape in protocol.said.values()}
    for name, shape in protocol.heard.items():
        if shape.number not in said:
            anna = t.guest()
            anna.say(u16(shape.number) + bytes(12))
            anna.expect_ejected(INVALID)
    t.nothing_comes()


def test_what_the_other_dialect_says(t):
    """Its numbers are nothing here."""
    others = [24, 37, 52, 97, 99, 102] if t.astron else [3, 5, 120, 121, 140, 200, 201, 203]
    for number in others:
        anna = t.guest()
        anna.say(u16(number) + bytes(14))
        anna.expect_ejected(INVALID)


def test_a_frame_that_is_too_long(t):
    """`limits.frame_bytes_max`, here 1,002 with the length: closed without a word."""
    anna, bert = t.guests(2, "framed")
    for client, size in [(anna, 999), (bert, 60_000)]:
        client.write_to_the_end(frame(u16(60_000) + bytes(size)))
        client.expect_closed()


def test_a_frame_that_is_just_not_too_long(t):
    anna = t.guest("framed")
    anna.write(u16(1000) + u16(60_000) + bytes(998))
    anna.expect_ejected(INVALID)


def test_the_longest_frame(t):
    """65,535 bytes, if nothing else is configured."""
    anna = t.guest()
    anna.say(u16(60_000) + bytes(65_533))
    anna.expect_ejected(INVALID)


def test_noise(t):
    """Something else than a client calls: it ends its own connection and nothing else."""
    anna = t.guest()
    noises = [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 800, b"\x16\x03\x02" + bytes(70_000),
              b"\xff" * 70_000]
    for noise in noises:
        bert = t.stranger()
        bert.write_to_the_end(noise)
        bert.expect_ejected(NO_HELLO)
    t.nothing_comes()


def test_half_a_message_holds_up_nobody(t):
    t.listen(KIOSK)
    anna, bert = t.guests(2)
    anna.write(question(anna, "half of it")[:9])
    bert.write(question(bert, "all of it"))
    t.expect(asked(t, bert, "all of it"))
    anna.write(question(anna, "half of it")[9:])
    t.expect(asked(t, anna, "half of it"))
