package pykafkalite;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceDataCollection;
import org.apache.kafka.common.message.ProduceResponseData.PartitionProduceResponse;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.FileLogInputStream.FileChannelRecordBatch;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.requests.RequestHeader;

/** Sends record batches that lie in a log, as Kafka's producer would have sent them. */
final class RawProducer implements AutoCloseable {
    private static final short VERSION = 12; // The last that names topics; later ones want their ids.

    private final Socket socket;

    RawProducer(String server) throws IOException {
        String[] hostAndPort = server.split(":");
        socket = new Socket(hostAndPort[0], Integer.parseInt(hostAndPort[1]));
        socket.setTcpNoDelay(true); // A frame is two writes.
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    /** The base offset that the broker gave the batch. */
    long send(TopicPartition to, FileChannelRecordBatch batch) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(batch.sizeInBytes());
        batch.writeTo(bytes);
        bytes.flip();
        bytes.putLong(0, 0); // A producer leaves the base offset to the broker; the CRC does not cover it.
        PartitionProduceData partition = new PartitionProduceData()
                .setIndex(to.partition())
                .setRecords(MemoryRecords.readableRecords(bytes));
        TopicProduceDataCollection topics = new TopicProduceDataCollection();
        topics.add(new TopicProduceData().setName(to.topic()).setPartitionData(List.of(partition)));
        ProduceRequestData data = new ProduceRequestData()
                .setAcks((short) -1)
                .setTimeoutMs(10_000)
                .setTopicData(topics);
        RequestHeader header = new RequestHeader(ApiKeys.PRODUCE, VERSION, "oracle", 0);
        ProduceResponse response = (ProduceResponse) exchange(new ProduceRequest(data, VERSION), header);
        PartitionProduceResponse answer =
                response.data().responses().iterator().next().partitionResponses().get(0);
        Errors.forCode(answer.errorCode()).maybeThrow();
        return answer.baseOffset();
    }

    private AbstractResponse exchange(ProduceRequest request, RequestHeader header) throws IOException {
        ByteBuffer frame = request.serializeWithHeader(header);
        DataOutputStream out = new DataOutputStream(socket.getOutputStream());
        out.writeInt(frame.remaining());
        out.write(frame.array(), frame.arrayOffset() + frame.position(), frame.remaining());
        out.flush();
        DataInputStream in = new DataInputStream(socket.getInputStream());
        byte[] answer = new byte[in.readInt()];
        in.readFully(answer);
        return AbstractResponse.parseResponse(ByteBuffer.wrap(answer), header);
    }
}
