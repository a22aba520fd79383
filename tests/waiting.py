"""Waiting for another task or process to get somewhere, with a limit."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], object | Awaitable[object]], within_s: float = 10.0) -> None:
    """Ask `condition`, which may be a coroutine function, again and again until it holds."""
    async with asyncio.timeout(within_s):
        while True:
            answer = condition()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(0.02)
