package pykafkalite;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Exit;
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
            case "dump" -> run(() -> DumpLogSegments.main(strings(request.get("args"))));
            case "format" -> run(() -> kafka.tools.StorageTool.execute(strings(request.get("args")), System.out));
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

    private interface Tool {
        void main() throws Exception;
    }

    private static final class Exited extends RuntimeException {
        Exited(int status, String message) {
            super("exit " + status + ": " + message);
        }
    }

    /** Runs a command-line tool in this process; what it prints and how it fails is the answer. */
    private static Map<String, String> run(Tool tool) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        Exit.setExitProcedure((status, message) -> {
            throw new Exited(status, message);
        });
        System.setOut(new PrintStream(printed, false, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(complained, false, StandardCharsets.UTF_8));
        try {
            tool.main();
        } catch (Exception e) {
            System.err.println(e);
        } finally {
            System.out.flush();
            System.err.flush();
            System.setOut(out);
            System.setErr(err);
            Exit.resetExitProcedure();
        }
        return Map.of(
                "out", printed.toString(StandardCharsets.UTF_8),
                "err", complained.toString(StandardCharsets.UTF_8));
    }

    static String[] strings(JsonNode array) {
        List<String> items = new ArrayList<>();
        array.forEach(item -> items.add(item.asText()));
        return items.toArray(String[]::new);
    }
}
