"""Bodies of requests: JSON as models, forms as fields."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import FileField
from multidict import MultiDictProxy
from pydantic import BaseModel, ValidationError

from pumpkin.errors import InvalidJson, InvalidRequest
from pumpkin.model import sentences
from pumpkin.model.wire import parse_json
from pumpkin.web.limits import SMALL_BODY, body
from pumpkin.web.patience import pace

_Model = TypeVar("_Model", bound=BaseModel)


async def posted(request: web.Request) -> MultiDictProxy[str | bytes | bytearray | FileField]:
    """The form a page sent. InvalidRequest for a body that is none: in a charset nobody knows, or parted nowhere."""
    try:
        async with pace():
            return await request.post()
    except (LookupError, ValueError, AssertionError, RuntimeError, HttpProcessingError):
        raise InvalidRequest("The body is no form.") from None


async def parsed(request: web.Request, model: type[_Model], limit: int = SMALL_BODY) -> _Model:
    """The body of at most `limit` bytes as `model`; none at all counts as `{}`.

    InvalidJson when it is no JSON or says a name twice, InvalidRequest naming the first 20 fields that do not fit, and
    what `body` raises.
    """
    data = await body(request, limit) or b"{}"
    parse_json(data)
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise InvalidJson from None
        where, wrong = sentences.first(error)
        raise InvalidRequest(f"{where or 'body'}: {wrong}.", fields=sentences.faults(error)) from None
