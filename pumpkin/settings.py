"""Every setting, in one frozen model, read once: flags over environment over file over default.

The file is TOML: `--config FILE`, else `PUMPKIN_CONFIG`, else `pumpkin.toml` in the data folder. A name in the
environment is `PUMPKIN_` and the setting's name in capitals, `__` between parts (`PUMPKIN_XMPP__DOMAIN`).
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pumpkin.errors import StartError
from pumpkin.sections import (
    AccessSettings,
    AuthoritySettings,
    CorrelationSettings,
    LogSettings,
    ModuleSettings,
    OpenIdSettings,
    PackageSettings,
    PublicSettings,
    RegistrySettings,
    SandboxSettings,
    UpkeepSettings,
    XmppSettings,
)


class Settings(BaseSettings):
    """All settings of one installation."""

    model_config = SettingsConfigDict(
        env_prefix="PUMPKIN_", env_nested_delimiter="__", frozen=True, extra="forbid", env_ignore_empty=True
    )

    data: Path = Field(description="The one folder all state lives in.")
    listen: str = Field("127.0.0.1:8000", description="Address and port of the web server; HTTPS where not loopback.")
    tls: Literal["auto", "on", "off"] = Field(
        "auto", description="HTTPS: with the installation's own authority where the listener is not loopback."
    )
    certificate: Path | None = Field(None, description="Certificate chain (PEM) for HTTPS instead of our own.")
    certificate_key: Path | None = Field(None, description="Its key (PEM).")
    database: str = Field(
        "", description="PostgreSQL to use (DSN) instead of the embedded one.", json_schema_extra={"secret": True}
    )
    xmpp: XmppSettings = Field(default_factory=XmppSettings, description="How the fleet comes in.")
    authorities: list[AuthoritySettings] = Field(
        default_factory=list, description="Time-stamp authorities; without any the local one stamps."
    )
    local_authority: bool = Field(True, description="Whether the local, self-asserted authority stamps too.")
    stamping: Literal["all", "needed"] = Field(
        "all", description="Ask every authority, or only the first that are needed for the quorum and are well."
    )
    quorum: int = Field(
        1, ge=1, le=16, description="How many authorities must stamp a check before it counts as stamped."
    )
    renew_before: float = Field(90.0, ge=0, description="Days before a proof's end at which it is renewed.")
    synchronised_clock: bool = Field(
        False, description="Whether the local authority stamps only while the kernel says its clock is synchronised."
    )
    log: LogSettings = Field(default_factory=LogSettings, description="The append-only log.")
    sandbox: SandboxSettings = Field(default_factory=SandboxSettings, description="Where and how packages are run.")
    registries: RegistrySettings = Field(
        default_factory=RegistrySettings, description="Package registries: where they are, how they are asked."
    )
    packages: PackageSettings = Field(
        default_factory=PackageSettings, description="How packages are queued and analysed."
    )
    modules: list[ModuleSettings] = Field(default_factory=list, description="Ad hoc modules.")
    correlation: CorrelationSettings = Field(
        default_factory=CorrelationSettings, description="Rules over checks, and the alerts they raise."
    )
    access: AccessSettings = Field(default_factory=AccessSettings, description="Who may ask without a key.")
    upkeep: UpkeepSettings = Field(default_factory=UpkeepSettings, description="Room, and what is let go of.")
    openid: OpenIdSettings = Field(default_factory=OpenIdSettings, description="Signing in elsewhere.")
    public: PublicSettings = Field(default_factory=PublicSettings, description="What anyone is shown.")
    journal: Literal["text", "json"] = Field(
        "text", description="How events are written to standard error: lines for people, or one JSON object a line."
    )
    telemetry: str = Field("", description="An OpenTelemetry collector (OTLP over HTTP) that is sent a span a request.")
    demo: bool = Field(True, description="Whether the built-in demonstration probe runs.")

    @field_validator("modules")
    @classmethod
    def _own_names(cls, value: list[ModuleSettings]) -> list[ModuleSettings]:
        names = [one.name for one in value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"is not right: two modules are named {name}")
        return value

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("is not HOST:PORT, for instance 127.0.0.1:8000")
        return value

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _FileSource(settings_cls)


class _FileSource(PydanticBaseSettingsSource):
    """The values of the TOML file in force (set by `load`)."""

    values: dict[str, Any] = {}  # noqa: RUF012 - replaced by load, read once

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self.values)


def default_data() -> Path:
    """The data folder where none is given: the system's for root, XDG's for people (rulings.md 18)."""
    given = os.environ.get("PUMPKIN_DATA")
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/pumpkin")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "pumpkin"


def load(data: Path | None = None, config: Path | None = None, **flags: Any) -> Settings:
    """The settings in force. `flags` are those given (None is not given; `xmpp` may be a dict).

    StartError, one sentence naming setting and source, for anything that does not fit.
    """
    folder = (data or default_data()).absolute()
    file = file_of(folder, config)
    values: dict[str, Any] = {}
    if file.is_file():
        try:
            values = tomllib.loads(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise StartError(f"The settings file {file} cannot be read: {error}.") from None
    elif config is not None:
        raise StartError(f"There is no settings file {file}.")
    given = {name: value for name, value in flags.items() if value is not None}
    if isinstance(given.get("xmpp"), dict):
        given["xmpp"] = {name: value for name, value in given["xmpp"].items() if value is not None}
    _FileSource.values = values
    try:
        return Settings(data=folder, **given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise StartError(f"The setting {where} {_sentence(first['msg'])}{more}; settings file: {file}.") from None
    finally:
        _FileSource.values = {}


def file_of(folder: Path, config: Path | None = None) -> Path:
    """The settings file that counts for a data folder, whether it is there or not."""
    return config or Path(os.environ.get("PUMPKIN_CONFIG") or folder / "pumpkin.toml")


def _sentence(message: str) -> str:
    plain = message.removeprefix("Value error, ")
    return plain if plain.startswith("is ") else f"is not right: {plain[0].lower()}{plain[1:]}"


def folder(name: str) -> Path:
    """Where `templates`, `static` or `sql` lies: in the package (wheel), else beside it (checkout)."""
    package = Path(__file__).parent
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise StartError(f"The folder {name} is not part of this installation; install Pumpkin again.")
