"""TOML that people write, read into a pydantic model; every complaint names the file, the key and what to do."""

import tomllib
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from broker.errors import Misconfigured

M = TypeVar("M", bound=BaseModel)


def read_toml(model: type[M], text: str, where: str) -> M:
    """The model that ``text`` holds. ``where`` is the file's name, for errors.

    Raises:
        Misconfigured: not TOML, an unknown key, or a value that does not fit. Values themselves are not shown.
    """
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{where}: not TOML: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{_key(fault['loc'])}: {_advice(fault['msg'])}" for fault in _causes(error))
        raise Misconfigured(f"{where}: {faults}") from error


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """The faults without those of a whole whose part is at fault: "too few items", say, for one that was not read."""
    faults = error.errors()
    return [one for one in faults if not any(_within(other["loc"], one["loc"]) for other in faults)]


def _within(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the file"


def _advice(message: str) -> str:
    if message == "Extra inputs are not permitted":
        return "no such key; remove it or correct its spelling"
    if message == "Field required":
        return "missing; add it"
    return message.removeprefix("Value error, ")
