package pykafkalite;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

/** Kafka's command-line tools, run in this process: a JVM for each would take seconds. */
final class Tools {
    interface Tool {
        void main() throws Exception;
    }

    private static final class Exited extends RuntimeException {
        Exited(int status, String message) {
            super("exit " + status + ": " + message, null, false, false);
        }
    }

    private Tools() {}

    /** {"tool": its class, "args", "input": text}: what its script in bin/ does. */
    static Map<String, Object> run(JsonNode request) {
        Object args = Oracle.strings(request.get("args"));
        return run(request.path("input").asText(""), () -> {
            try {
                Class.forName(request.get("tool").asText()).getMethod("main", String[].class).invoke(null, args);
            } catch (InvocationTargetException e) {
                if (e.getCause() instanceof Exception thrown) throw thrown;
                throw e;
            }
        });
    }

    /** Runs a tool to its end, its shutdown hooks too; what it prints and how it ends is the answer. */
    static Map<String, Object> run(String input, Tool tool) {
        InputStream in = System.in;
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        List<Runnable> hooks = new ArrayList<>();
        Integer[] status = {null}; // The first: some tools catch what ends them, and exit once more.
        Exit.setExitProcedure((code, message) -> {
            if (status[0] == null) status[0] = code;
            throw new Exited(code, message);
        });
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        System.setOut(new PrintStream(printed, false, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(complained, false, StandardCharsets.UTF_8));
        try {
            tool.main();
        } catch (Exception e) {
            if (status[0] == null) status[0] = 1;
            System.err.println(e);
        } finally {
            hooks.forEach(Runnable::run);
            System.out.flush();
            System.err.flush();
            System.setIn(in);
            System.setOut(out);
            System.setErr(err);
            Exit.resetExitProcedure();
            Exit.resetShutdownHookAdder();
        }
        return Map.of(
                "status", status[0] == null ? 0 : status[0],
                "out", printed.toString(StandardCharsets.UTF_8),
                "err", complained.toString(StandardCharsets.UTF_8));
    }
}
