package pykafkalite;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import kafka.tools.StorageTool;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.tools.DumpLogSegments;

/**
 * Asks Kafka's own code, many times in one process: a JVM takes seconds to start, an answer milliseconds.
 *
 * <p>One JSON object a line on standard input, one line back: {"ok": answer} or {"error": text}. Bytes are base64.
 * Ends with its input.
 */
public final class Oracle {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Oracle() {}

    public static void main(String[] args) throws Exception {
        PrintStream replies = System.out;
        System.setOut(System.err); // Only replies may reach the standard output.
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (Clients clients = new Clients()) {
            for (String line = requests.readLine(); line != null; line = requests.readLine()) {
                replies.write(JSON.writeValueAsBytes(reply(clients, JSON.readTree(line))));
                replies.write('\n');
                replies.flush();
            }
        }
    }

    private static Map<String, Object> reply(Clients clients, JsonNode request) {
        try {
            return Map.of("ok", answer(clients, request));
        } catch (Exception | LinkageError e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            return Map.of("error", cause.toString());
        }
    }

    private static Object answer(Clients clients, JsonNode request) throws Exception {
        String name = request.get("do").asText();
        return switch (name) {
            case "dump" -> Tools.run("", () -> DumpLogSegments.main(strings(request.get("args"))));
            case "format" -> Tools.run("", () -> StorageTool.execute(strings(request.get("args")), System.out));
            case "tool" -> Tools.run(request);
            case "partitions" -> partitions(request);
            case "topic_names" -> Rules.topicNames(request);
            case "topic_configs" -> Rules.topicConfigs(request);
            case "topic_defaults" -> Rules.topicDefaults();
            case "forget" -> clients.forget(request);
            case "create" -> clients.create(request);
            case "topics" -> clients.topics(request);
            case "offsets_at" -> clients.offsetsAt(request);
            case "offsets" -> clients.offsets(request);
            case "delete_records" -> clients.deleteRecords(request);
            case "committed" -> clients.committed(request);
            case "commit" -> clients.commit(request);
            case "join" -> clients.join(request);
            case "produce" -> clients.produce(request);
            case "send" -> clients.send(request);
            case "consume" -> clients.consume(request);
            default -> throw new IllegalArgumentException("no such request: " + name);
        };
    }

    /** The partition that Java's producer chooses for each key when none is given. */
    private static List<Integer> partitions(JsonNode request) {
        List<Integer> chosen = new ArrayList<>();
        for (JsonNode key : request.get("keys")) {
            byte[] bytes = Base64.getDecoder().decode(key.asText());
            chosen.add(BuiltInPartitioner.partitionForKey(bytes, request.get("partitions").asInt()));
        }
        return chosen;
    }

    static String[] strings(JsonNode array) {
        List<String> items = new ArrayList<>();
        array.forEach(item -> items.add(item.asText()));
        return items.toArray(String[]::new);
    }
}
