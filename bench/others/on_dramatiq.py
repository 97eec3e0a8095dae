"""Dramatiq on Redis, as it comes."""

from __future__ import annotations

from collections.abc import Iterable

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.others.work import QUEUE, REDIS
from bench.others.work import deliver as do

dramatiq.set_broker(RedisBroker(url=REDIS))


@dramatiq.actor(queue_name=QUEUE)
def deliver(message: int) -> None:
    do(message)


def enqueue(messages: Iterable[int]) -> None:
    for message in messages:
        deliver.send(message)
