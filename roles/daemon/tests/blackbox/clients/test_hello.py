"""HELLO: the first thing a client says, and what becomes of one that says something else."""

from ground import SECRET_HASH, VERSION
from protocol import BAD_HASH, BAD_VERSION, EXCESS, INVALID, NO_HELLO, TRUNCATED
from world import u16, u32


def test_the_right_version_and_classes_are_greeted(t):
    anna = t.stranger()
    anna.hello()
    anna.expect(anna.word("HelloResp"))


def test_who_says_nothing_hears_nothing(t):
    t.stranger()
    t.nothing_comes()


def test_another_version_is_told_both(t):
    anna = t.stranger()
    anna.hello(version=b"fair-0")
    reason = anna.expect_ejected(BAD_VERSION)
    assert VERSION in reason and "fair-0" in reason, reason


def test_other_classes_are_told_both_hashes(t):
    anna = t.stranger()
    anna.hello(dc_hash=0x12345678)
    reason = anna.expect_ejected(BAD_HASH)
    assert "12345678" in reason and f"{anna.gate.dc_hash:08x}" in reason, reason


def test_the_version_is_looked_at_before_the_hash(t):
    anna = t.stranger()
    anna.hello(version=b"fair-0", dc_hash=1)
    anna.expect_ejected(BAD_VERSION)


def test_a_version_is_compared_whole(t):
    """Neither a beginning of it, nor it with more, nor nothing, nor what is no text."""
    for version in [b"fair-", b"fair-1 ", b"fair-1\0", b"FAIR-1", b"", b"\xff\xfe"]:
        anna = t.stranger()
        anna.hello(version=version)
        anna.expect_ejected(BAD_VERSION)


def test_a_long_version_does_no_harm(t):
    anna = t.stranger()
    anna.hello(version=b"x" * 60_000)
    anna.expect_ejected(BAD_VERSION)


def test_version_and_hash_may_be_secrets(t):
    """`client.send_version`, `client.send_hash`: false."""
    anna, bert = t.stranger("secret"), t.stranger("secret")
    anna.hello(version=b"fair-0")
    assert VERSION not in anna.expect_ejected(BAD_VERSION)
    bert.hello(dc_hash=1)
    assert f"{SECRET_HASH:08x}" not in bert.expect_ejected(BAD_HASH).lower()


def test_the_hash_may_be_configured(t):
    """`manual_dc_hash`, of each Client Agent its own."""
    anna, bert = t.stranger("secret"), t.stranger()
    anna.hello(dc_hash=SECRET_HASH)
    anna.expect(anna.word("HelloResp"))
    bert.hello(dc_hash=SECRET_HASH)
    bert.expect_ejected(BAD_HASH)


def test_before_hello_nothing_else_is_said(t):
    """Whatever it is."""
    says = [
        lambda c: c.says("Heartbeat"),
        lambda c: c.says("Disconnect"),
        lambda c: c.update(4701, "knock", u32(1)),
        lambda c: c.update(5, 5, b""),
        lambda c: c.opens(1, 5, 6),
        lambda c: c.closes(1),
        lambda c: c.moves(5, 6, 7),
        lambda c: c.say(u16(60_000)),
        lambda c: c.say(b""),
        lambda c: c.say(b"\x01"),
    ]
    for say in says:
        anna = t.stranger()
        say(anna)
        anna.expect_ejected(NO_HELLO)
    t.nothing_comes()


def test_hello_that_is_cut(t):
    for end in range(2, 2 + 4 + 2 + len(VERSION)):
        anna = t.stranger()
        message = anna.protocol.encode("Hello", dc_hash=anna.gate.dc_hash, version=anna.gate.version)
        anna.say(message[:end])
        anna.expect_ejected(TRUNCATED)


def test_hello_with_more_behind_it(t):
    anna = t.stranger()
    message = anna.protocol.encode("Hello", dc_hash=anna.gate.dc_hash, version=anna.gate.version)
    anna.say(message + b"\0")
    anna.expect_ejected(EXCESS)


def test_hello_is_said_once(t):
    anna = t.visitor()
    anna.hello()
    anna.expect_ejected(INVALID)


def test_nor_by_who_has_logged_in(t):
    anna = t.guest()
    anna.hello()
    anna.expect_ejected(INVALID)


def test_every_client_has_a_channel_of_its_own_in_the_range(t):
    clients = [t.visitor() for _ in range(12)]
    channels = [client.channel for client in clients]
    assert len(set(channels)) == 12, channels
    assert all(channel in t.gate("open").channels for channel in channels), channels
