package pykafkalite;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.File;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.internal.FileLogInputStream.FileChannelRecordBatch;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What the oracle does with Kafka's own clients. Each request names its "server"; partitions are [topic, partition]. */
final class Clients implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(50);

    private final Map<String, Admin> admins = new HashMap<>();

    private Admin admin(JsonNode request) {
        return admins.computeIfAbsent(server(request), it -> Admin.create(Map.of("bootstrap.servers", it)));
    }

    /** Closes what is open to a node that has ended, so that it does not try to reconnect for ever. */
    Object forget(JsonNode request) {
        Admin admin = admins.remove(server(request));
        if (admin != null) admin.close(Duration.ZERO);
        return true;
    }

    @Override
    public void close() {
        admins.values().forEach(it -> it.close(Duration.ZERO));
    }

    /** {"topics": {name: {"partitions": n, "config": {}}}} */
    Object create(JsonNode request) throws Exception {
        List<NewTopic> topics = new ArrayList<>();
        request.get("topics").fields().forEachRemaining(it -> {
            int partitions = it.getValue().path("partitions").asInt(1);
            topics.add(new NewTopic(it.getKey(), partitions, (short) 1).configs(map(it.getValue().path("config"))));
        });
        admin(request).createTopics(topics).all().get();
        return true;
    }

    /** {name: {"id", "partitions", "config": what differs from the default}}, internal topics included. */
    Object topics(JsonNode request) throws Exception {
        Admin admin = admin(request);
        Collection<String> names =
                admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get();
        Map<String, Object> topics = new TreeMap<>();
        for (TopicDescription it : admin.describeTopics(names).allTopicNames().get().values()) {
            ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, it.name());
            Map<String, String> config = new TreeMap<>();
            for (ConfigEntry e : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
                if (e.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG) config.put(e.name(), e.value());
            }
            int partitions = it.partitions().size();
            topics.put(it.name(), Map.of("id", it.topicId().toString(), "partitions", partitions, "config", config));
        }
        return topics;
    }

    /** {"partitions": [..]} -> [[earliest, latest], ..] */
    Object offsets(JsonNode request) throws Exception {
        List<List<Long>> offsets = new ArrayList<>();
        for (TopicPartition it : partitions(request)) {
            long earliest = admin(request).listOffsets(Map.of(it, OffsetSpec.earliest())).partitionResult(it).get().offset();
            long latest = admin(request).listOffsets(Map.of(it, OffsetSpec.latest())).partitionResult(it).get().offset();
            offsets.add(List.of(earliest, latest));
        }
        return offsets;
    }

    /** {"partitions": [one], "timestamps": [..]} -> for each the first offset of that time or later, -1: none */
    Object offsetsAt(JsonNode request) throws Exception {
        TopicPartition partition = partitions(request).get(0);
        List<Long> offsets = new ArrayList<>();
        for (JsonNode it : request.get("timestamps")) {
            OffsetSpec time = OffsetSpec.forTimestamp(it.asLong());
            offsets.add(admin(request).listOffsets(Map.of(partition, time)).partitionResult(partition).get().offset());
        }
        return offsets;
    }

    /** {"partitions": [..], "before": offset} */
    Object deleteRecords(JsonNode request) throws Exception {
        Map<TopicPartition, RecordsToDelete> before = new HashMap<>();
        for (TopicPartition it : partitions(request)) {
            before.put(it, RecordsToDelete.beforeOffset(request.get("before").asLong()));
        }
        admin(request).deleteRecords(before).all().get();
        return true;
    }

    /** {"group"} -> [[topic, partition, offset, metadata], ..] */
    Object committed(JsonNode request) throws Exception {
        List<List<Object>> committed = new ArrayList<>();
        admin(request).listConsumerGroupOffsets(text(request, "group")).partitionsToOffsetAndMetadata().get()
                .forEach((it, at) -> committed.add(List.of(it.topic(), it.partition(), at.offset(), at.metadata())));
        committed.sort((a, b) -> a.toString().compareTo(b.toString()));
        return committed;
    }

    /** {"group", "offsets": [[topic, partition, offset, metadata], ..]}: commits without being a member. */
    Object commit(JsonNode request) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (JsonNode it : request.get("offsets")) {
            offsets.put(partition(it), new OffsetAndMetadata(it.get(2).asLong(), it.get(3).asText()));
        }
        admin(request).alterConsumerGroupOffsets(text(request, "group"), offsets).all().get();
        return true;
    }

    /** {"group", "topics", "records": n, "config"}: a member that reads n records, commits and leaves. */
    Object join(JsonNode request) {
        Map<String, Object> config = consumerConfig(request);
        config.put("group.id", text(request, "group"));
        config.put("auto.offset.reset", "earliest");
        config.put("max.poll.records", request.get("records").asInt());
        try (Consumer<byte[], byte[]> consumer = new KafkaConsumer<>(config)) {
            consumer.subscribe(Arrays.asList(Oracle.strings(request.get("topics"))));
            for (int seen = 0; seen < request.get("records").asInt(); ) {
                seen += consumer.poll(POLL).count();
            }
            consumer.commitSync();
        }
        return true;
    }

    /**
     * {"batches": [[record, ..], ..], "config", "end": null | "commit" | "abort" | "open"}: what one inner list has for a
     * partition becomes one batch. -> [[topic, partition, offset, timestamp], ..]; "open" leaves the transaction so.
     */
    Object produce(JsonNode request) throws Exception {
        Map<String, Object> config = new HashMap<>(Map.of(
                "bootstrap.servers", server(request), "linger.ms", 60_000, "batch.size", 1 << 20, "retries", 3));
        config.putAll(map(request.path("config")));
        String end = request.path("end").asText("");
        List<Object> sent = new ArrayList<>();
        Producer<byte[], byte[]> producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
        try {
            if (!end.isEmpty()) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            for (JsonNode batch : request.get("batches")) {
                List<Future<RecordMetadata>> futures = new ArrayList<>();
                batch.forEach(it -> futures.add(producer.send(record(it))));
                producer.flush();
                for (Future<RecordMetadata> it : futures) sent.add(position(it.get()));
            }
            if (end.equals("commit")) producer.commitTransaction();
            if (end.equals("abort")) producer.abortTransaction();
        } finally {
            producer.close(end.equals("open") ? Duration.ZERO : Duration.ofSeconds(10)); // An orderly close would abort.
        }
        return sent;
    }

    /** {"topic", "partition", "file"}: sends each batch of a .log as it lies there, one request each; the base offsets. */
    Object send(JsonNode request) throws Exception {
        TopicPartition to = new TopicPartition(text(request, "topic"), request.get("partition").asInt());
        List<Long> offsets = new ArrayList<>();
        try (RawProducer producer = new RawProducer(server(request));
                FileRecords records = FileRecords.open(new File(text(request, "file")), false)) {
            for (FileChannelRecordBatch batch : records.batches()) offsets.add(producer.send(to, batch));
        }
        return offsets;
    }

    /** {"partitions": [..], "config"} -> every record from the first to the last offset of now. */
    Object consume(JsonNode request) {
        List<Object> records = new ArrayList<>();
        List<TopicPartition> partitions = partitions(request);
        try (Consumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumerConfig(request))) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (ends.entrySet().stream().anyMatch(it -> consumer.position(it.getKey()) < it.getValue())) {
                for (ConsumerRecord<byte[], byte[]> it : consumer.poll(POLL)) records.add(record(it));
            }
        }
        return records;
    }

    private Map<String, Object> consumerConfig(JsonNode request) {
        Map<String, Object> config = new HashMap<>(Map.of(
                "bootstrap.servers", server(request),
                "key.deserializer", ByteArrayDeserializer.class,
                "value.deserializer", ByteArrayDeserializer.class,
                "fetch.max.wait.ms", 10,
                "enable.auto.commit", false));
        config.putAll(map(request.path("config")));
        return config;
    }

    private static ProducerRecord<byte[], byte[]> record(JsonNode it) {
        Integer partition = it.path("partition").isNumber() ? it.get("partition").asInt() : null;
        Long timestamp = it.path("timestamp").isNumber() ? it.get("timestamp").asLong() : null;
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                text(it, "topic"), partition, timestamp, bytes(it.path("key")), bytes(it.path("value")));
        it.path("headers").forEach(h -> record.headers().add(h.get(0).asText(), bytes(h.get(1))));
        return record;
    }

    private static Map<String, Object> record(ConsumerRecord<byte[], byte[]> it) {
        Map<String, Object> record = new TreeMap<>();
        record.put("topic", it.topic());
        record.put("partition", it.partition());
        record.put("offset", it.offset());
        record.put("timestamp", it.timestamp());
        record.put("timestampType", it.timestampType().toString());
        record.put("key", base64(it.key()));
        record.put("value", base64(it.value()));
        List<Object> headers = new ArrayList<>();
        for (Header h : it.headers()) headers.add(Arrays.asList(h.key(), base64(h.value())));
        record.put("headers", headers);
        return record;
    }

    private static List<Object> position(RecordMetadata it) throws InterruptedException, ExecutionException {
        return List.of(it.topic(), it.partition(), it.offset(), it.timestamp());
    }

    private static String server(JsonNode request) {
        return text(request, "server");
    }

    private static String text(JsonNode node, String name) {
        return node.get(name).asText();
    }

    private static byte[] bytes(JsonNode base64) {
        return base64.isTextual() ? Base64.getDecoder().decode(base64.asText()) : null;
    }

    private static String base64(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    private static TopicPartition partition(JsonNode it) {
        return new TopicPartition(it.get(0).asText(), it.get(1).asInt());
    }

    private static List<TopicPartition> partitions(JsonNode request) {
        List<TopicPartition> partitions = new ArrayList<>();
        request.get("partitions").forEach(it -> partitions.add(partition(it)));
        return partitions;
    }

    static Map<String, String> map(JsonNode object) {
        return object.properties().stream().collect(Collectors.toMap(Map.Entry::getKey, it -> it.getValue().asText()));
    }
}
