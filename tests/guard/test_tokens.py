"""JWTs: what they say, and that nothing else is taken for one. A31 to A38 are attacks that services and libraries fell to."""

import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OKPKey

from bearers import AUDIENCE, HOUR, ISSUER, Forger, coded, logged_in, ring_on, token_of, tokens_on, told
from fakes import START, FakeClock
from lingpai.core.errors import BadToken, NotLoggedIn
from lingpai.guard.crypto import sid_digest as digest
from lingpai.guard.one_time.codes import digest as cookie_digest
from lingpai.guard.sessions import jws
from lingpai.guard.sessions.jwt import Claims, JwtTokens
from lingpai.guard.sessions.signing_keys import LIFE, Alg, Signer
from lingpai.store import accounts, sessions
from lingpai.store.database import Database
from lingpai.web.request import cookies

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "wycheproof-json-web-signature.json").read_text("utf-8"))
CASES = [(group.get("public") or group["private"], case) for group in VECTORS["testGroups"] for case in group["tests"]]
ENCRYPTING = [(jwk, case) for jwk, case in CASES if jwk.get("use") == "enc" or "encrypt" in jwk.get("key_ops", ())]
ALGS: list[Alg] = ["ES256", "EdDSA", "RS256"]
DAY = 86_400


@pytest.fixture
def database_kind() -> str:
    """What a database does is not the matter here."""
    return "sqlite"


@pytest.fixture
def tokens(database: Database, clock: FakeClock) -> JwtTokens:
    return tokens_on(database, clock)


@pytest.fixture
async def token(database: Database, tokens: JwtTokens, clock: FakeClock) -> str:
    return (await logged_in(database, tokens, clock))[1]


@pytest.fixture
async def forger(tokens: JwtTokens, token: str) -> Forger:
    return Forger(await tokens.keys.signer(), token)


async def why(tokens: JwtTokens, token: str) -> str:
    """Which test the token fails; empty: it is taken."""
    try:
        await tokens.read(token)
    except BadToken as refused:
        return refused.reason
    return ""


def opens(jwk: dict[str, Any], token: str) -> bool:
    """The gate alone, with a foreign key: what stands before and around the library."""
    try:
        jws.verify(jws.parts(token), jws.Verifier.of(jwk))
    except BadToken:
        return False
    return True


def test_all_355_invalid_cases_of_wycheproof_are_refused() -> None:
    invalid = [(jwk, case) for jwk, case in CASES if case["result"] == "invalid"]
    assert len(invalid) == 355
    assert [case["tcId"] for jwk, case in invalid if opens(jwk, case["jws"])] == []


def test_the_valid_cases_of_our_algorithms_are_taken_with_the_same_keys() -> None:
    """Their headers name alg and kid, and no typ: the gate takes any subset, of which `JwtTokens.read` wants the whole."""
    ours = [(jwk, case) for jwk, case in CASES if case["result"] == "valid" and jwk.get("alg") in jws.FAMILIES]
    assert sorted(case["tcId"] for _, case in ours) == [18, 33, 259, 260, 261, 262, 263, 345, 349, 378]
    assert [case["tcId"] for jwk, case in ours if not opens(jwk, case["jws"])] == []


def test_the_invalid_cases_of_our_algorithms_fail_for_many_reasons() -> None:
    """So it is not one test alone that keeps them out."""
    reasons = set()
    for jwk, case in CASES:
        if case["result"] == "invalid" and jwk.get("alg") in jws.FAMILIES:
            with pytest.raises(BadToken) as refused:
                jws.verify(jws.parts(case["jws"]), jws.Verifier.of(jwk))
            reasons.add(refused.value.reason)
    assert reasons == {"alg", "header", "json", "kid", "parts", "signature"}


def test_a_key_that_is_for_encryption_verifies_nothing() -> None:
    """The same keys for signatures take these very tokens: it is their use that is refused."""
    assert len(ENCRYPTING) == 4
    for jwk, case in ENCRYPTING:
        alg = "RS256" if jwk["kty"] == "RSA" else "ES256"
        bare = {name: value for name, value in jwk.items() if name not in ("use", "key_ops")}
        assert opens(bare | {"alg": alg, "use": "sig", "key_ops": ["verify"]}, case["jws"])
        assert not opens(jwk, case["jws"])
        with pytest.raises(BadToken) as refused:
            jws.Verifier.of(jwk | {"alg": alg})
        assert refused.value.reason == "key-use"


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_a_short_rsa_key_and_one_of_another_curve_are_no_keys() -> None:
    short = {"kty": "RSA", "alg": "RS256", "kid": "short", "n": coded((2**1_023 + 1).to_bytes(128)), "e": "AQAB"}
    ec = next(jwk for jwk, _ in CASES if jwk["kty"] == "EC" and jwk.get("alg") == "ES256")
    other_curve = OKPKey.generate_key("Ed448").as_dict(private=False, alg="EdDSA", kid="other")
    for jwk in (short, other_curve, ec | {"crv": "P-384"}, ec | {"alg": "RS256"}, ec | {"alg": "ES384"}, ec | {"x": "AA"}):
        with pytest.raises(BadToken):
            jws.Verifier.of(jwk)


