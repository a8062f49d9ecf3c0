"""Who may ask for what: a web page somewhere cannot drive the server, nor can another machine without the token."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from ..errors import NodegraphError, StorageFailed
from ..files import NO_SPACE
from .answers import STATE, Refused, answer_to, answer_to_http, answer_to_surprise
from .settings import Settings
from .state import State

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE = "nodegraph_session"
SAFE = ("GET", "HEAD", "OPTIONS")
OPEN = ("/live", "/ready", "/api/v1/session")  # need no token: they tell nothing, or ask for it
PICTURES = ("image/png", "image/jpeg", "image/webp", "application/octet-stream")
FOR_PICTURES = ("/api/v1/assets", "/api/v1/convert")
FRONT_END = ("front_end", "front_end_file")  # the names of the routes to a page that can ask for the token
HANDLER_SECONDS = 30.0
# What scripts call themselves. No page can make a browser send these, so they are as good as a header of their own.
SCRIPT = re.compile(r"python[-/]|aiohttp|httpx|node|undici|axios|go-http|okhttp|java/|ruby|reqwest", re.IGNORECASE)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Another program's front end brings inline styles, workers and compiled code along; it may still not go elsewhere.
FOREIGN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; media-src 'self' blob: data:; font-src 'self' data:; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what must not be asked; answer every error as JSON."""
    state = request.app[STATE]
    try:
        check_host(request, state.settings)
        check_origin(request, state.settings)
        if request.method == "OPTIONS" and request.headers.get("Origin") in state.settings.allow_origin:
            return web.Response(status=204)
        check_token(request, state)
        if request.method not in SAFE:
            check_content(request, state)
        if request.headers.get("Upgrade"):
            return await handler(request)
        async with asyncio.timeout(HANDLER_SECONDS):
            return await handler(request)
    except NodegraphError as error:
        return answer_to(error)
    except web.HTTPException as error:
        return answer_to_http(error)
    except TimeoutError:
        return answer_to(Refused(503, "timeout", "the answer took too long", retry_after=5))
    except (ConnectionError, asyncio.CancelledError):
        raise
    except OSError as error:
        if error.errno not in NO_SPACE:
            return answer_to_surprise(error)
        return answer_to(StorageFailed("there is no space left on the disk", full=True))
    except Exception as error:
        return answer_to_surprise(error)


def check_host(request: web.Request, settings: Settings) -> None:
    """Refuse names that are not ours: a page could have made its own name lead here (DNS rebinding)."""
    named = request.headers.getall("Host", [])
    if len(named) != 1:
        raise Refused(400, "bad_host", "expected one Host header")
    if not is_own(named[0], settings):
        raise Refused(421, "bad_host", "this host name is not served here", hint="--allow-host NAME or NAME:PORT")


def is_own(host: str, settings: Settings) -> bool:
    """Whether a Host header, or an origin without its scheme, names this server."""
    name, _, port = host.lower().rpartition(":") if re.search(r":\d+$", host) else (host.lower(), "", "")
    # Another port of a name is another server, whose pages are not ours.
    if host.lower() in settings.allow_host or (name in settings.allow_host and port == str(settings.port)):
        return True
    if (port or "80") != str(settings.port):
        return False
    if name in ("localhost", "127.0.0.1", "[::1]", settings.host.lower(), f"[{settings.host.lower()}]"):
        return True
    # An address cannot be rebound, as a name can.
    return not settings.loopback and is_address(name)


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def check_origin(request: web.Request, settings: Settings) -> None:
    """Refuse what another site's page sends, by Origin and by Fetch Metadata; WebSockets too."""
    origins = request.headers.getall("Origin", [])
    if len(origins) > 1 or (origins and not allowed_origin(origins[0], settings)):
        raise Refused(403, "bad_origin", "pages of another origin may not use this server", hint="--allow-origin")
    site = request.headers.get("Sec-Fetch-Site")
    if site in (None, "same-origin", "none") or (origins and origins[0] in settings.allow_origin):
        return
    navigates = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.method == "GET" and request.path == "/"
    if not navigates:
        raise Refused(403, "bad_origin", "pages of another site may not use this server")


def allowed_origin(origin: str, settings: Settings) -> bool:
    if origin in settings.allow_origin:
        return True
    scheme, separator, host = origin.partition("://")
    return scheme in ("http", "https") and bool(separator) and is_own(host, settings)


def check_token(request: web.Request, state: State) -> None:
    """Refuse who does not know the token, if there is one: as a bearer, or by the cookie that it was changed into."""
    if state.token is None or request.path in OPEN or request.match_info.route.name in FRONT_END:
        return
    if not knows_token(request, state):
        raise Refused(401, "unauthorized", "a token is needed", hint="Authorization: Bearer TOKEN")


def knows_token(request: web.Request, state: State) -> bool:
    if state.token is None:
        return False
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_same(given.strip(), state.token):
        return True
    return is_same(request.cookies.get(COOKIE, ""), state.session)


def is_same(given: str, secret: str) -> bool:
    """Whether a client knows a secret, in a time that does not tell how much of it; any bytes may come in a header."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())


def check_content(request: web.Request, state: State) -> None:
    """Refuse bodies that a form on any page could send, and compressed ones, which may be far larger than they look."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(415, "unsupported_media_type", "compressed bodies are not taken")
    if not request.can_read_body or request.content_length == 0:
        return
    kind = request.content_type
    # A page of another site cannot send these without asking first, which is refused.
    if kind == "application/json" or (kind in PICTURES and request.path in FOR_PICTURES):
        return
    if kind == "multipart/form-data":
        if not proves_itself(request, state):
            raise Refused(403, "bad_origin", "a form needs an Origin, a token or a header of its own")
        return
    # ComfyUI's own example sends JSON with urllib, which calls it a form.
    if kind == "application/x-www-form-urlencoded" and is_script(request):
        return
    # The official front end sends what it stores as plain text.
    if kind in ("text/plain", "application/octet-stream") and "Origin" in request.headers and is_stored(request):
        return
    raise Refused(415, "unsupported_media_type", "expected Content-Type: application/json")


def is_stored(request: web.Request) -> bool:
    return request.path.removeprefix("/api").startswith(("/userdata/", "/settings"))


def proves_itself(request: web.Request, state: State) -> bool:
    """Whether a request cannot have come from another site's page; a bad Origin was refused before."""
    return (
        "Origin" in request.headers
        or "X-Requested-With" in request.headers
        or is_script(request)
        or knows_token(request, state)
    )


def is_script(request: web.Request) -> bool:
    browser = {"Sec-Fetch-Site", "Sec-Fetch-Mode", "Origin", "Referer"} & set(request.headers)
    return not browser and SCRIPT.match(request.headers.get("User-Agent", "")) is not None


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer; a handler's own stay."""
    settings = request.app[STATE].settings
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    policy = FOREIGN_POLICY if settings.web_root else POLICY
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)
    origin = request.headers.get("Origin")
    if origin in settings.allow_origin:
        response.headers["Access-Control-Allow-Origin"] = str(origin)
        response.headers["Vary"] = "Origin"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
