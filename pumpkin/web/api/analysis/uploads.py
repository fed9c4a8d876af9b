"""A local archive handed in for analysis: kept by digest, shown to its owner alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from pumpkin.errors import InvalidRequest, PayloadTooLarge
from pumpkin.model.packages import file_name
from pumpkin.model.purl import SPELLINGS, Purl, of_name
from pumpkin.model.tasks import Submission
from pumpkin.web.api.analysis.analyze import Answer, answered, shape
from pumpkin.web.api.analysis.metering import meter
from pumpkin.web.api.analysis.wishes import priority_of
from pumpkin.web.guard import Identity, require
from pumpkin.web.patience import Pace, pace
from pumpkin.web.services import SERVICES

FIELD_LIMIT = 1_000
PARTS = 21
_PARTED = re.compile(
    r"(?P<name>@?[A-Za-z0-9][A-Za-z0-9._~-]*?)-v?(?P<version>\d[A-Za-z0-9.!+_]*?)(?:-[A-Za-z0-9._-]+)?"
    r"\.(?:whl|tar\.gz|tgz|tar\.bz2|tar\.xz|zip|gem|crate|jar|apk)\Z"
)
_KINDS = {"whl": "pypi", "gem": "gem", "crate": "cargo", "jar": "maven", "apk": "apk", "tgz": "npm"}


@dataclass(slots=True)
class Form:
    """The fields of a multipart form, and its one file."""

    fields: dict[str, str] = field(default_factory=dict)
    name: str = ""
    content: bytes = b""


async def create(request: web.Request) -> web.Response:
    """`POST /api/v1/upload/`: an archive in multipart (`file`, `ecosystem`, `package_name`, `package_version`,
    `priority`). Its analysis is shown to its owner, or by its uuid."""
    asker = require(request, "packages:write")
    form = await read(request)
    return answered(request, await submit(request, asker, form))


async def submit(request: web.Request, asker: Identity, form: Form) -> Answer:
    """Keep the archive and have it analysed; InvalidRequest for what is no package of an ecosystem known."""
    services = request.app[SERVICES]
    await meter(request, asker, 0)
    purl = package(form)
    priority = form.fields.get("priority") or "0"
    digest = hashlib.sha256(form.content).digest()
    if not re.fullmatch(r"\d{1,3}", priority, re.ASCII):
        priority = "99"
    submission = Submission(
        owner=asker.owner,
        asked=form.name,
        purl=Purl.build(
            purl.type, purl.namespace, purl.name, purl.version, {"checksum": f"sha256:{digest.hex()}"}
        ).canonical,
        ecosystem=purl.type,
        name=purl.full_name,
        version=purl.version or "",
        tools=",".join(services.packages.tools()),
        priority=priority_of(int(priority)),
        forced=form.fields.get("force", "").casefold() in ("1", "true", "on"),
        upload=digest,
        realm=asker.owner,
        timeout_s=services.packages.timeout_s,
        cap=services.packages.cap,
    )
    await services.packages.upload(digest, form.name, form.content)
    return shape(request, services.packages, await services.packages.submit(submission))


def package(form: Form) -> Purl:
    """Which package the archive says or is said to be."""
    parted = _PARTED.match(form.name)
    suffix = form.name.rpartition(".")[2].casefold()
    said = form.fields.get("ecosystem", "").strip().casefold() or _KINDS.get(suffix, "pypi")
    ecosystem = SPELLINGS.get(said)
    if ecosystem is None:
        raise InvalidRequest("The ecosystem is not known.", fields={"ecosystem": "not known"})
    name = form.fields.get("package_name", "").strip() or (parted["name"] if parted else form.name.partition(".")[0])
    version = form.fields.get("package_version", "").strip() or (parted["version"] if parted else "0")
    if ecosystem == "maven" and ":" not in name and "/" not in name:
        name = f"upload:{name}"
    elif ecosystem == "composer" and "/" not in name:
        name = f"upload/{name}"
    try:
        return of_name(ecosystem, name, version)
    except InvalidRequest as error:
        raise InvalidRequest(error.message, fields={"package_name": error.message}) from None


async def read(request: web.Request) -> Form:
    """The form, its file bounded. InvalidRequest for another shape, PayloadTooLarge past the limit."""
    limit = request.app[SERVICES].packages.upload_limit
    if not request.content_type.startswith("multipart/form-data"):
        raise InvalidRequest("An upload is multipart/form-data with a file.")
    if (request.content_length or 0) > limit + 64 * FIELD_LIMIT:
        raise PayloadTooLarge(f"An archive has at most {limit} bytes.")
    form = Form()
    try:
        async with pace() as deadline:
            await _parts(await request.multipart(), form, limit, deadline)
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError):
        raise InvalidRequest("The body is no multipart form.") from None
    if not form.content:
        raise InvalidRequest("There is no file in the form.", fields={"file": "missing"})
    return form


async def _parts(reader: MultipartReader, form: Form, limit: int, deadline: Pace) -> None:
    parts = 0
    async for part in reader:
        parts += 1
        if parts > PARTS:
            raise InvalidRequest("An upload has one file and at most 20 fields.")
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise InvalidRequest("An upload has plain fields and one file.")
        if part.name == "file" and part.filename is not None:
            if form.content:
                raise InvalidRequest("An upload has plain fields and one file.")
            form.name = _plain_name(part.filename)
            form.content = await _bounded(part, limit, deadline)
        else:
            form.fields[part.name[:100]] = (await _bounded(part, FIELD_LIMIT, deadline)).decode("utf-8", "replace")


async def _bounded(part: BodyPartReader, limit: int, deadline: Pace) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(64 * 1024):
        data += chunk
        deadline.came(len(data))
        if len(data) > limit:
            raise PayloadTooLarge(f"This part of the form has at most {limit} bytes.")
    return bytes(data)


def _plain_name(text: str) -> str:
    """A file's name without anything that leads elsewhere."""
    name = unquote(text).replace("\\", "/").rpartition("/")[2][:200]
    return file_name(name) or (re.sub(r"[^A-Za-z0-9._+-]", "_", name).lstrip(".-_") or "archive")
