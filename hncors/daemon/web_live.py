"""Server-sent events: whoever looks at a page is told that something changed, and fetches it himself.

What is sent is the same few bytes for everybody, so that nobody learns more than he may. A client that does
not take them in time is dropped and counted; the daemon never waits for one.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from aiohttp import web

from hncors.health import Event
from hncors.view.replay_files import utc

MOST = 500  # clients
WAITING = 8  # messages of one
EVERY_S = 0.25
BEAT_S = 2.0  # without news, that there is none
TAKES_S = 10.0  # within which a client has to take a message


class Live:
    """The clients, and what they are to be told."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.dropped = 0
        self.refused = 0
        self.ending = False
        self._now_ns = now_ns
        self._clients: set[asyncio.Queue[bytes | None]] = set()
        self._number = 0
        self._changed = False
        self._running: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._clients)

    def note(self, event: Event | None = None) -> None:
        """Something changed: told within a quarter of a second, however much it is."""
        self._changed = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One client, until it goes, is too slow, or the daemon ends."""
        if len(self._clients) >= MOST or self.ending:
            self.refused += 1
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "10"})
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING)
        self._clients.add(queue)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="live")
        queue.put_nowait(b"retry: 2000\n\n" + self._message())
        try:
            while (message := await queue.get()) is not None:
                async with asyncio.timeout(TAKES_S):
                    await response.write(message)
        except TimeoutError:
            self.dropped += 1
            if request.transport is not None:
                request.transport.abort()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(queue)
        return response

    async def close(self) -> None:
        """Every client goes."""
        self.ending = True
        for queue in self._clients:
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(None)
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        """While there is anybody to tell."""
        said_s = time.monotonic()
        while self._clients:
            await asyncio.sleep(EVERY_S)
            if self._changed or time.monotonic() - said_s >= BEAT_S:
                self._number += self._changed
                self._changed, said_s = False, time.monotonic()
                self._tell(self._message())

    def _message(self) -> bytes:
        return f"data: {json.dumps({'n': self._number, 'at': utc(self._now_ns())})}\n\n".encode()

    def _tell(self, message: bytes) -> None:
        for queue in list(self._clients):
            if queue.full():
                self.dropped += 1
                self._clients.discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(message)
