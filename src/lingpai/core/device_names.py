"""A browser or a program and its system, as people call them: `Chrome，Windows`."""

from lingpai.core import words
from lingpai.core.agents import agent
from lingpai.core.model import Locale


def device(user_agent: str, locale: Locale) -> str:
    """By what the program claims to be (RFC 9110, 10.1.5): shown to people, never trusted."""
    found = agent(user_agent)
    program = words.TEXTS[locale].get(f"program.{found.program}", found.program) or words.text("program.unknown", locale)
    return words.text("pages.me.devices.what", locale, program=program, system=found.system) if found.system else program
