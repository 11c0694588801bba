"""What the parts of a form promise, and what stands around every page: languages, the product's look."""

import colorsys
import re
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import pytest
from markupsafe import escape

import lingpai.web
from lingpai.assembly.configuration import load
from lingpai.core import rules
from lingpai.core.errors import BadInput
from lingpai.core.model import Address
from lingpai.core.words import LOCALES, TEXTS, text
from lingpai.settings import Legal, Limits, Pages, Rate, theme
from lingpai.settings.load import SettingsError
from lingpai.web import pages
from lingpai.web.pages.shared import forms
from lingpai.web.request.fields import BadForm, Text, read, read_form
from web import sample
from web.town import PUBLIC_URL, Town

DATA = Path(__file__).parents[1] / "data"
STATIC = Path(lingpai.web.__file__).parent / "static"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60


@pytest.fixture
def database_kind() -> str:
    """No page here depends on the database."""
    return "sqlite"


@pytest.fixture
def person(town: Town) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=sample.app(town), client=("127.0.0.1", 50_000), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, headers={"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en"})


def tag(html: str, name: str) -> str:
    """The input of that name, as it is written."""
    return next(found for found in re.findall(r"<input[^>]*>", html) if f'name="{name}"' in found)


# Errors


async def test_an_error_stands_at_its_field_and_in_the_summary_that_leads_there(person: httpx.AsyncClient) -> None:
    reply = await person.post("/page/sample?why=email", data={"email": "ada at home"})
    said = TEXTS["en"]["beside.email"]
    assert reply.status_code == 422
    assert f'<a href="#email">{said}</a>' in reply.text
    assert f'<p class="error" id="email-error">{said}</p>' in reply.text
    assert 'aria-invalid="true"' in tag(reply.text, "email")
    assert 'aria-describedby="email-hint email-error"' in tag(reply.text, "email")
    assert "aria-invalid" not in tag(reply.text, "nickname")
    assert "<title>Error: Sample · Lingpai</title>" in reply.text


async def test_without_an_error_nothing_is_marked(person: httpx.AsyncClient) -> None:
    reply = await person.get("/sample")
    assert reply.status_code == 200
    assert "aria-invalid" not in reply.text
    assert 'role="alert" tabindex' not in re.sub("(?s)<template.*?</template>", "", reply.text)
    assert "<title>Sample · Lingpai</title>" in reply.text


async def test_an_error_names_the_field_as_people_do(person: httpx.AsyncClient) -> None:
    reply = await person.post("/page/sample?why=long", data={})
    assert "Your password must be 8 to 40 characters long." in reply.text
    assert "(password)" not in reply.text


async def test_a_refusal_that_belongs_to_no_field_stands_in_the_summary(person: httpx.AsyncClient) -> None:
    reply = await person.post("/page/sample?why=soon", data={})
    assert reply.status_code == 422
    assert '<p class="notice" role="status">We just sent a message. Try again in 42 seconds.</p>' in reply.text
    assert "aria-invalid" not in reply.text
    assert "<title>Sample · Lingpai</title>" in reply.text, "nobody did anything wrong"
    chinese = await person.post("/page/sample?why=soon", data={}, headers={"Accept-Language": "zh-CN"})
    assert '<p class="notice" role="status">刚刚已发送过，请在 42 秒后再试。</p>' in chinese.text


async def test_a_refusal_stands_at_the_field_that_the_page_names(person: httpx.AsyncClient) -> None:
    reply = await person.post("/page/sample?why=code", data={})
    assert 'aria-invalid="true"' in tag(reply.text, "code")


