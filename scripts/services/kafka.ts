import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { loadKafkajs } from '../../src/events/kafka.js';
import { type Guarded, runGuarded } from './guard.js';
import { type Crashable, crashable, Restartable } from './restartable.js';
import { dockerRuns, freePorts, install, type Log, onPath, ready, run } from './tools.js';

export interface KafkaService {
  /** `host:port`, comma separated. */
  brokers: string;
  /** None with a broker that is not ours. */
  detours: Detour[];
  /** `localhost:port` of the way in with TLS, where a certificate was given. */
  encrypted?: string;
  /** Only of a process of our own. */
  crash?: Crashable;
  stop(): Promise<void>;
}

/**
 * Another way in, for a proxy that cuts and delays: brokers advertise port `advertised`, on which nothing listens
 * until a proxy does, and it passes them on to `target`.
 */
export interface Detour {
  advertised: number;
  target: number;
}

const VERSION = '3.5.2';
const IMAGE = 'confluentinc/cp-kafka:7.5.3'; // Kafka 3.5
const JVM = ['-Xmx384m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

interface Options {
  given?: string;
  port?: number;
  /** How many ways in there are beside the direct one; default 1. */
  detours?: number;
  /** Path of a private key with its certificate, in PEM form, for a way in with TLS. */
  certificate?: string;
  log: Log;
}

/** The given broker, else one of our own (KRaft, one node). Throws the reason when neither can be had. */
export async function startKafka(options: Options): Promise<KafkaService> {
  const { given, log } = options;
  if (given) {
    await describe(given);
    return { brokers: given, detours: [], stop: async () => undefined };
  }
  const usable = () => onPath('java') && (existsSync(jarFolder()) || onPath('mvn'));
  if (!usable())
    await install(
      {
        apt: ['default-jre-headless', 'maven'],
        apk: ['openjdk17-jre-headless', 'maven'],
        dnf: ['java-17-openjdk-headless', 'maven'],
      },
      log,
    );
  const count = options.detours ?? 1;
  const [port, controller, tlsPort, ...others] = (await freePorts(
    options.port ?? 0,
    ...Array.from({ length: 2 + 2 * count }, () => 0),
  )) as [number, number, number, ...number[]];
  const detours = Array.from({ length: count }, (_, n) => ({ advertised: others[2 * n]!, target: others[2 * n + 1]! }));
  const tls = options.certificate ? { port: tlsPort, certificate: options.certificate } : null;
  if (usable()) {
    const service = await serve(port, await startJava({ port, controller, detours, tls, log }));
    return { ...service, detours, ...(tls && { encrypted: `localhost:${tlsPort}` }) };
  }
  if (tls) throw new Error('no java and mvn on the PATH, not installable');
  if (await dockerRuns()) return serve(port, startContainer(port));
  throw new Error('no KAFKA_BOOTSTRAP_SERVERS, no java and mvn on the PATH, not installable, no Docker');
}

interface Ports {
  port: number;
  controller: number;
  detours: Detour[];
  tls: { port: number; certificate: string } | null;
  log: Log;
}

async function startJava({ port, controller, detours, tls, log }: Ports): Promise<Guarded> {
  const jars = path.join(await fillJars(log), '*');
  const folder = mkdtempSync(path.join(tmpdir(), 'meetinity-kafka-'));
  const file = path.join(folder, 'kraft.properties');
  const ways = [{ target: port, advertised: port }, ...detours].map((way, n) => ({
    ...way,
    host: '127.0.0.1',
    name: n ? `DETOUR${n}` : 'PLAINTEXT',
    protocol: 'PLAINTEXT',
  }));
  if (tls) ways.push({ target: tls.port, advertised: tls.port, host: 'localhost', name: 'TLS', protocol: 'SSL' });
  const listeners = ways.map(({ name, target }) => `${name}://127.0.0.1:${target}`);
  const settings = {
    'log.dirs': path.join(folder, 'logs'),
    ...broker,
    listeners: [...listeners, `CONTROLLER://127.0.0.1:${controller}`].join(','),
    'advertised.listeners': ways.map(({ name, host, advertised }) => `${name}://${host}:${advertised}`).join(','),
    'listener.security.protocol.map': [...ways, { name: 'CONTROLLER', protocol: 'PLAINTEXT' }]
      .map(({ name, protocol }) => `${name}:${protocol}`)
      .join(','),
    ...(tls && { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': tls.certificate }),
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(file, lines.join(''));
  try {
    await run('java', [...JVM, '-cp', jars, 'kafka.tools.StorageTool', 'format', '-t', clusterId(), '-c', file]);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return new Restartable(['java', ...JVM, '-cp', jars, 'kafka.Kafka', file], folder);
}

const broker = {
  'process.roles': 'broker,controller',
  'node.id': 1,
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  'auto.create.topics.enable': true,
  'num.partitions': 3,
  'offsets.topic.num.partitions': 3,
  'offsets.topic.replication.factor': 1,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'group.initial.rebalance.delay.ms': 0,
};

function startContainer(port: number): Guarded {
  const name = `meetinity-kafka-${process.pid}-${port}`;
  const settings = {
    ...broker,
    listeners: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://127.0.0.1:29093`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.quorum.voters': '1@127.0.0.1:29093',
  };
  const variables = Object.entries(settings).flatMap(([key, value]) => [
    '--env',
    `KAFKA_${key.toUpperCase().replaceAll('.', '_')}=${value}`,
  ]);
  const args = ['--rm', '--name', name, '--publish', `127.0.0.1:${port}:${port}`, '--env', `CLUSTER_ID=${clusterId()}`];
  return runGuarded(['docker', 'run', ...args, ...variables, IMAGE], { container: name });
}

async function serve(port: number, server: Guarded): Promise<KafkaService> {
  const brokers = `127.0.0.1:${port}`;
  try {
    await ready(() => describe(brokers), server);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { brokers, detours: [], crash: crashable(server, () => describe(brokers)), stop: () => server.stop() };
}

async function describe(brokers: string): Promise<void> {
  const { Kafka, logLevel } = await loadKafkajs();
  const kafka = new Kafka({
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    if (cluster.brokers.length === 0) throw new Error('no broker has registered');
  } finally {
    await admin.disconnect();
  }
}

/** The broker's jars, fetched once by Maven. Two that fetch at once do not disturb each other: the rename decides. */
async function fillJars(log: Log): Promise<string> {
  const folder = jarFolder();
  if (existsSync(folder)) return folder;
  log(`fetching Kafka ${VERSION} once (46 MB)`);
  mkdirSync(path.dirname(folder), { recursive: true });
  const staging = mkdtempSync(`${folder}.new-`);
  const pom = path.join(import.meta.dirname, 'kafka', 'pom.xml');
  const repository = ownHome() ? [] : [`-Dmaven.repo.local=${path.join(cacheFolder(), 'm2')}`];
  try {
    const args = ['-q', '-B', '-f', pom, ...repository, 'dependency:copy-dependencies', `-DoutputDirectory=${staging}`];
    await run('mvn', args);
    renameSync(staging, folder);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

function jarFolder(): string {
  return path.join(cacheFolder(), `kafka-${VERSION}`);
}

function cacheFolder(): string {
  if (ownHome()) return path.join(homedir(), '.cache', 'meetinity-user-service');
  return path.join(tmpdir(), `meetinity-user-service-${userInfo().uid}`);
}

function ownHome(): boolean {
  try {
    accessSync(homedir(), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function clusterId(): string {
  const id = randomBytes(16).toString('base64url');
  // Kafka's tool would take it for an option.
  return id.startsWith('-') ? clusterId() : id;
}
