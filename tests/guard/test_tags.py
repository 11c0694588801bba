"""Request ids: drawn in blocks, and never twice."""

import os
from concurrent.futures import ThreadPoolExecutor

from lingpai.core.chance import SystemChance


def _told_by(child: int) -> list[str]:
    """What a forked process draws."""
    read, write = os.pipe()
    if not (pid := os.fork()):
        os.write(write, " ".join(SystemChance().tag() for _ in range(child)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        drawn = said.read().split()
    os.waitpid(pid, 0)
    return drawn


def test_processes_that_were_forked_give_out_none_of_each_others_tags() -> None:
    SystemChance().tag()  # a block is begun, which each of them would go on with
    told = [_told_by(300), _told_by(300), [SystemChance().tag() for _ in range(300)]]
    assert [len(each) for each in told] == [300, 300, 300]
    assert len({tag for each in told for tag in each}) == 900


def test_threads_that_draw_at_once_have_no_tag_twice() -> None:
    with ThreadPoolExecutor(8) as pool:
        drawn = [tag for each in pool.map(lambda _: [SystemChance().tag() for _ in range(2_000)], range(8)) for tag in each]
    assert len(set(drawn)) == len(drawn) == 16_000
    assert {len(tag) for tag in drawn} == {8}
    assert set("".join(drawn)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_each_character_of_a_code_is_drawn_evenly_at_each_place() -> None:
    """By chance alone one of these counts strays so far once in 10^9 runs."""
    codes = [SystemChance().code(4, "abc") for _ in range(9_000)]
    counts = [sum(code[place] == letter for code in codes) for place in range(4) for letter in "abc"]
    assert all(abs(count - 3_000) < 300 for count in counts), counts
    assert SystemChance().code(0) == ""
    assert SystemChance().code(3, "x") == "xxx"