async def test_what_was_typed_stays_and_of_what_is_secret_only_what_nothing_is_wrong_with(person: httpx.AsyncClient) -> None:
    typed = {"email": '"><b>', "nickname": "n" * 400, "password": "hunter22", "code": "482913", "how": "b"}
    reply = await person.post("/page/sample?why=email", data=typed)
    assert 'value="&#34;&gt;&lt;b&gt;"' in tag(reply.text, "email")
    assert f'value="{"n" * 320}"' in tag(reply.text, "nickname")
    assert 'value="hunter22"' in tag(reply.text, "password"), "nor the password"
    assert 'value="482913"' in tag(reply.text, "code"), "it was not the code that was wrong"
    assert "482913" not in (await person.post("/page/sample?why=code", data=typed)).text
    opened = await person.get("/page/sample", params=typed)
    assert not any(secret in opened.text.partition("</header>")[2] for secret in ("482913", "hunter22")), "an address brings none"
    assert re.search(r'value="b" required checked', reply.text)


@pytest.mark.parametrize(
    "name", ["password", "rp_password", "old_password", "code", "vcode", "captcha", "answer2", "token", "authorization"]
)
def test_no_secret_is_shown_again(name: str) -> None:
    assert forms._shown({name: "x", "email": "y", "list": ["z"]}) == {"email": "y"}


async def test_a_limit_is_a_page_that_says_how_long_to_wait(person: httpx.AsyncClient) -> None:
    reply = await person.post("/page/sample?why=limited", data={})
    assert reply.status_code == 429
    assert 42 <= int(reply.headers["retry-after"]) <= 46
    assert "42 seconds" in reply.text
    assert reply.headers["x-request-id"] in reply.text
    assert 'href="/"' in reply.text


# Codes


@pytest.mark.parametrize("typed", ["482913", " 482 913 ", "482-913", "４８２９１３", "482\u00a0913", "482\u2011913\n"])
def test_a_code_may_be_pasted_with_what_stands_around_it(typed: str) -> None:
    assert forms.digits(typed) == "482913"


@pytest.mark.parametrize("typed", ["48291a", "", "  ", "٤٨٢٩١٣", "482.913"])
def test_what_is_no_code_is_told_at_its_field(typed: str) -> None:
    with pytest.raises(BadInput) as refused:
        forms.digits(typed, "code")
    assert refused.value.field == "code"


def test_a_code_of_letters_keeps_them() -> None:
    assert forms.compact(" k7m3 p9xa ") == "k7m3p9xa"


async def test_a_field_tells_programs_what_it_takes(person: httpx.AsyncClient) -> None:
    html = (await person.get("/sample")).text
    assert {'autocomplete="one-time-code"', 'inputmode="numeric"'} <= set(tag(html, "code").split())
    assert 'autocomplete="new-password"' in tag(html, "password")
    assert 'autocomplete="username"' in tag(html, "email")


# Languages


async def test_the_language_that_a_person_chose_is_kept_and_spoken_on_pages_alone(person: httpx.AsyncClient) -> None:
    assert '<html lang="en">' in (await person.get("/sample?a=1&b=2")).text
    chosen = await person.post("/page/language", data={"language": "zh-Hans", "back": "/sample?a=1&b=2"})
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/sample?a=1&b=2")
    cookie = chosen.headers["set-cookie"]
    assert cookie == "lingpai_language=zh-Hans; Max-Age=31536000; Path=/; SameSite=Lax"
    assert '<html lang="zh-Hans">' in (await person.get("/sample")).text
    program = await person.post("/logout", headers={"Accept": "*/*"})
    assert program.json()["msg"].startswith("You are not logged in")


async def test_without_a_choice_the_browser_is_asked_and_then_chinese_is_spoken(person: httpx.AsyncClient) -> None:
    assert '<html lang="en">' in (await person.get("/sample")).text
    assert '<html lang="zh-Hans">' in (await person.get("/sample", headers={"Accept-Language": "fr"})).text
    for bad in ("fr", "", "x" * 900):
        reply = await person.get("/sample", headers={"Accept-Language": "en", "Cookie": f"lingpai_language={bad}"})
        assert '<html lang="en">' in reply.text


