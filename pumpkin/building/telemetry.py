"""OpenTelemetry, where a collector is named: a span a request, sent over OTLP/HTTP from a thread of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version

from aiohttp import web
from aiohttp.typedefs import Middleware

from pumpkin.errors import StartRefused
from pumpkin.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def traced(settings: Settings, stack: AsyncExitStack) -> Middleware | None:
    """The middleware that makes the spans, to be put outermost; None where `telemetry` is empty.

    A span says method, route (never the path, which may name things), status and request id. A parent named by a
    `traceparent` header is taken up. StartError where the extra `telemetry` is not installed.
    """
    if not settings.telemetry:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        raise StartRefused("The setting telemetry needs the extra of that name: install pumpkin[telemetry].") from None
    provider = TracerProvider(
        resource=Resource.create({"service.name": "pumpkin", "service.version": version("pumpkin")})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{settings.telemetry.rstrip('/')}/v1/traces")))
    stack.callback(provider.shutdown)
    tracer, propagator = provider.get_tracer("pumpkin"), TraceContextTextMapPropagator()

    @web.middleware
    async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "?"
        parent = propagator.extract(dict(request.headers))
        with tracer.start_as_current_span(
            f"{request.method} {route}",
            parent,
            SpanKind.SERVER,
            {"http.request.method": request.method, "http.route": route},
        ) as span:
            response = await handler(request)
            span.set_attribute("http.response.status_code", response.status)
            span.set_attribute("pumpkin.request_id", response.headers.get("X-Request-ID", ""))
            if response.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            return response

    return trace
