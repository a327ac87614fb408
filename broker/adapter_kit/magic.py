"""The magic numbers of an adapter: ``magic.toml`` beside its manifest. Only an adapter that has some plays one."""

from importlib import resources
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.adapter_kit.assembly import package_of
from broker.adapter_kit.toml_files import read_toml
from broker.errors import Misconfigured

_Number = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]


class _MagicFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    numbers: dict[_Number, Annotated[str, Field(min_length=1, max_length=200)]] = Field(min_length=1, max_length=1000)


def magic_numbers(adapter: str) -> dict[str, str]:
    """What is true about each magic number of an installed adapter, by number.

    Raises:
        Misconfigured: it has none, so it speaks with an operator that is real.
    """
    where = f"magic.toml of {adapter}"
    try:
        text = (resources.files(package_of(adapter)) / "magic.toml").read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"{where}: cannot be read; sandbox = true is for adapters with magic numbers, and {adapter} has none"
        ) from error
    return read_toml(_MagicFile, text, where).numbers
