package pykafkalite;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.internals.Topic;
import org.apache.kafka.storage.internals.log.LogConfig;

/** What Kafka allows, and what it does when nothing was said. */
final class Rules {
    private Rules() {}

    private interface Check {
        void run();
    }

    /** {"names": [..]} -> for each: "" when a topic may have the name, else why not. */
    static Object topicNames(JsonNode request) {
        List<String> answers = new ArrayList<>();
        request.get("names").forEach(it -> answers.add(problem(() -> Topic.validate(it.asText()))));
        return answers;
    }

    /** {"configs": [{name: value}, ..]} -> for each: "" when a topic may have them, else why not. */
    static Object topicConfigs(JsonNode request) {
        List<String> answers = new ArrayList<>();
        request.get("configs").forEach(it -> answers.add(problem(() -> LogConfig.validate(Clients.map(it)))));
        return answers;
    }

    /** Every topic config's default, in Kafka's text. */
    static Object topicDefaults() {
        Map<String, String> defaults = new TreeMap<>();
        LogConfig.configKeys().forEach((name, key) ->
                defaults.put(name, ConfigDef.convertToString(key.defaultValue, key.type)));
        return defaults;
    }

    private static String problem(Check check) {
        try {
            check.run();
            return "";
        } catch (RuntimeException e) {
            return e.toString();
        }
    }
}
