// A full round trip with the AWS SDK for JavaScript v2, unmodified. Prints one line of JSON for each check.
//
// The SDK release carries `backupstorage` and `backup`; the model of the commit is read from HOLDFAST_MODELS.
// Endpoint and credentials come from HOLDFAST_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

'use strict';
process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Readable } = require('stream');
const AWS = require('aws-sdk');

const options = {
  endpoint: process.env.HOLDFAST_URL,
  region: 'us-east-1',
  maxRetries: 0,
  httpOptions: { timeout: 60000 },
};
const storage = new AWS.BackupStorage(options);
const backup = new AWS.Backup(options);
const model = path.join(process.env.HOLDFAST_MODELS, 'holdfast', '2026-11-01', 'service-2.json');
const holdfast = new AWS.Service({ ...options, apiConfig: JSON.parse(fs.readFileSync(model, 'utf8')) });

const VAULT = 'javascript';
const ROLE = 'arn:aws:iam::000000000000:role/backup';
const MIB = 1 << 20;
const NAMES = [
  'plain', 'a/b', 'a b', ' leading and trailing ', '100%', '%2F', 'a%20b', '1+1', '~home', 'Grüße/Straße', '日本語', '🗄️.box',
  'é', 'e\u0301', 'x/complete', 'x/put-object', 'complete', 'put-object', '/complete', '/put-object', 'a/../b', 'a//b', '/lead',
  'trail/', '?query=1&b=2', '#hash', "quote'\"", 'back\\slash', '*', '!$()', 'x'.repeat(4096),
];

const digest = (data) => crypto.createHash('sha256').update(data).digest();
const sha256 = (data) => digest(data).toString('base64');
const summary = (chunks) => sha256(Buffer.concat(chunks.map(digest)));
const byBytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const fromHeader = (text) => Buffer.from(text, 'latin1').toString('utf8'); // Node reads header values as Latin-1

let sources = 0;
const newSource = () => `arn:aws:holdfast:local:000000000000:source/javascript-${++sources}`;

async function startJob(source = newSource()) {
  const started = await backup
    .startBackupJob({ BackupVaultName: VAULT, ResourceArn: source, IamRoleArn: ROLE })
    .promise();
  return started.BackupJobId;
}

async function commit(job) {
  return (await holdfast.commitBackupJob({ BackupJobId: job }).promise()).RecoveryPointArn;
}

async function startRestore(point) {
  const started = await backup
    .startRestoreJob({ RecoveryPointArn: point, Metadata: {}, IamRoleArn: ROLE })
    .promise();
  return started.RestoreJobId;
}

function putInline(job, name, data, more = {}) {
  return storage.putObject({
    BackupJobId: job, ObjectName: name, InlineChunk: data, InlineChunkLength: data.length,
    InlineChunkChecksum: sha256(data), InlineChunkChecksumAlgorithm: 'SHA256', ...more,
  }).promise();
}

function putChunk(job, upload, index, data, body = data) {
  return storage.putChunk({
    BackupJobId: job, UploadId: upload, ChunkIndex: index, Data: body, Length: data.length,
    Checksum: sha256(data), ChecksumAlgorithm: 'SHA256',
  }).promise();
}

async function startObject(job, name, more = {}) {
  return (await storage.startObject({ BackupJobId: job, ObjectName: name, ...more }).promise()).UploadId;
}

function complete(job, upload, chunks, more = {}) {
  return storage.notifyObjectComplete({
    BackupJobId: job, UploadId: upload, ObjectChecksum: summary(chunks), ObjectChecksumAlgorithm: 'SUMMARY', ...more,
  }).promise();
}

async function putChunked(job, name, chunks, more = {}) {
  const upload = await startObject(job, name);
  await Promise.all(chunks.map((chunk, index) => putChunk(job, upload, index, chunk)));
  const done = await complete(job, upload, chunks, more);
  assert.strictEqual(done.ObjectChecksum, summary(chunks));
}

async function pages(operation, member, parameters) {
  const entries = [];
  let page;
  do {
    page = await storage[operation]({ ...parameters, NextToken: page && page.NextToken }).promise();
    entries.push(...page[member]);
  } while (page.NextToken);
  return entries;
}

const objects = (job, filters = {}) => pages('listObjects', 'ObjectList', { StorageJobId: job, ...filters });
const names = async (job, filters) => (await objects(job, filters)).map((entry) => entry.Name);

