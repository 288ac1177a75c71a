package pykafkalite;

import java.io.IOException;

/** Kafka's own main, in a process that never outlives the one that started it. */
public final class Node {
    private Node() {}

    public static void main(String[] args) {
        Thread watch = new Thread(Node::haltWhenTheStarterIsGone, "starter-watch");
        watch.setDaemon(true);
        watch.start();
        kafka.Kafka.main(args);
    }

    /** The starter holds the other end of our standard input and writes nothing to it. */
    private static void haltWhenTheStarterIsGone() {
        try {
            while (System.in.read() >= 0) {}
        } catch (IOException gone) {
            // The same as its end.
        }
        Runtime.getRuntime().halt(1);
    }
}
