"""SMTP against a real server that refuses, drops, stalls and lies; nothing gets lost, and nothing gets out that should not."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes import START
from lingpai.core.model import Letter
from lingpai.post import Message, Permanent, SenderDown, SendError, Temporary
from lingpai.post.smtp import SmtpSender
from mailserver import DROP, STALL, Authority, MailServer, mail_server

SENDER = "no-reply@id.example.com"
LETTER = Letter(
    id=7,
    channel="email",
    template="reset",
    recipient="ada@example.com",
    locale="zh-Hans",
    sealed=b"",
    account_id=1,
    created_at=START,
    due_at=START,
    expires_at=START + 1,
    attempts=1,
    state="waiting",
    error="",
)
MESSAGE = Message("重设您的密码", "您好\nhttps://id.example.com/reset?vcode=abc\n", "<p>您好</p>")


def sender_for(url: str, timeout: float = 5.0, product: str = "凌派令牌") -> SmtpSender:
    return SmtpSender(url, SENDER, product, timeout=timeout)


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as house:
        yield house


@pytest.fixture
async def sender(server: MailServer) -> AsyncIterator[SmtpSender]:
    made = sender_for(server.url())
    yield made
    await made.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def refused(sender: SmtpSender, letter: Letter = LETTER, message: Message = MESSAGE) -> SendError:
    with pytest.raises(SendError) as told:
        await sender.send(letter, message)
    await sender.close()
    return told.value


async def test_a_letter_arrives_with_all_that_a_mail_needs(server: MailServer, sender: SmtpSender) -> None:
    await sender.send(LETTER, MESSAGE)
    [arrived] = server.arrived
    mail = arrived.mail
    assert (arrived.sender, arrived.recipients) == (SENDER, ("ada@example.com",))
    assert mail["From"].addresses[0].display_name == "凌派令牌"
    assert mail["From"].addresses[0].addr_spec == SENDER
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "重设您的密码"
    assert mail["Date"].datetime.isoformat() == "2026-09-21T14:13:20+00:00"
    assert mail["Message-ID"] == "<letter-7-mubbs7i8@id.example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "zh-Hans"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().split("\r\n") for part in mail.iter_parts()] == [MESSAGE.text.split("\n"), [MESSAGE.html, ""]]


async def test_content_and_envelope_are_ascii_so_that_every_server_on_the_way_carries_them(server: MailServer, sender: SmtpSender) -> None:
    await sender.send(LETTER, MESSAGE)
    assert server.raw.isascii()
    assert max(len(line) for line in server.raw.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    ("verb", "reply", "kind"),
    [
        ("EHLO", "421 4.3.2 not now", SenderDown),
        ("MAIL", "421 4.3.2 shutting down", Temporary),
        ("MAIL", "451 4.3.0 local error", Temporary),
        ("MAIL", "530 5.7.0 authentication required", Temporary),
        ("MAIL", "550 5.7.1 not from here", Permanent),
        ("RCPT", "421 4.7.0 too many", Temporary),
        ("RCPT", "450 4.2.0 greylisted", Temporary),
        ("RCPT", "452 4.2.2 mailbox full", Temporary),
        ("RCPT", "550 5.1.1 no such user", Permanent),
        ("RCPT", "552 5.2.2 mailbox full", Permanent),
        ("DATA", "451 4.3.0 local error", Temporary),
        ("DATA", "554 5.5.1 no valid recipients", Permanent),
        ("END", "421 4.3.2 shutting down", Temporary),
        ("END", "450 4.2.0 busy", Temporary),
        ("END", "552 5.3.4 too big", Permanent),
        ("END", "554 5.7.1 spam", Permanent),
    ],
)
async def test_a_reply_says_whether_trying_again_makes_sense(
    server: MailServer, sender: SmtpSender, verb: str, reply: str, kind: type[SendError]
) -> None:
    server.says[verb] = [reply]
    told = await refused(sender)
    assert type(told) is kind
    assert str(told) == reply
    assert server.arrived == []


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "END"])
async def test_a_lost_connection_is_temporary_wherever_it_is_lost(server: MailServer, sender: SmtpSender, verb: str) -> None:
    server.says[verb] = [DROP]
    assert type(await refused(sender)) is (SenderDown if verb == "EHLO" else Temporary)


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "END"])
async def test_a_server_that_stalls_is_left_and_the_letter_waits(server: MailServer, verb: str) -> None:
    server.says[verb] = [STALL]
    assert type(await refused(sender_for(server.url(), timeout=0.1))) is (SenderDown if verb == "EHLO" else Temporary)


async def test_nobody_listening_says_nothing_of_the_letter() -> None:
    async with mail_server() as gone:
        url = gone.url()
    assert type(await refused(sender_for(url))) is SenderDown


async def test_a_letter_lost_after_its_final_dot_comes_again_with_the_same_message_id(server: MailServer, sender: SmtpSender) -> None:
    server.says["END"] = [DROP]
    with pytest.raises(Temporary):
        await sender.send(LETTER, MESSAGE)
    await sender.send(replace(LETTER, attempts=2), MESSAGE)
    first, second = server.arrived
    assert first.mail["Message-ID"] == second.mail["Message-ID"]
    assert first.mail["Date"] == second.mail["Date"]


async def test_letters_with_other_numbers_have_other_message_ids(server: MailServer, sender: SmtpSender) -> None:
    for letter in (LETTER, replace(LETTER, id=8), replace(LETTER, created_at=START + 1)):
        await sender.send(letter, MESSAGE)
    assert len({arrived.mail["Message-ID"] for arrived in server.arrived}) == 3


# Encryption


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
async def test_a_certificate_that_checks_is_used_and_the_login_goes_through_it(authority: Authority, scheme: str) -> None:
    async with mail_server(authority.context("127.0.0.1"), at_once=scheme == "smtps", auth_require_tls=scheme == "smtp") as server:
        made = sender_for(server.url("ada%40example.com:right@", scheme, f"?ca={authority.file}"))
        await made.send(LETTER, MESSAGE)
        await made.close()
    assert [arrived.encrypted for arrived in server.arrived] == [scheme == "smtp"]  # aiosmtpd notes STARTTLS only
    assert server.logins == [(b"ada@example.com", b"right")]


@pytest.mark.parametrize("trouble", ["unknown issuer", "another host"])
@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
async def test_a_bad_certificate_keeps_the_letter_and_the_password_at_home(
    authority: Authority, tmp_path: Path, scheme: str, trouble: str
) -> None:
    trusted = authority if trouble == "another host" else Authority(tmp_path, "Another authority")
    context = authority.context("127.0.0.2" if trouble == "another host" else "127.0.0.1")
    async with mail_server(context, at_once=scheme == "smtps") as server:
        told = await refused(sender_for(server.url("ada:right@", scheme, f"?ca={trusted.file}")))
    assert type(told) is SenderDown
    assert "CERTIFICATE_VERIFY_FAILED" in str(told)
    assert server.arrived == []
    assert {b"MAIL", b"AUTH"}.isdisjoint(server.commands())


@pytest.mark.parametrize("claimed", [[], ["250-STARTTLS"]], ids=["not offered", "offered and refused"])
async def test_without_starttls_nothing_is_said_in_clear(server: MailServer, claimed: list[str]) -> None:
    server.extensions = claimed
    told = await refused(sender_for(server.url("ada:right@", query="?tls=required")))
    assert type(told) is SenderDown
    assert {b"MAIL", b"AUTH"}.isdisjoint(server.commands())
    assert server.commands()[0] == b"EHLO"


async def test_to_a_loopback_host_starttls_is_not_needed_unless_asked_for(server: MailServer) -> None:
    for query in ("", "?tls=off"):
        made = sender_for(server.url(query=query))
        await made.send(LETTER, MESSAGE)
        await made.close()
    assert len(server.arrived) == 2


@pytest.mark.parametrize("host", ["mail.example.com", "192.0.2.1", "localhost.example.com", "[2001:db8::1]"])
def test_every_other_host_needs_starttls(host: str) -> None:
    from lingpai.post.relay import Relay

    assert Relay.parse(f"smtp://{host}").tls == "required"
    assert Relay.parse(f"smtp://{host}?tls=off").tls == "off"
    assert Relay.parse(f"smtps://{host}").tls == "at-once"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "smtp://",
        "smtp://u:hunter2@127.0.0.1:99999",
        "smtp://u:hunter2@127.0.0.1/path",
        "smtp://u:hunter2@127.0.0.1?tls=no",
        "smtp://u:hunter2@127.0.0.1?tls=off&tls=off",
        "smtps://u:hunter2@127.0.0.1?tls=off",
        "smtp://u:hunter2@127.0.0.1?verify=no",
    ],
)
def test_a_url_that_does_not_fit_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="expected smtp://") as told:
        sender_for(url)
    assert "hunter2" not in str(told.value)


def test_a_missing_ca_file_is_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no-such-file"):
        sender_for(f"smtps://127.0.0.1?ca={tmp_path}/no-such-file")


async def test_a_login_that_fails_keeps_the_letter_waiting(server: MailServer) -> None:
    told = await refused(sender_for(server.url("ada:wrong@")))
    assert type(told) is SenderDown
    assert str(told).startswith("535")
    assert b"MAIL" not in server.commands()


# Addresses


async def test_a_local_part_beyond_ascii_goes_by_smtputf8(server: MailServer, sender: SmtpSender) -> None:
    await sender.send(replace(LETTER, recipient="用户@例子.广告"), MESSAGE)
    [arrived] = server.arrived
    assert arrived.utf8
    assert arrived.recipients == ("用户@xn--fsqu00a.xn--4rr70v",)
    assert arrived.mail["To"].addresses[0].username == "用户"


async def test_without_smtputf8_such_an_address_is_given_up_with_the_reason() -> None:
    async with mail_server(enable_SMTPUTF8=False) as server:
        told = await refused(sender_for(server.url()), replace(LETTER, recipient="用户@例子.广告"))
    assert type(told) is Permanent
    assert "SMTPUTF8" in str(told)
    assert b"MAIL" not in server.commands()


async def test_a_domain_beyond_ascii_needs_no_smtputf8() -> None:
    async with mail_server(enable_SMTPUTF8=False) as server:
        made = sender_for(server.url())
        await made.send(replace(LETTER, recipient="ada@例子.广告"), MESSAGE)
        await made.close()
    assert [arrived.recipients for arrived in server.arrived] == [("ada@xn--fsqu00a.xn--4rr70v",)]


async def test_the_longest_address_is_one_recipient_and_one_header(server: MailServer, sender: SmtpSender) -> None:
    longest = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 50}.example.com"
    await sender.send(replace(LETTER, recipient=longest), MESSAGE)
    [arrived] = server.arrived
    assert arrived.recipients == (longest,)
    assert [address.addr_spec for address in arrived.mail["To"].addresses] == [longest]


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "ada",
        "v@example.com,a@example.org",
        "v@example.com, a@example.org",
        "v@example.com\r\nBcc: a@example.org",
        "v@example.com\nRCPT TO:<a@example.org>",
        "v@example.com <a@example.org>",
        "<v@example.com> SIZE=1",
        '"a@example.org"@example.com',
        "v@example.com\x00",
        "v＠example.com",
        "a@b@example.com",
        "v@[127.0.0.1]",
    ],
)
async def test_what_is_not_exactly_one_address_is_sent_to_nobody(server: MailServer, sender: SmtpSender, recipient: str) -> None:
    assert type(await refused(sender, replace(LETTER, recipient=recipient))) is Permanent
    assert server.connections == []


# What a letter's own values try (attack A8)

BREAKOUT = "x\r\n.\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nBcc: victim@example.org\r\n\r\n"
SMUGGLED = "a\n.\nb\r.\rc\r\n.\nd\n.\r\ne\r\n.\r\n.f\n..g\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.org>\u2028.\u0085.\x0b."


async def test_no_value_adds_a_header_a_command_or_a_letter(server: MailServer) -> None:
    made = sender_for(server.url(), product=BREAKOUT)
    await made.send(LETTER, Message(BREAKOUT, SMUGGLED, f"<p>{SMUGGLED}</p>"))
    await made.close()
    raw = bytes(server.raw)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert raw.count(b"\r\n.\r\n") == 1
    envelope, _, rest = raw.partition(b"DATA\r\n")
    content, _, farewell = rest.partition(b"\r\n.\r\n")
    assert [line.split(b" ")[0] for line in envelope.split(b"\r\n")] == [b"EHLO", b"MAIL", b"RCPT", b""]
    assert farewell == b"QUIT\r\n"
    assert all(line.startswith(b"..") for line in content.split(b"\r\n") if line.startswith(b"."))
    [arrived] = server.arrived
    assert arrived.recipients == ("ada@example.com",)
    assert sorted(arrived.mail.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language", "MIME-Version", "Content-Type"]
    )
    assert [address.addr_spec for address in arrived.mail["From"].addresses] == [SENDER]
    text = next(arrived.mail.iter_parts()).get_content()
    assert [line for line in text.splitlines() if line == ".f"] == [".f"]


# What is told


async def test_an_error_repeats_no_secret_that_the_server_quoted(server: MailServer) -> None:
    token = "Xk2p9QfZ7mNtB4vYc8LwRs3HgJ6dA1eUoKiPqTbVnM0"
    quoted = f"554 5.7.1 bad url https://id.example.com/reset?vcode={token} {token} s3cret! \x1b[31m{'long ' * 80}"
    server.says["END"] = [quoted]
    server.password = b"s3cret!"
    told = str(await refused(sender_for(server.url("ada:s3cret%21@"))))
    assert told.startswith("554 5.7.1 bad url …")
    assert token not in told
    assert "s3cret" not in told
    assert told.isprintable()
    assert len(told) <= 200


# Connections


async def test_one_connection_carries_the_letters_that_follow_each_other(server: MailServer, sender: SmtpSender) -> None:
    for _ in range(3):
        await sender.send(LETTER, MESSAGE)
    assert len(server.arrived) == 3
    assert len(server.connections) == 1


async def test_letters_sent_at_the_same_time_do_not_share_a_connection(server: MailServer, sender: SmtpSender) -> None:
    await asyncio.gather(*(sender.send(replace(LETTER, id=number), MESSAGE) for number in range(5)))
    assert len({arrived.mail["Message-ID"] for arrived in server.arrived}) == 5
    assert 2 <= len(server.connections) <= 5


async def test_a_kept_connection_that_died_costs_no_letter(server: MailServer, sender: SmtpSender) -> None:
    await sender.send(LETTER, MESSAGE)
    transport = server.connections[0].transport
    assert isinstance(transport, asyncio.Transport)
    transport.abort()
    await sender.send(LETTER, MESSAGE)
    assert len(server.arrived) == 2
    assert len(server.connections) == 2


async def test_a_connection_on_which_a_letter_failed_carries_no_other(server: MailServer, sender: SmtpSender) -> None:
    server.says["RCPT"] = ["550 5.1.1 no such user"]
    with pytest.raises(Permanent):
        await sender.send(LETTER, MESSAGE)
    await sender.send(LETTER, MESSAGE)
    assert len(server.arrived) == 1
    assert len(server.connections) == 2
    assert server.connections[0].transport is None


async def test_a_cancelled_attempt_leaves_no_half_letter_behind(server: MailServer, sender: SmtpSender) -> None:
    server.says["RCPT"] = [STALL]
    attempt = asyncio.create_task(sender.send(LETTER, MESSAGE))
    await server.stalled.wait()
    attempt.cancel()
    await asyncio.gather(attempt, return_exceptions=True)
    await sender.send(LETTER, MESSAGE)
    assert [arrived.recipients for arrived in server.arrived] == [("ada@example.com",)]
    assert len(server.connections) == 2


async def test_close_says_goodbye(server: MailServer, sender: SmtpSender) -> None:
    await sender.send(LETTER, MESSAGE)
    await sender.close()
    assert server.commands()[-2:] == [b"QUIT", b""]
