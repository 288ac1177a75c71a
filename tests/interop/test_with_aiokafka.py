"""aiokafka against either broker: the oldest versions of every message that a living client speaks."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

pytestmark = pytest.mark.interop

T0 = 1_700_000_000_000
TIMEOUT = 20


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, TIMEOUT))


async def produce(broker, topic, records, **config):
    """Sends dicts of send()'s arguments; where they went."""
    async with AIOKafkaProducer(bootstrap_servers=broker.servers, linger_ms=5, **config) as producer:
        sent = [await producer.send(topic, **it) for it in records]
        return [await it for it in sent]


async def consume(broker, topic, count, *partitions, start=0, **config):
    """`count` records from `start` on."""
    async with AIOKafkaConsumer(
        bootstrap_servers=broker.servers, enable_auto_commit=False, **config
    ) as consumer:
        assigned = [TopicPartition(topic, it) for it in partitions or (0,)]
        consumer.assign(assigned)
        for it in assigned:
            consumer.seek(it, start)
        records = [await consumer.getone() for _ in range(count)]
        return sorted(records, key=lambda it: (it.partition, it.offset))


@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_what_is_produced_with_every_codec_is_consumed(kafka_broker, codec, idempotent):
    topic = kafka_broker.topic("codec")
    values = [b"value %d " % n * 20 for n in range(300)]
    records = [{"value": it} for it in values]
    sent = run(produce(kafka_broker, topic, records, compression_type=codec, enable_idempotence=idempotent))
    assert [it.offset for it in sent] == list(range(300))
    assert [it.value for it in run(consume(kafka_broker, topic, 300))] == values


def test_keys_values_headers_and_times_come_back_as_they_were(kafka_broker):
    topic = kafka_broker.topic("shapes")
    shapes = [
        {"key": b"k", "value": b"v", "headers": [("h", b"1"), ("h", b""), ("", b"x")], "timestamp_ms": T0},
        {"key": b"key", "value": None, "headers": [], "timestamp_ms": T0 - 5},
        {"key": None, "value": b"", "headers": [], "timestamp_ms": T0 + 5},
    ]
    run(produce(kafka_broker, topic, shapes))
    records = run(consume(kafka_broker, topic, 3))
    assert [
        {"key": it.key, "value": it.value, "headers": list(it.headers), "timestamp_ms": it.timestamp}
        for it in records
    ] == shapes


@pytest.mark.parametrize("acks", [0, 1, "all"])
def test_every_kind_of_acknowledgement_delivers(kafka_broker, acks):
    topic = kafka_broker.topic("acks", partitions=3)
    run(
        produce(kafka_broker, topic, [{"value": b"%d" % n, "partition": n % 3} for n in range(99)], acks=acks)
    )
    records = run(consume(kafka_broker, topic, 99, 0, 1, 2))
    assert [it.value for it in records] == [b"%d" % n for p in range(3) for n in range(p, 99, 3)]


def test_fetches_of_any_size_bring_everything(kafka_broker):
    topic = kafka_broker.topic("sizes")
    values = [b"x" * (n * 997 % 20_000) for n in range(100)]
    run(produce(kafka_broker, topic, [{"value": it} for it in values]))
    records = run(consume(kafka_broker, topic, 100, max_partition_fetch_bytes=500, fetch_max_bytes=700))
    assert [it.value for it in records] == values
    assert [it.offset for it in run(consume(kafka_broker, topic, 10, start=90))] == list(range(90, 100))


def test_a_consumer_waits_for_what_is_produced_meanwhile(kafka_broker):
    topic = kafka_broker.topic("meanwhile")

    async def both():
        reading = asyncio.ensure_future(consume(kafka_broker, topic, 20, fetch_max_wait_ms=10_000))
        await asyncio.sleep(0.2)
        for n in range(20):
            await produce(kafka_broker, topic, [{"value": b"%d" % n}])
        return await reading

    assert [it.value for it in run(both())] == [b"%d" % n for n in range(20)]


def test_offsets_at_both_ends_and_by_time(kafka_broker):
    topic = kafka_broker.topic("offsets")
    at = TopicPartition(topic, 0)

    async def ask():
        await produce(
            kafka_broker, topic, [{"value": b"x", "timestamp_ms": T0 + n * 1000} for n in range(10)]
        )
        async with AIOKafkaConsumer(bootstrap_servers=kafka_broker.servers) as consumer:
            found = await consumer.offsets_for_times({at: T0 + 2500})
            none = await consumer.offsets_for_times({at: T0 + 9001})
            return await consumer.beginning_offsets([at]), await consumer.end_offsets([at]), found, none

    first, last, found, none = run(ask())
    assert (first, last, none) == ({at: 0}, {at: 10}, {at: None})
    assert (found[at].offset, found[at].timestamp) == (3, T0 + 3000)


def test_the_admin_client_creates_grows_and_deletes(kafka_broker):
    name = kafka_broker.name("admin")

    async def administer():
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, 2, 1)])
            created = await admin.create_topics([NewTopic(name, 2, 1)])
            await admin.create_partitions({name: NewPartitions(4)})
            (described,) = await admin.describe_topics([name])
            await admin.delete_topics([name])
            return created, described, await admin.list_topics()
        finally:
            await admin.close()

    created, described, left = run(administer())
    assert created.topic_errors[0][1] == TopicAlreadyExistsError.errno
    assert len(described["partitions"]) == 4
    assert name not in left
