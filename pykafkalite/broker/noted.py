"""Kafka's configs that a `server.properties` may hold and that change nothing here; and those that must not be.

Accepting the first lets a file that was written for a real broker serve as it is. What a person would rely on
and would not get (authentication, encryption, permissions) is refused, never passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_REASONS = {
    "there is one node, without replicas, quorum or controller": """
        auto.leader.rebalance.enable broker.heartbeat.interval.ms broker.rack broker.session.timeout.ms
        controlled.shutdown.enable controlled.shutdown.max.retries controlled.shutdown.retry.backoff.ms
        controller.quorum.append.linger.ms controller.quorum.bootstrap.servers
        controller.quorum.election.backoff.max.ms controller.quorum.election.timeout.ms
        controller.quorum.fetch.timeout.ms controller.quorum.request.timeout.ms
        controller.quorum.retry.backoff.ms controller.quorum.voters controller.socket.timeout.ms
        default.replication.factor initial.broker.registration.timeout.ms inter.broker.listener.name
        leader.imbalance.check.interval.seconds leader.imbalance.per.broker.percentage num.replica.fetchers
        num.replica.alter.log.dirs.threads offsets.topic.replication.factor process.roles
        replica.fetch.backoff.ms replica.fetch.max.bytes replica.fetch.min.bytes
        replica.fetch.response.max.bytes replica.fetch.wait.max.ms
        replica.high.watermark.checkpoint.interval.ms replica.lag.time.max.ms replica.selector.class
        replica.socket.receive.buffer.bytes replica.socket.timeout.ms
        security.inter.broker.protocol share.coordinator.state.topic.min.isr
        share.coordinator.state.topic.replication.factor transaction.state.log.min.isr
        transaction.state.log.replication.factor unclean.leader.election.interval.ms
        metadata.log.dir metadata.log.max.record.bytes.between.snapshots
        metadata.log.max.snapshot.interval.ms metadata.log.segment.bytes metadata.log.segment.ms
        metadata.max.idle.interval.ms metadata.max.retention.bytes metadata.max.retention.ms
        server.max.startup.time.ms""",
    "one event loop does the work of these threads, queues and buffers": """
        background.threads fetch.purgatory.purge.interval.requests group.coordinator.append.linger.ms
        group.coordinator.threads log.cleaner.dedupe.buffer.size log.cleaner.io.buffer.load.factor
        log.cleaner.io.buffer.size log.cleaner.io.max.bytes.per.second log.cleaner.threads num.io.threads
        num.network.threads num.recovery.threads.per.data.dir offsets.load.buffer.size
        producer.purgatory.purge.interval.requests queued.max.request.bytes queued.max.requests
        share.coordinator.threads socket.listen.backlog.size socket.receive.buffer.bytes
        socket.send.buffer.bytes transaction.state.log.load.buffer.size""",
    "it is fixed here": """
        connections.max.idle.ms delete.topic.enable group.coordinator.rebalance.protocols
        log.cleaner.backoff.ms log.cleaner.enable
        log.flush.offset.checkpoint.interval.ms log.flush.start.offset.checkpoint.interval.ms
        log.initial.task.delay.ms log.retention.check.interval.ms max.request.partition.size.limit
        offsets.commit.timeout.ms offsets.retention.check.interval.ms offsets.topic.compression.codec
        offsets.topic.num.partitions offsets.topic.segment.bytes producer.id.expiration.check.interval.ms
        producer.id.expiration.ms share.coordinator.state.topic.num.partitions
        transaction.max.timeout.ms transaction.partition.verification.enable
        transaction.state.log.num.partitions transaction.state.log.segment.bytes
        transactional.id.expiration.ms""",
    "there are no metrics reporters in Java here: metrics.listen names an address for Prometheus": """
        metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms""",
}

NOTED: Mapping[str, str] = {name: reason for reason, names in _REASONS.items() for name in names.split()}
"""Kafka's name -> why it has no effect."""

_SECURITY = (
    "there is no authentication, encryption or authorization here yet, so it would promise what is not kept"
)

REFUSED: Mapping[str, str] = {
    "sasl.": _SECURITY,
    "ssl.": _SECURITY,
    "listener.name.": _SECURITY,
    "authorizer.": _SECURITY,
    "super.users": _SECURITY,
    "allow.everyone.if.no.acl.found": _SECURITY,
    "delegation.token.": _SECURITY,
    "remote.log.": "there is no tiered storage here",
    "zookeeper.": "there is no ZooKeeper any more, as in Kafka since 4.0",
    "max.connection": "connections are not limited here yet",
    "client.quota.callback.class": "there are no quotas here",
}
"""The beginning of a name -> why it cannot be set."""
