"""Huey on Redis. It takes a task from the queue before it runs it: what a worker held when it died is gone."""

from __future__ import annotations

from collections.abc import Iterable

from huey import RedisHuey

from bench.others.work import QUEUE, REDIS
from bench.others.work import deliver as do

huey = RedisHuey(QUEUE, url=REDIS, results=False)


@huey.task()
def deliver(message: int) -> None:
    do(message)


def enqueue(messages: Iterable[int]) -> None:
    for message in messages:
        deliver(message)
