"""The network, for those who name an address: feeds are fetched, alerts are posted. Nothing else is ever contacted."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import httpx

from polysilicon import __version__
from polysilicon.records.errors import InputError, PolysiliconError

TRIES = 4
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
MOST_REDIRECTS = 5
CONNECT_S, READ_S, WHOLE_S = 10.0, 30.0, 600.0
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
SCHEMES = ("http://", "https://")

Answer = TypeVar("Answer")
Pause = Callable[[float], None]


class Unreachable(PolysiliconError):
    """An address did not answer, or not with what was asked; the message says how often it was tried."""


@dataclass(frozen=True)
class Fetched:
    """What an address gave: its content, and the marks by which to ask again only if it changed."""

    content: bytes
    etag: str | None
    modified: str | None


def is_address(text: str) -> bool:
    """Whether a source is an address and not a path."""
    return text.casefold().startswith(SCHEMES)


class Line:
    """A connection to the outside. Use as `with Line() as line:`; `pause` waits between tries."""

    def __init__(self, pause: Pause = time.sleep, transport: httpx.BaseTransport | None = None) -> None:
        self._pause = pause
        self._client = httpx.Client(
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S),
            follow_redirects=True,
            max_redirects=MOST_REDIRECTS,
            headers={"User-Agent": f"polysilicon-watch/{__version__}"},
            transport=transport,
        )

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fetch(
        self, address: str, most_bytes: int, etag: str | None = None, modified: str | None = None
    ) -> Fetched | None:
        """What stands at an address; `None` where it is what it was. The size counts unpacked and is capped.

        Raises:
            Unreachable: after several tries, an answer that is no success, or one that is too large or too slow.
        """
        asked = {"Accept-Encoding": "gzip, deflate"}
        if etag:
            asked["If-None-Match"] = etag
        if modified:
            asked["If-Modified-Since"] = modified
        return self._persist(address, lambda: self._once(address, most_bytes, asked))

    def _once(self, address: str, most_bytes: int, asked: Mapping[str, str]) -> Fetched | None:
        started = time.monotonic()
        with self._client.stream("GET", address, headers=asked) as answer:
            if address.casefold().startswith("https://") and answer.url.scheme != "https":
                raise Unreachable(f"{address} leads to an address without encryption, {answer.url}")
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return None
            _refuse(answer)
            parts: list[bytes] = []
            size = 0
            for part in answer.iter_bytes():
                size += len(part)
                if size > most_bytes:
                    raise Unreachable(
                        f"{address} is larger than {most_bytes // 2**20} MiB, unpacked; allow more with --most-mib"
                    )
                if time.monotonic() - started > WHOLE_S:
                    raise Unreachable(f"{address} takes longer than {WHOLE_S:.0f} s")
                parts.append(part)
            return Fetched(b"".join(parts), answer.headers.get("ETag"), answer.headers.get("Last-Modified"))

    def post(self, address: str, body: bytes, key: str) -> None:
        """Post JSON; `key` is the same whenever the same thing is posted again, so that its receiver can tell.

        Raises:
            Unreachable: as `fetch`.
        """

        def once() -> None:
            headers = {"Content-Type": "application/json", "Idempotency-Key": key}
            # A redirected post would arrive as a question without its body, and count as delivered.
            _refuse(self._client.post(address, content=body, headers=headers, follow_redirects=False))

        self._persist(address, once)

    def _persist(self, address: str, once: Callable[[], Answer]) -> Answer:
        """Try several times, and wait longer each time; what will not get better is not tried again."""
        why = ""
        for tried in range(1, TRIES + 1):
            wait = FIRST_PAUSE_S * 2 ** (tried - 1)
            try:
                return once()
            except httpx.HTTPStatusError as cause:
                why = f"answered {cause.response.status_code}"
                if cause.response.status_code not in PASSING:
                    break
                wait = _asked_pause(cause.response, wait)
            except (httpx.TransportError, httpx.DecodingError) as cause:
                why = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
            except httpx.TooManyRedirects:
                why = f"redirects more than {MOST_REDIRECTS} times"
                break
            except (httpx.InvalidURL, UnicodeError, ValueError) as cause:
                raise InputError(f"{address} can't be asked: {cause}") from cause
            if tried < TRIES:
                self._pause(min(wait, LONGEST_PAUSE_S))
        raise Unreachable(f"{address} {why} (tried {tried} time{'' if tried == 1 else 's'})")


def _refuse(answer: httpx.Response) -> None:
    """An answer that is no success."""
    if not answer.is_success:
        raise httpx.HTTPStatusError(f"status {answer.status_code}", request=answer.request, response=answer)


def _asked_pause(answer: httpx.Response, otherwise: float) -> float:
    """How long the server asks to wait."""
    asked = answer.headers.get("Retry-After", "")
    return max(otherwise, float(asked)) if asked.isdigit() else otherwise
