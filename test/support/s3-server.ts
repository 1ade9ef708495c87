import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { runGuarded } from '../../scripts/services/guard.js';
import { freePorts, ready } from '../../scripts/services/tools.js';

/** moto (Apache-2.0) speaks S3 over HTTP. Nothing depends on it: it is fetched from PyPI by the first run and kept. */
const PACKAGES = ['moto[s3]==5.2.5', 'flask', 'flask-cors'];
const CACHE = path.resolve(__dirname, '../../node_modules/.cache');
const FOLDER = path.join(CACHE, 'moto-5.2.5');

// Which Node the service runs on is not for the specs to say.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** The service's variables for a bucket of its own. */
export type BucketVariables = Record<`S3_${string}`, string>;

export interface S3Server {
  variables: BucketVariables;
  stop(): Promise<void>;
}

/** Null if a server is available, else the reason; the first call may take ten seconds. */
export function s3Missing(): string | null {
  if (process.env.TEST_S3_ENDPOINT || existsSync(FOLDER)) return null;
  mkdirSync(CACHE, { recursive: true });
  // Atomic: another worker or a kill must not leave a partial installation.
  const aside = mkdtempSync(path.join(CACHE, 'moto-'));
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', aside, ...PACKAGES];
  const { status, error, stderr } = spawnSync('python3', args, { encoding: 'utf8', timeout: 120_000 });
  if (status === 0 && !existsSync(FOLDER)) renameSync(aside, FOLDER);
  rmSync(aside, { recursive: true, force: true });
  if (existsSync(FOLDER)) return null;
  const reason = `no S3 server: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
  if (process.env.CI === 'true') throw new Error(reason);
  return reason;
}

/** The server of `TEST_S3_ENDPOINT` (`http://key:secret@host:port`), else one of our own, with a new bucket. */
export async function startS3(): Promise<S3Server> {
  const given = process.env.TEST_S3_ENDPOINT;
  const server = given ? { endpoint: new URL(given), stop: async () => undefined } : await startMoto();
  const { origin, username, password } = server.endpoint;
  const bucket = `spec-${process.pid}-${Date.now()}`;
  const credentials = { accessKeyId: username, secretAccessKey: password };
  const client = new S3Client({ endpoint: origin, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  const variables = {
    S3_ENDPOINT: origin,
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: username,
    S3_SECRET_ACCESS_KEY: password,
  };
  return { variables, stop: server.stop };
}

async function startMoto() {
  const [port] = await freePorts(0);
  const endpoint = new URL(`http://key:secret@127.0.0.1:${port}`);
  const command = ['env', `PYTHONPATH=${FOLDER}`, 'python3', '-m', 'moto.server', '-H', '127.0.0.1', '-p', `${port}`];
  const server = runGuarded(command, {});
  await ready(() => fetch(endpoint.origin), server);
  return { endpoint, stop: () => server.stop() };
}
