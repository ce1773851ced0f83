import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.io.PrintStream;
import java.util.HexFormat;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.ResponseBytes;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.backupstorage.BackupStorageClient;
import software.amazon.awssdk.services.backupstorage.model.*;

/** A round trip with the AWS SDK for Java v2, unmodified: as ../../go/main.go, line for line. */
public final class RoundTrip {
    private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final BackupStorageClient CLIENT = BackupStorageClient.builder()
        .endpointOverride(URI.create(System.getenv("HOLDFAST_URL")))
        .region(Region.US_EAST_1)
        .httpClient(ApacheHttpClient.create())
        .credentialsProvider(StaticCredentialsProvider.create(
            AwsBasicCredentials.create(System.getenv("AWS_ACCESS_KEY_ID"), System.getenv("AWS_SECRET_ACCESS_KEY"))))
        .build();

    private static String sum(String name) {
        return System.getenv("SHA256_" + name);
    }

    private static String orEmpty(String text) {
        return text == null ? "" : text;
    }

    private static long orZero(Long length) {
        return length == null ? 0 : length;
    }

    private static void refused(Runnable call) {
        try {
            call.run();
            OUT.println("not refused");
        } catch (DataAlreadyExistsException exists) {
            OUT.println("refused: data already exists, " + exists.checksum() + " " + exists.checksumAlgorithm());
        } catch (software.amazon.awssdk.services.backupstorage.model.IllegalArgumentException illegal) {
            OUT.println("refused: illegal argument");
        } catch (ResourceNotFoundException missing) {
            OUT.println("refused: resource not found");
        } catch (BackupStorageException other) {
            OUT.println("refused without a type: " + other.awsErrorDetails().errorCode());
        }
    }

    private static PutObjectResponse put(String job, String name, String data, String checksum) {
        PutObjectRequest request = PutObjectRequest.builder().backupJobId(job).objectName(name)
            .inlineChunkLength((long) data.length()).inlineChunkChecksum(sum(checksum))
            .inlineChunkChecksumAlgorithm("SHA256").build();
        return CLIENT.putObject(request, RequestBody.fromString(data));
    }

    private static PutChunkResponse putChunk(String job, String upload, long index, String data, String checksum) {
        PutChunkRequest request = PutChunkRequest.builder().backupJobId(job).uploadId(upload).chunkIndex(index)
            .length((long) data.length()).checksum(sum(checksum)).checksumAlgorithm(DataChecksumAlgorithm.SHA256).build();
        return CLIENT.putChunk(request, RequestBody.fromString(data));
    }

    private static void write(String job) {
        String[][] objects = {{"plain", "plain data", "PLAIN"}, {"empty", "", "EMPTY"}, {"gone", "plain data", "PLAIN"}};
        for (String[] one : objects) {
            PutObjectResponse done = put(job, one[0], one[1], one[2]);
            OUT.println("put " + one[0] + " " + done.inlineChunkChecksum() + " " + done.inlineChunkChecksumAlgorithmAsString()
                + " " + done.objectChecksum() + " " + done.objectChecksumAlgorithmAsString());
        }
        CLIENT.deleteObject(request -> request.backupJobId(job).objectName("gone"));
        String upload = CLIENT.startObject(request -> request.backupJobId(job).objectName("größe/日本 %2F")).uploadId();
        String[][] chunks = {{"first", "FIRST"}, {"second", "SECOND"}};
        for (int index = 0; index < chunks.length; index++) {
            PutChunkResponse chunk = putChunk(job, upload, index, chunks[index][0], chunks[index][1]);
            OUT.println("chunk " + index + " " + chunk.chunkChecksum() + " " + chunk.chunkChecksumAlgorithmAsString());
        }
        refused(() -> putChunk(job, upload, 0, "second", "SECOND"));
        byte[] blob = {0, 1, (byte) 254, (byte) 255};
        NotifyObjectCompleteResponse done = CLIENT.notifyObjectComplete(
            NotifyObjectCompleteRequest.builder().backupJobId(job).uploadId(upload).objectChecksum(sum("SUMMARY"))
                .objectChecksumAlgorithm(SummaryChecksumAlgorithm.SUMMARY).metadataString("a note")
                .metadataBlobLength((long) blob.length).metadataBlobChecksum(sum("BLOB"))
                .metadataBlobChecksumAlgorithm(DataChecksumAlgorithm.SHA256).build(),
            RequestBody.fromBytes(blob));
        OUT.println("complete " + done.objectChecksum() + " " + done.objectChecksumAlgorithmAsString());
        refused(() -> CLIENT.startObject(request -> request.backupJobId(job).objectName("plain").throwOnDuplicate(true)));
        refused(() -> put(job, "spoilt", "plain data", "FIRST"));
        refused(() -> CLIENT.listObjects(request -> request.storageJobId("no-such-job")));
    }

    private static void read(String job) {
        String next = null;
        do {
            String token = next;
            ListObjectsResponse page =
                CLIENT.listObjects(request -> request.storageJobId(job).maxResults(1).nextToken(token));
            page.objectList().forEach(object -> show(job, object));
            next = page.nextToken();
        } while (next != null);
    }

    private static void show(String job, BackupObject object) {
        OUT.println("object " + object.name() + " " + object.objectChecksum() + " " + object.objectChecksumAlgorithmAsString()
            + " " + object.chunksCount());
        ResponseBytes<GetObjectMetadataResponse> metadata = CLIENT.getObjectMetadataAsBytes(
            GetObjectMetadataRequest.builder().storageJobId(job).objectToken(object.objectToken()).build());
        OUT.println("metadata \"" + orEmpty(metadata.response().metadataString()) + "\" "
            + HexFormat.of().formatHex(metadata.asByteArray()) + " " + orZero(metadata.response().metadataBlobLength()));
        CLIENT.listChunks(request -> request.storageJobId(job).objectToken(object.objectToken())).chunkList().forEach(chunk -> {
            ResponseBytes<GetChunkResponse> got = CLIENT.getChunkAsBytes(
                GetChunkRequest.builder().storageJobId(job).chunkToken(chunk.chunkToken()).build());
            GetChunkResponse head = got.response();
            OUT.println("chunk " + chunk.index() + " \"" + got.asUtf8String() + "\" " + chunk.length() + " " + head.length()
                + " " + head.checksum() + " " + head.checksumAlgorithmAsString());
        });
    }

    public static void main(String[] words) {
        if (words[0].equals("write")) {
            write(words[1]);
        } else {
            read(words[1]);
        }
    }
}
