"""Celery, one task for each message; RELANCE_BENCH_BROKER says on Redis or on RabbitMQ."""

from __future__ import annotations

import os
from collections.abc import Iterable

from celery import Celery

from bench.others.work import AMQP, QUEUE, REDIS
from bench.others.work import deliver as do

app = Celery("bench", broker=AMQP if os.environ.get("RELANCE_BENCH_BROKER") == "amqp" else REDIS)
app.conf.update(
    task_ignore_result=True, task_acks_late=True, task_default_queue=QUEUE, broker_connection_retry_on_startup=True
)


@app.task
def deliver(message: int) -> None:
    do(message)


def enqueue(messages: Iterable[int]) -> None:
    with app.producer_pool.acquire(block=True) as producer:
        for message in messages:
            deliver.apply_async((message,), producer=producer)


def forget() -> None:
    """Takes the queue away."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        channel.queue_purge(QUEUE)
        channel.queue_delete(QUEUE)