async def test_every_language_can_be_chosen_from_every_page(person: httpx.AsyncClient) -> None:
    html = (await person.get("/sample?next=%2Fme")).text
    assert '<input type="hidden" name="back" value="/sample?next=%2Fme">' in html
    for locale in LOCALES:
        assert f'value="{locale}" lang="{locale}"' in html
    posted = (await person.post("/page/sample", data={"email": "x"})).text
    assert '<input type="hidden" name="back" value="/page/sample">' in posted, "which leads on to its page (`reload.py`)"


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x=1", "evil", "/\u2028"])
async def test_the_switch_of_languages_leads_to_no_other_place(person: httpx.AsyncClient, back: str) -> None:
    reply = await person.post("/page/language", data={"language": "en", "back": back})
    assert reply.status_code == 400
    assert "location" not in reply.headers


# A password is judged while it is typed


@pytest.mark.parametrize(
    ("password", "account", "reason"),
    [
        ("correct horse battery", "ada@example.com", ""),
        ("password1", "", "weak.common"),
        ("adalovelace1", "adalovelace@example.com", "weak.personal"),
        ("short", "", "beside.too-short"),
    ],
)
async def test_the_server_says_what_it_thinks_of_a_password(person: httpx.AsyncClient, password: str, account: str, reason: str) -> None:
    said = (await person.post("/page/strength", json={"password": password, "account": account})).json()
    assert said["ok"] is not bool(reason)
    expected = text(reason, "en", field="password", low=8, high=128) if reason else ""
    assert said["reason"] == expected


@pytest.mark.parametrize("changes", [{"limits": Limits(strength_client=Rate(2, 60))}])
async def test_passwords_are_not_judged_without_end(person: httpx.AsyncClient) -> None:
    statuses = [(await person.post("/page/strength", json={"password": "abcdefgh"})).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


# The product's look


def written(folder: Path, **pages: str) -> Path:
    lines = [f"{name} = '{value}'" for name, value in pages.items()]
    (folder / "lingpai.toml").write_text("\n".join(["[pages]", *lines]))
    return folder / "lingpai.toml"


@pytest.mark.parametrize(
    ("pages", "problem"),
    [
        ({"accent": "#8ab4f8"}, "pages.accent = '#8ab4f8' does not fit; upon #f5f7f9 its contrast is 1.96:1, expected 4.5:1 or more"),
        ({"accent_dark": "#0b57d0"}, "pages.accent_dark = '#0b57d0' does not fit; upon #14171a its contrast is 2.81:1"),
        ({"logo": "nowhere.svg"}, "cannot be read"),
        ({"logo": "big.png"}, "64 KiB at most"),
        ({"logo": "page.html"}, "neither; expected an SVG or PNG"),
    ],
)
def test_a_look_that_cannot_be_seen_is_refused_at_the_start(tmp_path: Path, pages: dict[str, str], problem: str) -> None:
    (tmp_path / "big.png").write_bytes(PNG + b"\0" * 65_536)
    (tmp_path / "page.html").write_text("<!doctype html>")
    if "logo" in pages:
        pages = {"logo": str(tmp_path / pages["logo"])}
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, **pages), {}, dev=True)
    assert len(refused.value.problems) == 1
    assert problem in refused.value.problems[0]


def test_the_colours_that_are_there_can_be_read() -> None:
    pages = Pages()
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    chosen = theme.theme(pages)
    for accent, ground in ((chosen.light, theme.LIGHT), (chosen.dark, theme.DARK)):
        assert theme.contrast(accent, ground) >= 4.5
    greys = [f"#{grey:02x}{grey:02x}{grey:02x}" for grey in range(256)]
    assert min(theme.contrast(grey, theme.upon(grey)) for grey in greys) >= 4.5