async function read(job, token, filters = {}) {
  const chunks = [];
  for (const entry of await pages('listChunks', 'ChunkList', { StorageJobId: job, ObjectToken: token, ...filters })) {
    const got = await storage.getChunk({ StorageJobId: job, ChunkToken: entry.ChunkToken }).promise();
    const data = Buffer.from(got.Data);
    assert.deepStrictEqual([got.Length, got.Checksum, got.ChecksumAlgorithm], [data.length, sha256(data), 'SHA256']);
    assert.deepStrictEqual([entry.Length, entry.Checksum], [data.length, sha256(data)]);
    chunks.push(data);
  }
  return chunks;
}

async function contents(job) {
  const found = {};
  for (const entry of await objects(job)) found[entry.Name] = Buffer.concat(await read(job, entry.ObjectToken)).toString();
  return found;
}

async function raises(code, status, promise) {
  const error = await promise.then(() => assert.fail(`${code} was not raised`), (reason) => reason);
  assert.strictEqual(error.code, code, error.stack);
  assert.strictEqual(error.statusCode, status);
  assert.ok(error.message.length > 10 && error.requestId, JSON.stringify(error));
  return error;
}

const checks = {
  async every_name_comes_back() {
    const put = { inline: (job, name, data) => putInline(job, name, data), chunked: (job, name, data) => putChunked(job, name, [data]) };
    for (const way of ['inline', 'chunked']) {
      const job = await startJob();
      for (const name of NAMES) await put[way](job, name, Buffer.from(`data of ${name}`));
      const restore = await startRestore(await commit(job));
      assert.deepStrictEqual(await names(restore), [...NAMES].sort(byBytes));
      for (const [name, data] of Object.entries(await contents(restore))) assert.strictEqual(data, `data of ${name}`);
    }
  },

  async empty_large_and_streamed_bodies_come_back() {
    const large = crypto.randomBytes(16 * MIB);
    const piped = crypto.randomBytes(3 * MIB + 17);
    const empty = Buffer.alloc(0);
    const job = await startJob();
    await storage.putObject({ BackupJobId: job, ObjectName: 'no chunk' }).promise();
    await putInline(job, 'an empty chunk', empty);
    await putChunked(job, 'chunked, no chunk', []);
    await putChunked(job, 'large', [large, piped, large]);
    const upload = await startObject(job, 'piped');
    await putChunk(job, upload, 0, piped, Readable.from([piped.subarray(0, 1000), piped.subarray(1000)]));
    await complete(job, upload, [piped]);
    const restore = await startRestore(await commit(job));
    const tokens = Object.fromEntries((await objects(restore)).map((entry) => [entry.Name, entry.ObjectToken]));
    assert.deepStrictEqual(await read(restore, tokens['no chunk']), []);
    assert.deepStrictEqual(await read(restore, tokens['an empty chunk']), [empty]);
    assert.deepStrictEqual(await read(restore, tokens['chunked, no chunk']), []);
    assert.deepStrictEqual(await read(restore, tokens.large), [large, piped, large]);
    assert.deepStrictEqual(await read(restore, tokens.piped), [piped]);
  },

  async metadata_comes_back() {
    const blob = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    const job = await startJob();
    await putChunked(job, 'both', [blob], {
      MetadataString: 'größe=日本', MetadataBlob: blob, MetadataBlobLength: blob.length,
      MetadataBlobChecksum: sha256(blob), MetadataBlobChecksumAlgorithm: 'SHA256',
    });
    await putInline(job, 'neither', blob);
    const restore = await startRestore(await commit(job));
    const [both, neither] = await objects(restore);
    assert.strictEqual(both.MetadataString, 'größe=日本');
    const got = await storage.getObjectMetadata({ StorageJobId: restore, ObjectToken: both.ObjectToken }).promise();
    assert.strictEqual(fromHeader(got.MetadataString), 'größe=日本');
    assert.deepStrictEqual(Buffer.from(got.MetadataBlob), blob);
    assert.deepStrictEqual([got.MetadataBlobLength, got.MetadataBlobChecksum], [blob.length, sha256(blob)]);
    const none = await storage.getObjectMetadata({ StorageJobId: restore, ObjectToken: neither.ObjectToken }).promise();
    assert.strictEqual(none.MetadataString, undefined);
    assert.strictEqual(none.MetadataBlob.length, 0);
  },

  async every_page_size_and_filter_lists_the_same() {
    const wanted = ['a/1', 'a/2', 'a/3', 'b', 'c c', 'ü'];
    const chunks = wanted.map((name) => Buffer.from(name));
    const job = await startJob();
    for (const name of wanted) await putChunked(job, name, chunks);
    const restore = await startRestore(await commit(job));
    for (const reader of [restore]) {
      for (let size = 1; size <= wanted.length + 1; size++) {
        assert.deepStrictEqual(await names(reader, { MaxResults: size }), wanted);
        const filters = { MaxResults: size, StartingObjectPrefix: 'a/' };
        assert.deepStrictEqual(await names(reader, filters), wanted.slice(0, 3));
        assert.deepStrictEqual(await names(reader, { MaxResults: size, StartingObjectName: 'a/3' }), wanted.slice(2));
        assert.deepStrictEqual(await names(reader, { MaxResults: size, CreatedAfter: new Date('2015-01-01') }), wanted);
        assert.deepStrictEqual(await names(reader, { MaxResults: size, CreatedBefore: new Date('2015-01-01') }), []);
      }
    }
    const token = (await objects(restore))[0].ObjectToken;
    for (let size = 1; size <= chunks.length + 1; size++) {
      assert.deepStrictEqual(await read(restore, token, { MaxResults: size }), chunks);
    }
  },

  async a_second_job_adds_replaces_and_deletes() {
    const source = newSource();
    const first = await startJob(source);
    for (const name of ['deleted', 'kept', 'replaced']) await putChunked(first, name, [Buffer.from('old')]);
    const firstPoint = await commit(first);
    const second = await startJob(source);
    const base = await holdfast.getIncrementalBaseBackup({ BackupJobId: second }).promise();
    assert.strictEqual(base.RecoveryPointArn, firstPoint);
    await storage.deleteObject({ BackupJobId: second, ObjectName: 'deleted' }).promise();
    await putChunked(second, 'replaced', [Buffer.from('ne'), Buffer.from('w')]);
    await putInline(second, 'added', Buffer.from('new'));
    const secondPoint = await commit(second);
    assert.deepStrictEqual(await contents(await startRestore(secondPoint)), { added: 'new', kept: 'old', replaced: 'new' });
    assert.deepStrictEqual(await contents(await startRestore(firstPoint)), { deleted: 'old', kept: 'old', replaced: 'old' });
  },

  async modelled_errors_are_raised_by_their_codes() {
    const job = await startJob();
    const upload = await startObject(job, 'o');
    const [first, other] = [Buffer.from('first'), Buffer.from('other')];
    await putChunk(job, upload, 0, first);
    let error = await raises('DataAlreadyExistsException', 400, putChunk(job, upload, 0, other));
    assert.deepStrictEqual([error.Checksum, error.ChecksumAlgorithm], [sha256(first), 'SHA256']);
    await complete(job, upload, [first]);
    error = await raises('DataAlreadyExistsException', 400, startObject(job, 'o', { ThrowOnDuplicate: true }));
    assert.deepStrictEqual([error.Checksum, error.ChecksumAlgorithm], [summary([first]), 'SUMMARY']);
    await raises('IllegalArgumentException', 400, putInline(job, 'p', first, { InlineChunkChecksum: sha256(other) }));
    await raises('IllegalArgumentException', 400, storage.listObjects({ StorageJobId: job, MaxResults: 101 }).promise());
    await raises('IllegalArgumentException', 400, putChunk(job, 'forged', 0, first));
    await raises('ResourceNotFoundException', 404, storage.listObjects({ StorageJobId: 'no-such-job' }).promise());
    await raises('ResourceNotFoundException', 404, storage.deleteObject({ BackupJobId: job, ObjectName: 'x' }).promise());
    const second = await startObject(job, 'short');
    await raises('NotReadableInputStreamException', 400, putChunk(job, second, 0, other, Readable.from([other.subarray(1)])));
    const stranger = new AWS.BackupStorage({ ...options, secretAccessKey: 'wrong', accessKeyId: process.env.AWS_ACCESS_KEY_ID });
    await raises('AccessDeniedException', 403, stranger.listObjects({ StorageJobId: job }).promise());
  },
};

async function main() {
  await backup.createBackupVault({ BackupVaultName: VAULT }).promise();
  console.log(JSON.stringify({ sdk: AWS.VERSION, node: process.version }));
  for (const [check, run] of Object.entries(checks)) {
    const trouble = await run().then(() => null, (reason) => reason.stack || String(reason));
    console.log(JSON.stringify({ check, trouble }));
  }
}

main().catch((reason) => { console.error(reason); process.exit(1); });
