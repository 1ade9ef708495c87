import { EnvReader } from './env-reader.js';
import { readTopicName } from './settings.connections.js';

/** @param name the variable that names the bucket; all buckets share endpoint and credentials */
export function readBucket(env: EnvReader, name: 'S3_BUCKET' | 'AUDIT_WITNESS_BUCKET') {
  const bucket = env.text(name);
  const [accessKeyId, secretAccessKey] = env.pair('S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY') ?? [];
  const [endpoint, region] = [env.baseUrl('S3_ENDPOINT'), env.text('S3_REGION') ?? 'us-east-1'];
  return bucket ? { bucket, endpoint, region, accessKeyId, secretAccessKey } : null;
}

/** Null without a key: the audit log is not signed. */
export function readAuditWitness(env: EnvReader, dataDir: string, publicBaseUrl: string, eventTopics: string[]) {
  const encoded = env.text('AUDIT_WITNESS_KEY');
  const name = env.text('AUDIT_WITNESS_NAME') ?? `${new URL(publicBaseUrl).host}/audit`;
  // The names that C2SP's signed-note allows.
  if (!/^[^\s+]{1,200}$/.test(name)) env.fault('AUDIT_WITNESS_NAME must have no spaces and no "+"');
  const topic = readTopicName(env, 'KAFKA_AUDIT_TOPIC', 'audit.checkpoints');
  if (eventTopics.includes(topic)) env.fault('KAFKA_AUDIT_TOPIC must be another topic than those of events');
  const folder = env.text('AUDIT_WITNESS_FOLDER') ?? `${dataDir}/audit`;
  const s3 = readBucket(env, 'AUDIT_WITNESS_BUCKET');
  if (encoded === undefined) return null;
  const key = Buffer.from(encoded, 'base64');
  if (!/^[A-Za-z0-9+/]{43}=$/.test(encoded) || new Set(key).size < 8)
    env.fault('AUDIT_WITNESS_KEY must be 32 random bytes in base64; make them with: openssl rand -base64 32');
  if (env.text('KAFKA_BOOTSTRAP_SERVERS') === undefined)
    env.fault('AUDIT_WITNESS_KEY needs KAFKA_BOOTSTRAP_SERVERS: checkpoints go to Kafka too');
  return { key, name, topic, folder, s3 };
}

function readExtensions(env: EnvReader): string[] {
  const extensions = env.list('ALLOWED_EXTENSIONS', ['jpg', 'jpeg', 'png', 'gif']).map((e) => e.toLowerCase());
  // An entry with a dot would match no file: it is compared with what follows the last one.
  if (extensions.length === 0 || !extensions.every((extension) => /^[a-z0-9]{1,10}$/.test(extension)))
    env.fault('ALLOWED_EXTENSIONS must be a list of file name extensions without dots');
  return extensions;
}

export function readUploads(env: EnvReader) {
  return {
    folder: env.text('UPLOAD_FOLDER') ?? 'uploads',
    /** Bytes of one uploaded file. */
    maxBytes: env.number('MAX_CONTENT_LENGTH', 16_777_216, 1024, 104_857_600),
    extensions: readExtensions(env),
    s3: readBucket(env, 'S3_BUCKET'),
  };
}
