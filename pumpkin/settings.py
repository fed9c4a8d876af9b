"""Every setting, in one frozen model, read once: flags over environment over file over default.

The file is TOML: `--config FILE`, else `PUMPKIN_CONFIG`, else `pumpkin.toml` in the data folder. The environment is
read by `pumpkin.variables`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from pumpkin import variables
from pumpkin.addresses import is_host, is_port, postgres_address, web_address
from pumpkin.errors import StartRefused
from pumpkin.model.sentences import FAULTS, words
from pumpkin.sections import (
    CENTURIES,
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

    model_config = SettingsConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
    renew_before: float = Field(
        90.0, ge=0, le=CENTURIES, description="Days before a proof's end at which it is renewed."
    )
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

    @field_validator("modules", "authorities")
    @classmethod
    def _own_names(cls, value: list[Any], info: ValidationInfo) -> list[Any]:
        names = [one.name for one in value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"is not right: two {info.field_name} are named {name}")
        return value

    @field_validator("database")
    @classmethod
    def _postgresql(cls, value: str) -> str:
        return postgres_address(value)

    @field_validator("telemetry")
    @classmethod
    def _collector(cls, value: str) -> str:
        return web_address(value)

    @model_validator(mode="after")
    def _whole_pair(self) -> Settings:
        if self.certificate_key is not None and self.certificate is None:
            raise ValueError("certificate_key is given, and certificate is not")
        return self

    @field_validator("listen", mode="before")
    @classmethod
    def _host_and_port(cls, value: object) -> object:
        host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
        plain = host[1:-1] if host.startswith("[") and host.endswith("]") and ":" in host else host
        if not is_host(plain) or not is_port(port):
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
        return init_settings, _EnvironmentSource(settings_cls), _FileSource(settings_cls)


class _FileSource(PydanticBaseSettingsSource):
    """The values of the TOML file in force (set by `load`)."""

    values: dict[str, Any] = {}  # noqa: RUF012 - replaced by load, read once

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self.values)


class _EnvironmentSource(PydanticBaseSettingsSource):
    """What the environment says."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return variables.values(self.settings_cls)


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

    StartRefused for what does not fit: a sentence a line, each naming the setting and where its value comes from.
    """
    folder = (data or default_data()).absolute()
    file = file_of(folder, config)
    values = _read(file, named=config is not None or bool(os.environ.get("PUMPKIN_CONFIG")))
    if "data" in values and values["data"] != str(folder):
        raise StartRefused(f"The setting data is not of a file: give --data or PUMPKIN_DATA; settings file: {file}.")
    given = {name: value for name, value in flags.items() if value is not None}
    if isinstance(given.get("xmpp"), dict):
        given["xmpp"] = {name: value for name, value in given["xmpp"].items() if value is not None}
    _FileSource.values = values
    try:
        return Settings(data=folder, **given)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)
        lines = list(dict.fromkeys(_sentence(one, given, file) for one in told))
        more = [f"There are {len(lines) - FAULTS} more."] if len(lines) > FAULTS else []
        raise StartRefused("\n".join([*lines[:FAULTS], *more])) from None
    finally:
        _FileSource.values = {}


def unknown_variables() -> list[str]:
    """A sentence on each variable of the environment that looks like a setting and is none."""
    return variables.unknown(Settings)


def file_of(folder: Path, config: Path | None = None) -> Path:
    """The settings file that counts for a data folder, whether it is there or not."""
    return config or Path(os.environ.get("PUMPKIN_CONFIG") or folder / "pumpkin.toml")


def _read(file: Path, *, named: bool) -> dict[str, Any]:
    """What the file says; nothing where there is none and nobody named it."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            raise StartRefused(f"There is no settings file {file}.") from None
        return {}
    except OSError as error:
        raise StartRefused(f"The settings file {file} cannot be read: {error.strerror or error}.") from None
    except UnicodeDecodeError:
        raise StartRefused(f"The settings file {file} is not text in UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise StartRefused(f"The settings file {file} cannot be read: {error}.") from None


def _sentence(error: Mapping[str, Any], flags: Mapping[str, Any], file: Path) -> str:
    """What is wrong with which setting, and where that came from."""
    parts = [str(part) for part in error["loc"]]
    said = words(error)
    if not parts:
        return f"The setting {said}; settings file: {file}."
    if error["type"] == "extra_forbidden":
        said += _meant(parts)
    elif not said.startswith(("is ", "has ", "does ", "names ", "needs ")):
        said = f"is not right: {said}"
    return f"The setting {'.'.join(parts)} {said}; {_origin(parts, flags, file)}."


def _origin(parts: list[str], flags: Mapping[str, Any], file: Path) -> str:
    inner = flags.get(parts[0])
    if parts[0] in flags and (not isinstance(inner, dict) or len(parts) < 2 or parts[1] in inner):
        return "given by option"
    for upto in range(len(parts), 0, -1):
        name = variables.variable(".".join(parts[:upto]))
        if os.environ.get(name):
            return f"from the environment: {name}"
    return f"settings file: {file}"


def _meant(parts: list[str]) -> str:
    """The name that was meant by one that is not known: one like it, or one of the same name in another part."""
    known = list(variables.names(Settings, tables=True))
    plain = ".".join(part for part in parts if not part.isdigit())
    near = variables.meant(plain, known)
    elsewhere = [one for one in known if one.rpartition(".")[2] == parts[-1]]
    return near or (f" (did you mean {elsewhere[0]}?)" if len(elsewhere) == 1 else "")


def folder(name: str) -> Path:
    """Where `templates`, `static` or `sql` lies: in the package (wheel), else beside it (checkout)."""
    package = Path(__file__).parent
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise StartRefused(f"The folder {name} is not part of this installation; install Pumpkin again.")