@pytest.mark.parametrize("alg", ALGS)
async def test_what_is_issued_says_what_the_contract_lists_and_can_be_read(database: Database, clock: FakeClock, alg: Alg) -> None:
    tokens = tokens_on(database, clock, alg=alg)
    account, token = await logged_in(database, tokens, clock)
    signer = await tokens.keys.signer()
    assert told(token, 0) == {"alg": alg, "kid": signer.kid, "typ": "JWT"}
    claims = told(token, 1)
    sid = f"sid of {account} at {START}"
    now = START // 1_000
    assert claims == {
        "iss": ISSUER,
        "sub": str(account),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + HOUR,
        "jti": claims["jti"],
        "sid": sid,
        "locale": "en",
    }
    assert await tokens.read(token) == Claims(**claims)
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token), "fit for a cookie"
    assert len(token) < jws.LONGEST / 4


async def test_two_jwts_of_one_session_differ(tokens: JwtTokens) -> None:
    signer = await tokens.keys.signer()
    issued = [tokens.issue(signer, account_id=1, sid="sid", locale="en", lifetime=60) for _ in range(2)]
    assert len({told(token, 1)["jti"] for token in issued}) == 2


@pytest.mark.parametrize("lifetime", [0, -1, LIFE + 1])
async def test_nothing_is_issued_for_longer_than_30_days_or_for_no_time(tokens: JwtTokens, lifetime: int) -> None:
    signer = await tokens.keys.signer()
    with pytest.raises(ValueError, match="cannot live"):
        tokens.issue(signer, account_id=1, sid="sid", locale="en", lifetime=lifetime)


async def test_what_the_forger_signs_without_a_change_is_taken(tokens: JwtTokens, forger: Forger) -> None:
    """The tests below change one thing each."""
    assert await why(tokens, forger.with_claims()) == ""
    assert await why(tokens, forger.with_header()) == ""


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
async def test_a31_a_token_that_says_it_needs_no_signature_is_refused(tokens: JwtTokens, forger: Forger, name: str) -> None:
    assert await why(tokens, forger.with_header(alg=name)) == "alg"
    unsigned = forger.with_header(alg=name).rpartition(".")[0]
    assert await why(tokens, f"{unsigned}.") == "alg"
    assert await why(tokens, unsigned) == "parts"
    assert await why(tokens, forger.token.rpartition(".")[0] + ".") == "signature"


@pytest.mark.parametrize("alg", ALGS)
async def test_a32_the_public_key_is_no_secret_to_sign_with(database: Database, clock: FakeClock, alg: Alg) -> None:
    tokens = tokens_on(database, clock, alg=alg)
    _, token = await logged_in(database, tokens, clock)
    public: Any = (await tokens.keys.signer()).key.public_key
    written = [public.public_bytes(how, PublicFormat.SubjectPublicKeyInfo) for how in (Encoding.PEM, Encoding.DER)]
    for secret in (*written, written[0].strip(), json.dumps((await tokens.keys.published())[0]).encode()):
        signed = f"{coded(json.dumps(told(token, 0) | {'alg': 'HS256'}).encode())}.{token.split('.')[1]}"
        forged = f"{signed}.{coded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"
        assert await why(tokens, forged) == "alg"


@pytest.mark.parametrize("name", ["HS256", "ES384", "ES512", "PS256", "RS512", "EdDSA", "Ed25519", "es256", "ES256 "])
async def test_a32_another_algorithm_than_the_keys_own_is_refused(tokens: JwtTokens, forger: Forger, name: str) -> None:
    assert await why(tokens, forger.with_header(alg=name)) == "alg"


KIDS = [
    "../../dev/null",
    "' OR 1=1 --",
    "https://evil.example.com/key",
    "k" * 2_000,
    "\0",
    "",
    " abcdefghijkm",
    "ABCDEFGHIJKM",
]