@pytest.mark.parametrize("accent", ["#0b57d0", "#7a1f5c", "#000000", "#b3261e", "#00005f", "#146c2e"])
def test_an_accent_alone_is_lightened_until_it_stands_out_on_the_dark_ground_and_stays_as_lively(accent: str) -> None:
    chosen = theme.theme(Pages(accent=accent))
    assert chosen.light == accent
    assert 7 <= theme.contrast(chosen.dark, theme.DARK) < 7.5, "and no further"
    before, after = (colorsys.rgb_to_hls(*(int(one[at : at + 2], 16) / 255 for at in (1, 3, 5))) for one in (accent, chosen.dark))
    assert (after[0], after[2]) == pytest.approx((before[0], before[2]), abs=0.02), "its hue and its saturation are the accent's"
    assert theme.theme(Pages(accent=accent, accent_dark="#f0a3d2")).dark == "#f0a3d2"
    assert theme.lightened("#8ab4f8") == "#8ab4f8"


def test_every_colour_of_the_pages_can_be_read_on_the_ground_and_on_the_card() -> None:
    """Text by 4.5:1, the edges of fields and marks by 3:1 (WCAG 2.2, 1.4.3 and 1.4.11)."""
    style = (STATIC / "style.css").read_text("utf-8")
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", block)) for block in re.findall(r":root \{([^}]+)\}", style)[:2])
    assert light.keys() == dark.keys()
    assert (light["ground"], dark["card"]) == (theme.LIGHT, theme.DARK), "what settings/theme.py measures the accent on"
    for scheme in (light, dark):
        grounds = [_long(scheme[name]) for name in ("ground", "card")]
        for name, needed in {**dict.fromkeys(("ink", "muted", "accent", "danger", "warning", "success"), 4.5), "edge": 3}.items():
            assert min(theme.contrast(_long(scheme[name]), ground) for ground in grounds) >= needed, name
        assert theme.contrast(_long(scheme["card"]), _long(scheme["danger"])) >= 4.5, "what is written upon a dangerous button"


def _long(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])


@pytest.mark.parametrize(
    ("changes", "href"),
    [
        ({"pages": Pages(support="help@example.com")}, "mailto:help@example.com"),
        ({"pages": Pages(support="https://example.com/help?a=1")}, "https://example.com/help?a=1"),
    ],
)
async def test_whom_to_ask_stands_at_the_foot(person: httpx.AsyncClient, href: str) -> None:
    assert f'<a href="{href}" rel="noreferrer">Contact us</a>' in (await person.get("/sample")).text


async def test_without_anybody_to_ask_nobody_is_named(person: httpx.AsyncClient) -> None:
    assert "Contact us" not in (await person.get("/sample")).text


@pytest.mark.parametrize(
    "support", ["javascript:alert(1)", "help", "a@b@c", "https://ada@example.com", "mailto:a@example.com", "a b@c.example"]
)
def test_whom_to_ask_is_an_address_or_a_page(tmp_path: Path, support: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, support=support), {}, dev=True)
    assert "pages.support" in refused.value.problems[0]


# Instants and numbers


def test_an_instant_is_written_for_people_and_for_the_script_that_knows_their_zone() -> None:
    at = 1_793_000_000_000
    assert pages.when(at) == '<time datetime="2026-10-26T07:33:20Z">2026-10-26 15:33（北京时间）</time>'
    assert pages.when(at, date=True) == '<time datetime="2026-10-26T07:33:20Z" data-date>2026-10-26</time>'


async def test_what_is_marked_up_stays_so_in_a_text_and_all_else_is_escaped(person: httpx.AsyncClient) -> None:
    html = (await person.get("/sample", headers={"Accept-Language": "zh-CN"}, params={"told": "yes"})).text
    assert '<p>&lt;b&gt; 将在 <time datetime="1970-01-01T00:00:00Z">1970-01-01 08:00（北京时间）</time>永久删除。</p>' in html
    assert "<p>验证码已发送至 +86 139 9526 5229。</p>" in html


