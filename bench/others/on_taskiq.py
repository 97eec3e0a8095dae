"""Taskiq on Redis streams, asyncio all the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from taskiq import TaskiqEvents, TaskiqState
from taskiq_redis import RedisStreamBroker

from bench.others.work import QUEUE, REDIS, deliver_async, opened

broker = RedisStreamBroker(REDIS, queue_name=QUEUE)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(_: TaskiqState) -> None:
    await opened()


@broker.task
async def deliver(message: int) -> None:
    await deliver_async(message)


def enqueue(messages: Iterable[int]) -> None:
    async def all_of_them() -> None:
        await broker.startup()
        for message in messages:
            await deliver.kiq(message)
        await broker.shutdown()

    asyncio.run(all_of_them())