class Counting:
    """A database that counts how often it is read."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        self.count += name == "rows"
        return getattr(self._inner, name)


@pytest.mark.parametrize("kid", KIDS)
async def test_a33_a_kid_is_a_name_in_our_own_set_and_nothing_else(tokens: JwtTokens, forger: Forger, clock: FakeClock, kid: str) -> None:
    store: Any = Counting(tokens._store)
    watched = JwtTokens(ring_on(store, clock), store, ISSUER, AUDIENCE, clock, tokens._chance)
    assert await why(watched, forger.token) == ""
    store.count = 0
    assert await why(watched, forger.with_header(kid=kid)) == "kid"
    assert store.count == 0


@pytest.mark.parametrize("kid", [["abcdefghijkm"], 7, None, True, {"$ne": ""}])
async def test_a33_a_kid_that_is_no_text_is_refused(tokens: JwtTokens, forger: Forger, kid: Any) -> None:
    assert await why(tokens, forger.with_header(kid=kid)) == "header"


async def test_a33_a_huge_kid_is_over_the_size(tokens: JwtTokens, forger: Forger) -> None:
    assert await why(tokens, forger.with_header(kid="k" * 10_240)) == "size"


async def test_a33_unknown_keys_have_the_set_read_five_times_a_second_at_most(tokens: JwtTokens, forger: Forger) -> None:
    store: Any = Counting(tokens._store)
    clock = FakeClock(auto=True)
    watched = JwtTokens(ring_on(store, clock), store, ISSUER, AUDIENCE, clock, tokens._chance)
    for number in range(50):
        assert await why(watched, forger.with_header(kid=f"abcdefghijk{'abcde'[number % 5]}")) == "kid"
    assert clock.monotonic() == pytest.approx(0.2 * 49)
    assert store.count <= 52


BESIDE = {
    "jku": "https://evil.example.com/jwks.json",
    "x5u": "https://evil.example.com/cert.pem",
    "jwk": {"kty": "oct", "k": "AA"},
    "x5c": ["AA=="],
    "x5t": "AA",
    "cty": "JWT",
    "crit": ["exp"],
    "b64": False,
    "zip": "DEF",
    "enc": "A256GCM",
    "nonce": "1",
}


@pytest.mark.parametrize("name", BESIDE)
async def test_a34_a36_a_header_says_three_things_and_nothing_else(tokens: JwtTokens, forger: Forger, name: str) -> None:
    forged = forger.with_header(**{name: BESIDE[name]})
    assert await why(tokens, forged) == "header"
    with pytest.raises(BadToken):
        jws.parts(forged)


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
async def test_a_header_says_all_three(tokens: JwtTokens, forger: Forger, name: str) -> None:
    header = {key: value for key, value in forger.header.items() if key != name}
    assert await why(tokens, forger.signed(json.dumps(header).encode(), json.dumps(forger.claims).encode())) == "header"


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"[]",
        b'"ES256"',
        b"null",
        b"{",
        b"\xff{}",
        b'{"alg":"ES256","alg":"none"}',
        b"{}{}",
        b'{"alg":NaN}',
        b"[" * 2_000,
    ],
)
async def test_a_header_that_is_no_plain_object_is_refused(tokens: JwtTokens, forger: Forger, header: bytes) -> None:
    assert await why(tokens, forger.signed(header, json.dumps(forger.claims).encode())) == "json"


async def test_a35_a_segment_has_one_spelling(tokens: JwtTokens, forger: Forger) -> None:
    """Each of these decodes, for a patient library, to the token itself."""
    head, payload, signature = forger.token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    unused = signature[:-1] + last[last.index(signature[-1]) + 1]
    padded = [f"{head}=.{payload}.{signature}", f"{head}.{payload}==.{signature}", f"{head}.{payload}.{signature}=="]
    strange = [f"{head}.{payload}.{signature}{sign}" for sign in ("\n", " ", "\r\n", "\0", "é", "*", "%")]
    within = [f"{head}.{payload[:9]}{sign}{payload[9:]}.{signature}" for sign in ("\n", " ", "!", "=", "\u200b")]
    signed_anew = (forger.with_claims() for _ in range(100))
    plus = next(token for token in signed_anew if "-" in token or "_" in token).replace("-", "+").replace("_", "/")
    for token in (*padded, f"{head}.{payload}.{unused}", *strange, *within, plus):
        assert await why(tokens, token) == "base64", token


@pytest.mark.parametrize("size", [0, 1, 63, 65, 72, 128])
async def test_a35_a_signature_of_another_length_is_refused(tokens: JwtTokens, forger: Forger, size: int) -> None:
    signed = forger.token.rpartition(".")[0]
    assert await why(tokens, f"{signed}.{coded(bytes(size))}") == "signature"
    assert await why(tokens, f"{signed}.{coded(b'0' * size)}") == "signature"


async def test_a35_the_zero_signature_is_refused(tokens: JwtTokens, forger: Forger) -> None:
    assert await why(tokens, f"{forger.token.rpartition('.')[0]}.{coded(bytes(64))}") == "signature"


async def test_a_changed_byte_anywhere_is_noticed(tokens: JwtTokens, forger: Forger) -> None:
    for place in range(0, len(forger.token), 7):
        changed = "A" if forger.token[place] != "A" else "B"
        assert await why(tokens, forger.token[:place] + changed + forger.token[place + 1 :]) != "", place


@pytest.mark.parametrize("dots", [0, 1, 3, 4])
async def test_a36_what_has_not_three_parts_is_refused(tokens: JwtTokens, dots: int) -> None:
    """Five are an encrypted one (JWE)."""
    assert await why(tokens, ".".join(["AAAA"] * (dots + 1))) == "parts"


async def test_a36_a_token_of_a_megabyte_costs_nothing(tokens: JwtTokens, forger: Forger) -> None:
    started = time.process_time()
    for _ in range(1_000):
        assert await why(tokens, "A" * 1_048_576) == "size"
        assert await why(tokens, "." * 1_048_576) == "size"
    assert (time.process_time() - started) / 2_000 < 0.001
    assert await why(tokens, forger.with_payload(b"A" * 4_096)) == "size"


async def test_a36_a_payload_of_nested_brackets_is_refused(tokens: JwtTokens, forger: Forger) -> None:
    for payload in (b"[" * 2_500, b'{"a":' * 500, b'{"exp":' + b"9" * 2_000 + b"}", b"", b"[]", b"\xff"):
        assert await why(tokens, forger.with_payload(payload)) == "json"


A37: list[tuple[str, str, Any]] = [
    *(("iss", "iss", value) for value in ("", "https://id.example.org", ISSUER + "/", ISSUER.upper())),
    *(("aud", "aud", value) for value in ("", "https://other.example.com", AUDIENCE + "/")),
    *(("claims", "aud", value) for value in ([AUDIENCE], [], None, {AUDIENCE: 1})),
    *(("claims", "iss", value) for value in ([ISSUER], None, 7)),
    *(("claims", "exp", value) for value in ("9999999999", True, None, [])),
    *(("json", "exp", value) for value in (9e9, 1.5, float("inf"), float("nan"), 10**15, 10**400)),
    *(("exp", "exp", value) for value in (-1, 0, START // 1_000, START // 1_000 + LIFE + 1, 10**14)),
    *(("claims", "iat", value) for value in ("0", False, None)),
    *(("json", "iat", value) for value in (0.0, 1e9)),
    *(("iat", "iat", value) for value in (START // 1_000 + 61, 10**14, -1)),
    *(("claims", "sub", value) for value in (1, None, "", "0", "-1", "1 ", " 1", "01", "1.0", "١", "9" * 19, "admin")),
    *(("claims", "locale", value) for value in ("de", "", None, 7, "EN")),
    *(("claims", "jti", value) for value in (None, 7)),
    *(("claims", "sid", value) for value in (None, 7, ["a"])),
    *(("claims", name, 1) for name in ("nbf", "admin", "scope", "role")),
]


@pytest.mark.parametrize(("reason", "name", "value"), A37)
async def test_a37_a_claim_that_we_would_not_write_is_refused(
    tokens: JwtTokens, forger: Forger, reason: str, name: str, value: Any
) -> None:
    assert await why(tokens, forger.with_claims(**{name: value})) == reason


@pytest.mark.parametrize("value", [b"1e999", b"-1e999", b"1E5", b"1.0", b"-0.0", b"Infinity"])
async def test_a37_a_number_that_json_takes_and_we_do_not_write_is_refused(tokens: JwtTokens, forger: Forger, value: bytes) -> None:
    written = json.dumps(forger.claims).encode().replace(b'"exp": %d' % forger.claims["exp"], b'"exp": ' + value)
    assert value in written
    assert await why(tokens, forger.with_payload(written)) == "json"


async def test_a37_a_claim_that_is_said_twice_is_refused(tokens: JwtTokens, forger: Forger) -> None:
    written = json.dumps(forger.claims)
    assert await why(tokens, forger.with_payload(f'{{"sub":"1",{written[1:]}'.encode())) == "json"


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "iat", "exp", "jti", "sid", "locale"])
async def test_a37_a_claim_that_is_missing_is_missed(tokens: JwtTokens, forger: Forger, name: str) -> None:
    claims = {key: value for key, value in forger.claims.items() if key != name}
    assert await why(tokens, forger.with_payload(json.dumps(claims).encode())) == "claims"


@pytest.mark.parametrize("typ", ["", "jwt", "JWS", "at+jwt", "application/jwt", "JOSE"])
async def test_a37_another_type_is_refused(tokens: JwtTokens, forger: Forger, typ: str) -> None:
    assert await why(tokens, forger.with_header(typ=typ)) == "typ"


async def test_a_jwt_is_over_at_its_second_and_not_before(tokens: JwtTokens, forger: Forger, clock: FakeClock) -> None:
    clock.advance(seconds=HOUR - 0.001)
    assert await why(tokens, forger.token) == ""
    clock.advance(seconds=0.001)
    assert await why(tokens, forger.token) == "exp"


async def test_a_clock_a_minute_behind_takes_what_another_has_just_issued(tokens: JwtTokens, forger: Forger, clock: FakeClock) -> None:
    clock.set_back(seconds=60)
    assert await why(tokens, forger.token) == ""
    clock.set_back(seconds=1)
    assert await why(tokens, forger.token) == "iat"


async def test_a_key_that_is_not_in_the_store_signs_nothing_for_us(tokens: JwtTokens, forger: Forger) -> None:
    stranger = ECKey.generate_key("P-256")
    theirs = Forger(Signer(forger.signer.kid, "ES256", stranger), forger.token)
    assert await why(tokens, theirs.with_claims()) == "signature"
    assert await why(tokens, theirs.with_header(kid="abcdefghijkm")) == "kid"


async def test_the_holder_is_the_account_of_the_session(database: Database, tokens: JwtTokens, clock: FakeClock) -> None:
    account, token = await logged_in(database, tokens, clock)
    bearer = await tokens.holder("main", token)
    assert (bearer.account.id, bearer.session.account_id, bearer.claims.account_id) == (account, account, account)


async def ended(database: Database, account: int, sid: str) -> None:
    await sessions.end(database, digest=digest(sid))


async def ended_everywhere(database: Database, account: int, sid: str) -> None:
    async with database.begin() as tx:
        await sessions.end_all(tx, account_id=account)


async def locked(database: Database, account: int, sid: str) -> None:
    await accounts.lock(database, account_id=account, at=START)


async def deleted(database: Database, account: int, sid: str) -> None:
    async with database.begin() as tx:
        await accounts.delete(tx, account_id=account)


@pytest.mark.parametrize("end", [ended, ended_everywhere, locked, deleted])
async def test_a_jwt_is_dead_with_its_session_and_its_account(database: Database, tokens: JwtTokens, clock: FakeClock, end: Any) -> None:
    account, token = await logged_in(database, tokens, clock)
    await end(database, account, told(token, 1)["sid"])
    assert await why(tokens, token) == "", "it is whole, only its session is gone"
    with pytest.raises(BadToken) as refused:
        await tokens.holder("main", token)
    assert refused.value.reason == "session"
    assert isinstance(refused.value, NotLoggedIn)


async def test_a_jwt_holds_in_its_own_realm_and_for_its_own_account_only(
    database: Database, tokens: JwtTokens, forger: Forger, clock: FakeClock
) -> None:
    other, _ = await logged_in(database, tokens, clock, "bob@example.com")
    for realm, token in (("boss", forger.token), ("main", forger.with_claims(sub=str(other)))):
        with pytest.raises(BadToken) as refused:
            await tokens.holder(realm, token)
        assert refused.value.reason == "session"


async def test_a_sid_is_no_cookie_however_it_is_written(database: Database, tokens: JwtTokens, clock: FakeClock) -> None:
    account, _ = await logged_in(database, tokens, clock)
    sid = "a token of a session"
    await token_of(database, tokens, clock, account, sid=sid)
    assert await sessions.alive(database, digest=digest(sid), realm="main", now=clock.now())
    for tried in (sid, f"jwt:{sid}", f"\xffjwt:{sid}", f"\udcffjwt:{sid}", f"%FFjwt:{sid}"):
        assert await sessions.alive(database, digest=cookie_digest(tried), realm="main", now=clock.now()) is None
    brought = cookies.read(b"lingpai_session=\xffjwt:" + sid.replace(" ", "%20").encode()).get(cookies.SESSION, "")
    assert cookie_digest(brought) != digest(sid)
