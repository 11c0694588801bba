"""What the standard asks of the source itself (ASVS 5.0): each rule is read off the syntax tree, and each reader has a control."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "lingpai").rglob("*.py"))
SCRIPTS = sorted((ROOT / "src" / "lingpai" / "web" / "static").glob("*.js"))
PAGES = sorted((ROOT / "src" / "lingpai" / "web" / "templates").rglob("*.html"))


def calls(texts: Iterable[str]) -> Iterator[ast.Call]:
    for text in texts:
        yield from (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))


def source_calls() -> Iterator[ast.Call]:
    return calls(path.read_text("utf-8") for path in SOURCES)


def named(found: Iterable[ast.Call], pattern: str) -> list[str]:
    return [ast.unparse(call) for call in found if re.fullmatch(pattern, ast.unparse(call.func))]


OF_OS = r"os\.(system|popen|exec\w*|(posix_)?spawn\w*)"


def programs(found: Iterable[ast.Call]) -> list[ast.Call]:
    """Calls that start another program."""
    names = r"subprocess\.(run|Popen|call|check_\w+)|asyncio\.create_subprocess_(exec|shell)|" + OF_OS
    return [call for call in found if re.fullmatch(names, ast.unparse(call.func))]


def test_1_2_5_no_program_is_started_through_a_shell() -> None:
    started = programs(source_calls())
    assert len(started) == 6, "migrating in dev mode, the voice, a successor of `serve` and its trial, pg_dump or psql and its version"
    for call in started:
        assert ast.unparse(call.func) in ("subprocess.run", "asyncio.create_subprocess_exec", "os.posix_spawn", "os.execve")
        assert not any(word.arg == "shell" for word in call.keywords)


def test_1_2_5_a_shell_is_found() -> None:
    """The control."""
    assert len(programs(calls(["os.system('x')\nasyncio.create_subprocess_shell(a)\nsubprocess.run(b, shell=True)"]))) == 3


def test_1_3_2_no_text_is_run_as_a_program() -> None:
    assert named(source_calls(), r"eval|exec|compile|__import__") == []
    scripts = "\n".join(path.read_text("utf-8") for path in SCRIPTS)
    assert not re.search(r"\beval\(|new Function\(|setTimeout\(\s*[\"'`]", scripts)


def test_1_3_2_it_is_found() -> None:
    """The control."""
    assert named(calls(["eval(x)", "compile(a, b, c)"]), r"eval|exec|compile|__import__") == ["eval(x)", "compile(a, b, c)"]


WRITES_MARKUP = re.compile(r"\.(innerHTML|outerHTML)\b|insertAdjacentHTML|document\.write|createContextualFragment")


def test_3_2_2_scripts_write_texts_and_never_markup() -> None:
    assert SCRIPTS
    assert [path.name for path in SCRIPTS if WRITES_MARKUP.search(path.read_text("utf-8"))] == []
    assert any("textContent" in path.read_text("utf-8") for path in SCRIPTS)
    assert WRITES_MARKUP.search("node.innerHTML = name"), "the control"


PLUGIN = re.compile(r"<(object|embed|applet|frame|frameset|marquee|bgsound)\b", re.IGNORECASE)


def test_3_7_1_pages_need_no_plugin_and_no_element_that_was_given_up() -> None:
    assert PAGES
    assert [path.name for path in PAGES if PLUGIN.search(path.read_text("utf-8"))] == []
    assert PLUGIN.search("<OBJECT data=x>"), "the control"


KEEPS = re.compile(r"\b(localStorage|sessionStorage|indexedDB|caches\.open|document\.cookie|serviceWorker)\b")


def test_14_3_3_nothing_is_kept_in_the_browser_by_a_script() -> None:
    """But for the time zone, which is no secret: it says what every clock there does."""
    zone = "document.cookie = `lingpai_zone=${timeZone};"
    assert [path.name for path in SCRIPTS if KEEPS.search(path.read_text("utf-8").replace(zone, ""))] == []
    assert KEEPS.search("localStorage.setItem('a', b)"), "the control"


MERGES = re.compile(r"Object\.assign|__proto__|structuredClone|\[[a-z]+\]\s*=(?!=)|for\s*\((?:const|let) \w+ in ")


def test_15_3_6_scripts_take_no_names_from_data_for_members() -> None:
    assert [path.name for path in SCRIPTS if MERGES.search(path.read_text("utf-8"))] == []
    assert MERGES.search("target[key] = value"), "the control"


def test_11_4_1_no_hash_but_sha_256_is_called() -> None:
    assert hashes(source_calls()) == {"sha256"}


def test_11_4_1_a_weaker_one_is_found() -> None:
    """The control."""
    assert hashes(calls(["hashlib.md5(a).hexdigest()", "hashlib.new('sha1')"])) == {"md5", "new"}


def hashes(found: Iterable[ast.Call]) -> set[str]:
    return {name for call in found for name in re.findall(r"^hashlib\.(\w+)", ast.unparse(call.func))}


CIPHER = re.compile(r"from cryptography\.hazmat\.primitives\.ciphers[^\n]* import ([^\n]+)")


def test_11_3_2_the_only_cipher_is_aes_gcm_with_a_key_of_256_bits() -> None:
    found = [name for path in SOURCES for name in CIPHER.findall(path.read_text("utf-8"))]
    assert found == ["AESGCM"]
    [made] = named(source_calls(), "AESGCM")
    assert "_derive(" in made
    [key] = named(source_calls(), "HKDF")
    assert "length=32" in key


CRYPTOGRAPHY = {"argon2", "cryptography", "joserfc", "hashlib", "hmac", "secrets", "ssl"}
OF_OUR_OWN = re.compile(r"\bdef (encrypt|decrypt|aes|pbkdf2|hkdf|ecdsa|xor)\w*\(")


def test_11_2_1_what_is_secret_is_made_by_known_libraries() -> None:
    """None of the primitives is written here; what is imported for them is on this list."""
    assert [path.name for path in SOURCES if OF_OUR_OWN.search(path.read_text("utf-8"))] == []
    imported = {
        module.partition(".")[0]
        for path in SOURCES
        for module in re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert CRYPTOGRAPHY & imported == CRYPTOGRAPHY
    assert not imported & {"Crypto", "nacl", "rsa", "ecdsa", "jwt", "jose", "bcrypt", "passlib", "random2"}
