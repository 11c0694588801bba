"""SQLAlchemy and the tables for modules that write statements with them: nothing of it is loaded before a statement is compiled.

    from lingpai.store.deferred import accounts, bindparam, select

An expression of these is not computed but kept as it stands, as a `Deferred`; its SQL is in `ahead/`, compiled beforehand. To a type
checker they are the real ones (`deferred.pyi`). Three things cannot be put off, and raise TypeError: whether an expression is
true, how it reads in a text, and what a table's columns are (`for column in accounts.c`).
"""

import operator
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

_SOURCES = ("lingpai.store.schema", "sqlalchemy", "sqlalchemy.schema")
_UNSET = object()


class Deferred:
    """What a function will come to with these arguments, called once, when it is asked for (`computed`)."""

    __slots__ = ("_arguments", "_function", "_named", "_value")

    def __init__(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        self._function = function
        self._arguments = arguments
        self._named = named
        self._value: Any = _UNSET

    def __call__(self, *arguments: Any, **named: Any) -> "Deferred":
        return Deferred(_called, self, *arguments, **named)

    def __getattr__(self, name: str) -> "Deferred":
        if name.startswith("__"):
            raise AttributeError(name)
        return Deferred(getattr, self, name)

    def __bool__(self) -> NoReturn:
        raise TypeError("whether an expression is true is not known before it is compiled")

    def __str__(self) -> NoReturn:
        raise TypeError("how an expression reads is not known before it is compiled")

    def __iter__(self) -> NoReturn:
        raise TypeError("what an expression holds is not known before it is compiled: name its columns")

    __hash__ = object.__hash__


def _called(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    return function(*arguments, **named)


def _deferring(function: Callable[..., Any]) -> Callable[..., Deferred]:
    return lambda *operands: Deferred(function, *operands)


for _name in ("add", "and", "eq", "ge", "getitem", "gt", "invert", "le", "lt", "mul", "ne", "neg", "or", "sub"):
    setattr(Deferred, f"__{_name}__", _deferring(getattr(operator, f"__{_name}__")))


def computed(given: Any) -> Any:
    """The value itself, with all that is deferred in it."""
    if isinstance(given, Deferred):
        if given._value is _UNSET:
            given._value = computed(given._function(*computed(given._arguments), **computed(given._named)))
        return given._value
    if type(given) is dict:
        return {computed(key): computed(value) for key, value in given.items()}
    return type(given)(map(computed, given)) if type(given) in (list, tuple) else given


def deferred(function: Callable[..., Any]) -> Callable[..., Deferred]:
    """Its calls are put off like the rest. What it asks of a table's columns it asks of a `computed` one."""
    return partial(Deferred, function)


def _found(name: str) -> Any:
    for module in map(import_module, _SOURCES):
        if hasattr(module, name):
            return getattr(module, name)
    raise ImportError(f"neither SQLAlchemy nor the schema has {name}")


def __getattr__(name: str) -> Deferred:
    if name.startswith("__"):
        raise AttributeError(name)
    return Deferred(_found, name)
