//! A round trip with the AWS SDK for Rust, unmodified: as `../../go/main.go`, line for line.

use aws_credential_types::Credentials;
use aws_sdk_backupstorage::config::{BehaviorVersion, Region};
use aws_sdk_backupstorage::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_backupstorage::operation::put_chunk::{PutChunkError, PutChunkOutput};
use aws_sdk_backupstorage::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_backupstorage::operation::start_object::StartObjectError;
use aws_sdk_backupstorage::primitives::ByteStream;
use aws_sdk_backupstorage::types::{BackupObject, DataChecksumAlgorithm, SummaryChecksumAlgorithm};
use aws_sdk_backupstorage::{Client, Config};
use std::env::var;
use std::error::Error;

type Done = Result<(), Box<dyn Error>>;

fn sum(name: &str) -> String {
    var(format!("SHA256_{name}")).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn put(client: &Client, job: &str, name: &str, data: &'static str, checksum: &str)
    -> Result<PutObjectOutput, SdkError<PutObjectError>> {
    client.put_object().backup_job_id(job).object_name(name)
        .inline_chunk(ByteStream::from_static(data.as_bytes())).inline_chunk_length(data.len() as i64)
        .inline_chunk_checksum(sum(checksum)).inline_chunk_checksum_algorithm("SHA256").send().await
}

async fn put_chunk(client: &Client, job: &str, upload: &str, index: i64, data: &'static str, checksum: &str)
    -> Result<PutChunkOutput, SdkError<PutChunkError>> {
    client.put_chunk().backup_job_id(job).upload_id(upload).chunk_index(index)
        .data(ByteStream::from_static(data.as_bytes())).length(data.len() as i64)
        .checksum(sum(checksum)).checksum_algorithm(DataChecksumAlgorithm::Sha256).send().await
}

async fn write(client: &Client, job: &str) -> Done {
    for (name, data, checksum) in [("plain", "plain data", "PLAIN"), ("empty", "", "EMPTY"), ("gone", "plain data", "PLAIN")] {
        let done = put(client, job, name, data, checksum).await?;
        println!("put {name} {} {} {} {}", done.inline_chunk_checksum(), done.inline_chunk_checksum_algorithm().as_str(),
            done.object_checksum(), done.object_checksum_algorithm().as_str());
    }
    client.delete_object().backup_job_id(job).object_name("gone").send().await?;
    let started = client.start_object().backup_job_id(job).object_name("größe/日本 %2F").send().await?;
    let upload = started.upload_id();
    for (index, data, checksum) in [(0, "first", "FIRST"), (1, "second", "SECOND")] {
        let chunk = put_chunk(client, job, upload, index, data, checksum).await?;
        println!("chunk {index} {} {}", chunk.chunk_checksum(), chunk.chunk_checksum_algorithm().as_str());
    }
    let known = put_chunk(client, job, upload, 0, "second", "SECOND").await.unwrap_err().into_service_error();
    println!("refused without a type: {}", known.code().unwrap_or_default());
    let blob: &'static [u8] = &[0, 1, 254, 255];
    let done = client.notify_object_complete().backup_job_id(job).upload_id(upload).object_checksum(sum("SUMMARY"))
        .object_checksum_algorithm(SummaryChecksumAlgorithm::Summary).metadata_string("a note")
        .metadata_blob(ByteStream::from_static(blob)).metadata_blob_length(blob.len() as i64)
        .metadata_blob_checksum(sum("BLOB")).metadata_blob_checksum_algorithm(DataChecksumAlgorithm::Sha256).send().await?;
    println!("complete {} {}", done.object_checksum(), done.object_checksum_algorithm().as_str());
    let again = client.start_object().backup_job_id(job).object_name("plain").throw_on_duplicate(true).send().await;
    match again.unwrap_err().into_service_error() {
        StartObjectError::DataAlreadyExistsException(known) => println!("refused: data already exists, {} {}",
            known.checksum().unwrap_or_default(), known.checksum_algorithm().unwrap_or_default()),
        other => println!("refused without a type: {:?}", other.code()),
    }
    match put(client, job, "spoilt", "plain data", "FIRST").await.unwrap_err().into_service_error() {
        PutObjectError::IllegalArgumentException(_) => println!("refused: illegal argument"),
        other => println!("refused without a type: {:?}", other.code()),
    }
    let missing = client.list_objects().storage_job_id("no-such-job").send().await.unwrap_err().into_service_error();
    println!("refused{}", if missing.is_resource_not_found_exception() { ": resource not found" } else { " without a type" });
    Ok(())
}

async fn read(client: &Client, job: &str) -> Done {
    let mut next: Option<String> = None;
    loop {
        let page = client.list_objects().storage_job_id(job).max_results(1).set_next_token(next).send().await?;
        for object in page.object_list() {
            show(client, job, object).await?;
        }
        next = page.next_token().map(str::to_string);
        if next.is_none() {
            return Ok(());
        }
    }
}

async fn show(client: &Client, job: &str, object: &BackupObject) -> Done {
    println!("object {} {} {} {}", object.name(), object.object_checksum(), object.object_checksum_algorithm().as_str(),
        object.chunks_count().unwrap());
    let metadata = client.get_object_metadata().storage_job_id(job).object_token(object.object_token()).send().await?;
    let (text, length) = (metadata.metadata_string().unwrap_or_default().to_string(), metadata.metadata_blob_length());
    println!("metadata {text:?} {} {length}", hex(&metadata.metadata_blob.collect().await?.into_bytes()));
    let chunks = client.list_chunks().storage_job_id(job).object_token(object.object_token()).send().await?;
    for chunk in chunks.chunk_list() {
        let got = client.get_chunk().storage_job_id(job).chunk_token(chunk.chunk_token()).send().await?;
        let (length, checksum, algorithm) = (got.length(), got.checksum().to_string(), got.checksum_algorithm().clone());
        let data = String::from_utf8(got.data.collect().await?.into_bytes().to_vec())?;
        println!("chunk {} {data:?} {} {length} {checksum} {}", chunk.index(), chunk.length(), algorithm.as_str());
    }
    Ok(())
}

fn main() -> Done {
    let credentials = Credentials::new(var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?, None, None, "test");
    let config = Config::builder().behavior_version(BehaviorVersion::latest()).region(Region::new("us-east-1"))
        .credentials_provider(credentials).endpoint_url(var("HOLDFAST_URL")?)
        .http_client(aws_smithy_http_client::Builder::new().build_http()).build();
    let client = Client::from_conf(config);
    let words: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        if words[1] == "write" { write(&client, &words[2]).await } else { read(&client, &words[2]).await }
    })
}
