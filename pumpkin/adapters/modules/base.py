"""What an ad hoc module is: a class that is opened, handed items in order, and closed.

Third parties write one and name it in the entry-point group `pumpkin.modules` (docs/modules.md). `deliver` returns
when the target has taken the items durably. What it raises decides what becomes of them:

- `Away`: the target is not there, or wants to be left alone. All wait, in order, however long it takes.
- `Refused`: the target will never take this item. It becomes a dead letter, the next ones follow.
- `Failed`, or any other exception: something is wrong with the item or the target, nobody knows which. It is tried
  again as often as the setting `attempts` says, alone, and becomes a dead letter then.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from pumpkin.errors import StartError
from pumpkin.model import sentences
from pumpkin.model.deliveries import Item

DAY_S = 86_400.0


class DeliveryError(Exception):
    """Why something was not delivered: one sentence, without secrets."""


class Away(DeliveryError):
    """The target is not there at the moment; `after_s` is how long it asks to be left alone."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = min(after_s, DAY_S) if after_s is not None else None


class Refused(DeliveryError):
    """The target will not take this item, now or later."""


class Failed(DeliveryError):
    """The target answered something that is neither."""


Outcome = DeliveryError | None
"""Of one item: None where it was delivered."""


class Options(BaseModel):
    """What stands in the settings' table `options` of a module; unknown names are refused."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module stands: its `name` and `target` of the settings, `data`, a folder of its own (made when it is
    needed), `link`, the address our pages are reached at ("" where it is not known), and `domain`, that of our
    agents."""

    name: str
    target: str
    data: Path
    link: str = ""
    domain: str = "localhost"


class Module(ABC):
    """One module. `batch` is how many items `deliver` is handed at most; `wants` may hold "report" (whole documents of
    reports) and "proof" (proofs, where there are any yet). Nothing here may block the event loop."""

    Options: ClassVar[type[Options]] = Options
    batch: ClassVar[int] = 1
    wants: ClassVar[frozenset[str]] = frozenset()
    secret_target: ClassVar[bool] = False
    """Whether the target's address is itself a secret (its path or its password)."""

    def __init__(self, place: Place, options: Any) -> None:
        """StartError, one sentence, for a target or options that cannot work."""
        self.place, self.options = place, options

    async def open(self) -> None:
        """Before the first delivery, and again after a failed one. `Away` when the target is not there."""
        return

    @abstractmethod
    async def deliver(self, items: Sequence[Item]) -> Sequence[Outcome] | None:
        """Deliver the items in order; None when all were, else an outcome for each."""

    async def close(self) -> None:
        """After the last delivery, and after a failed one."""
        return


def read_options(kind: type[Module], name: str, given: dict[str, Any]) -> Any:
    """The options of a module, secrets read. StartError, one sentence, for one that does not fit."""
    try:
        return kind.Options.model_validate({key: _secret(name, key, value) for key, value in given.items()})
    except ValidationError as error:
        where, wrong = sentences.first(error)
        said = wrong if wrong.startswith(("is ", "has ", "does ")) else f"is not right: {wrong}"
        raise StartError(f"The option {where or 'options'} of the module {name} {said}.") from None


def _secret(name: str, key: str, value: Any) -> Any:
    """`file:PATH` stands for what that file holds, `${NAME}` for a variable of the environment."""
    if not isinstance(value, str):
        return value
    if value.startswith("file:"):
        try:
            return Path(value.removeprefix("file:")).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it is no text"
            raise StartError(f"The file of the option {key} of the module {name} cannot be read: {reason}.") from None
    variable = re.fullmatch(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value)
    if variable is None:
        return value
    if variable[1] not in os.environ:
        raise StartError(f"The option {key} of the module {name} names the variable {variable[1]}, which is not set.")
    return os.environ[variable[1]]


def revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
