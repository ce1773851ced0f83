// A round trip with the AWS SDK for Go v2, unmodified: `write JOB` sends objects into a backup job, `read JOB` reads them
// back by a restore job. What was answered is printed, a line each; the test knows which lines are right.
//
// The service is at HOLDFAST_URL; checksums come in variables, so that every language sends the same.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/backupstorage"
	"github.com/aws/aws-sdk-go-v2/service/backupstorage/types"
	"github.com/aws/smithy-go"
)

var (
	ctx    = context.Background()
	client = backupstorage.New(backupstorage.Options{
		Region:           "us-east-1",
		EndpointResolver: backupstorage.EndpointResolverFromURL(os.Getenv("HOLDFAST_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(
			os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		Retryer: aws.NopRetryer{},
	})
)

func sum(name string) *string { return aws.String(os.Getenv("SHA256_" + name)) }

func need(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func refused(err error) {
	var exists *types.DataAlreadyExistsException
	var illegal *types.IllegalArgumentException
	var missing *types.ResourceNotFoundException
	var other smithy.APIError
	switch {
	case errors.As(err, &exists):
		fmt.Println("refused: data already exists,", aws.ToString(exists.Checksum), aws.ToString(exists.ChecksumAlgorithm))
	case errors.As(err, &illegal):
		fmt.Println("refused: illegal argument")
	case errors.As(err, &missing):
		fmt.Println("refused: resource not found")
	case errors.As(err, &other):
		fmt.Println("refused without a type:", other.ErrorCode())
	default:
		fmt.Println("not refused:", err)
	}
}

func put(job, name, data, checksum string) (*backupstorage.PutObjectOutput, error) {
	return client.PutObject(ctx, &backupstorage.PutObjectInput{
		BackupJobId: &job, ObjectName: &name, InlineChunk: bytes.NewReader([]byte(data)),
		InlineChunkLength: int64(len(data)), InlineChunkChecksum: sum(checksum), InlineChunkChecksumAlgorithm: aws.String("SHA256"),
	})
}

func putChunk(job string, upload *string, index int64, data, checksum string) (*backupstorage.PutChunkOutput, error) {
	return client.PutChunk(ctx, &backupstorage.PutChunkInput{
		BackupJobId: &job, UploadId: upload, ChunkIndex: index, Data: bytes.NewReader([]byte(data)),
		Length: int64(len(data)), Checksum: sum(checksum), ChecksumAlgorithm: types.DataChecksumAlgorithmSha256,
	})
}

func write(job string) {
	for _, one := range [][2]string{{"plain", "PLAIN"}, {"empty", "EMPTY"}, {"gone", "PLAIN"}} {
		data := map[string]string{"PLAIN": "plain data", "EMPTY": ""}[one[1]]
		done, err := put(job, one[0], data, one[1])
		need(err)
		fmt.Println("put", one[0], *done.InlineChunkChecksum, done.InlineChunkChecksumAlgorithm,
			*done.ObjectChecksum, done.ObjectChecksumAlgorithm)
	}
	_, err := client.DeleteObject(ctx, &backupstorage.DeleteObjectInput{BackupJobId: &job, ObjectName: aws.String("gone")})
	need(err)
	started, err := client.StartObject(ctx, &backupstorage.StartObjectInput{
		BackupJobId: &job, ObjectName: aws.String("größe/日本 %2F"),
	})
	need(err)
	for index, one := range [][2]string{{"first", "FIRST"}, {"second", "SECOND"}} {
		chunk, err := putChunk(job, started.UploadId, int64(index), one[0], one[1])
		need(err)
		fmt.Println("chunk", index, *chunk.ChunkChecksum, chunk.ChunkChecksumAlgorithm)
	}
	_, err = putChunk(job, started.UploadId, 0, "second", "SECOND")
	refused(err)
	blob := []byte{0, 1, 254, 255}
	done, err := client.NotifyObjectComplete(ctx, &backupstorage.NotifyObjectCompleteInput{
		BackupJobId: &job, UploadId: started.UploadId, ObjectChecksum: sum("SUMMARY"),
		ObjectChecksumAlgorithm: types.SummaryChecksumAlgorithmSummary, MetadataString: aws.String("a note"),
		MetadataBlob: bytes.NewReader(blob), MetadataBlobLength: int64(len(blob)),
		MetadataBlobChecksum: sum("BLOB"), MetadataBlobChecksumAlgorithm: types.DataChecksumAlgorithmSha256,
	})
	need(err)
	fmt.Println("complete", *done.ObjectChecksum, done.ObjectChecksumAlgorithm)
	_, err = client.StartObject(ctx, &backupstorage.StartObjectInput{
		BackupJobId: &job, ObjectName: aws.String("plain"), ThrowOnDuplicate: true,
	})
	refused(err)
	_, err = put(job, "spoilt", "plain data", "FIRST")
	refused(err)
	_, err = client.ListObjects(ctx, &backupstorage.ListObjectsInput{StorageJobId: aws.String("no-such-job")})
	refused(err)
}

func read(job string) {
	var next *string
	for {
		page, err := client.ListObjects(ctx, &backupstorage.ListObjectsInput{StorageJobId: &job, MaxResults: 1, NextToken: next})
		need(err)
		for _, object := range page.ObjectList {
			show(job, object)
		}
		if next = page.NextToken; next == nil {
			return
		}
	}
}

func show(job string, object types.BackupObject) {
	fmt.Println("object", *object.Name, *object.ObjectChecksum, object.ObjectChecksumAlgorithm, *object.ChunksCount)
	metadata, err := client.GetObjectMetadata(ctx, &backupstorage.GetObjectMetadataInput{
		StorageJobId: &job, ObjectToken: object.ObjectToken,
	})
	need(err)
	blob, err := io.ReadAll(metadata.MetadataBlob)
	need(err)
	fmt.Printf("metadata %q %x %d\n", aws.ToString(metadata.MetadataString), blob, metadata.MetadataBlobLength)
	chunks, err := client.ListChunks(ctx, &backupstorage.ListChunksInput{StorageJobId: &job, ObjectToken: object.ObjectToken})
	need(err)
	for _, chunk := range chunks.ChunkList {
		got, err := client.GetChunk(ctx, &backupstorage.GetChunkInput{StorageJobId: &job, ChunkToken: chunk.ChunkToken})
		need(err)
		data, err := io.ReadAll(got.Data)
		need(err)
		fmt.Printf("chunk %d %q %d %d %s %s\n", chunk.Index, data, chunk.Length, got.Length, *got.Checksum, got.ChecksumAlgorithm)
	}
}

func main() {
	map[string]func(string){"write": write, "read": read}[os.Args[1]](os.Args[2])
}