@pytest.mark.parametrize(("text", "said"), [("+8613995265229", "+86 139 9526 5229"), ("+85251234567", "+852 5123 4567"), ("+1", "+1")])
def test_a_phone_number_is_read_in_groups(text: str, said: str) -> None:
    assert pages.spaced(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ada@example.com", "ada@example.com"),
        ("somebody.with.a.long.name@mail.example.com", "somebody.<wbr>with.<wbr>a.<wbr>long.<wbr>name@<wbr>mail.<wbr>example.<wbr>com"),
        ("<b>.somebody@a-host.example.com", "&lt;b&gt;.<wbr>somebody@<wbr>a-host.<wbr>example.<wbr>com"),
        ("a sentence that is long. And has an @ in it.", "a sentence that is long. And has an @ in it."),
    ],
)
def test_a_long_address_is_broken_at_its_dots_and_not_inside_a_word(text: str, said: str) -> None:
    assert escape(pages.spaced(text)) == said


BRANDED = {
    "product": "Star",
    "pages": Pages(
        logo=str(DATA / "logo.svg"),
        accent="#7a1f5c",
        accent_dark="#f0a3d2",
        terms=Legal("https://example.com/terms"),
        privacy=Legal("https://example.com/privacy"),
    ),
}


@pytest.mark.parametrize("changes", [BRANDED])
async def test_a_product_has_its_name_picture_colours_and_papers_on_every_page(person: httpx.AsyncClient) -> None:
    html = (await person.get("/sample")).text
    assert "<title>Sample · Star</title>" in html
    assert html.count('href="https://example.com/terms"') == html.count('href="https://example.com/privacy"') == 2
    theme = await person.get(re.findall(r'href="(/static/theme-[0-9a-f]{16}\.css)"', html)[0])
    assert (theme.status_code, theme.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "--accent: #7a1f5c; --on-accent: #ffffff;" in theme.text
    assert "--accent: #f0a3d2; --on-accent: #000000;" in theme.text
    assert theme.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("changes", [BRANDED])
async def test_a_picture_is_shown_as_a_picture_and_runs_nothing(person: httpx.AsyncClient) -> None:
    html = (await person.get("/sample")).text
    source = re.findall(r'<img src="(/static/logo-[0-9a-f]{16}\.svg)" alt=""', html)[0]
    picture = await person.get(source)
    assert picture.headers["content-type"] == "image/svg+xml"
    assert picture.content == (DATA / "logo.svg").read_bytes()
    assert "default-src 'none'" in picture.headers["content-security-policy"]
    assert "sandbox" in picture.headers["content-security-policy"]
    assert "<svg" not in html


async def test_without_terms_there_is_nothing_to_agree_to(person: httpx.AsyncClient) -> None:
    html = (await person.get("/sample")).text
    assert 'name="agree"' not in html
    assert "<img" not in html


def test_all_static_files_together_are_small() -> None:
    """As they lie there; a browser gets them compressed, and never all: what a page loads is counted in tests/browser."""
    assert sum(file.stat().st_size for file in STATIC.iterdir()) < 60_000


def test_no_page_has_style_or_script_of_its_own() -> None:
    for template in (STATIC.parent / "templates").rglob("*.html"):
        html = template.read_text("utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html), template
        assert all(" src=" in script for script in re.findall(r"<script[^>]*>", html)), template


async def test_all_fields_that_do_not_fit_are_told_at_once_and_a_dialect_still_tells_the_first() -> None:
    class Asked(msgspec.Struct, frozen=True, kw_only=True):
        email: Annotated[Address, Text(1, 60, rules.email)]
        password: Annotated[str, Text(8, 40)]

    with pytest.raises(BadForm) as told:
        read_form({"email": "ada@", "password": "short"}, Asked, BadInput("agree", "agree"), None)
    assert [(fault.field, fault.reason) for fault in told.value.faults] == [
        ("email", "email"),
        ("password", "too-short"),
        ("agree", "agree"),
    ]
    assert (told.value.field, told.value.reason) == ("email", "email")
    with pytest.raises(BadInput) as first:
        read({"email": "ada@", "password": "short"}, Asked)
    assert not isinstance(first.value, BadForm)
    assert first.value.field == "email"
