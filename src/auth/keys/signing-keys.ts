import { createPrivateKey, createPublicKey, KeyObject, sign, verify } from 'node:crypto';
import { Inject, Injectable, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { PeriodicTask } from '../../common/concurrency/periodic-task.js';
import { tryEach } from '../../common/concurrency/try-each.js';
import type { Logger } from '../../common/logging/logger.js';
import { LOGGER } from '../../common/logging/logger.module.js';
import { Settings } from '../../config/settings.js';
import { FieldCipher } from '../../crypto/field-cipher.js';
import { PublicJwk, toPublicJwk } from '../../crypto/jwk.js';
import { NotificationListener } from '../../database/notification-listener.js';
import { PRIVATE_KEY_FIELD, seedSigningKeys, SIGNING_KEYS_CHANNEL } from './key-rotation.js';

/** Between two looks at the table, should a notification be lost. */
const RELOAD_INTERVAL_MS = 30_000;
/** JWS signatures are the two numbers side by side (RFC 7518 §3.4), not DER. */
const dsaEncoding = 'ieee-p1363' as const;

interface LoadedKey {
  privateKey: KeyObject;
  publicKey: KeyObject;
  jwk: PublicJwk;
  /** Milliseconds of this process's clock. */
  signsFrom: number;
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** The keys of ES256 as the table holds them. They verify under JWT_ALGORITHM=HS256 too, so that instances of both settings fit together. */
@Injectable()
export class SigningKeys implements OnModuleInit, OnApplicationShutdown {
  /** By `kid`, the one that signs last at the end. */
  private keys = new Map<string, LoadedKey>();
  private readonly task: PeriodicTask;

  constructor(
    private readonly database: DataSource,
    private readonly cipher: FieldCipher,
    private readonly settings: Settings,
    listener: NotificationListener,
    @Inject(LOGGER) logger: Logger,
  ) {
    this.task = new PeriodicTask(RELOAD_INTERVAL_MS, logger, 'reading the signing keys failed', () => this.load());
    const reload = () => void this.task.runNow();
    listener.on(SIGNING_KEYS_CHANNEL, reload);
    listener.onConnect(reload);
  }

  async onModuleInit(): Promise<void> {
    const { algorithm, privateKeys, accessSeconds } = this.settings.jwt;
    if (algorithm === 'ES256' || privateKeys.length > 0) {
      await seedSigningKeys(this.database, this.cipher, privateKeys, accessSeconds);
      await this.load();
    } else await this.task.runNow();
    this.task.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.task.stop();
  }

  has(kid: string): boolean {
    return this.keys.has(kid);
  }

  /** The JWK Set that other services verify with; it names the next key before that signs. */
  publicKeys(): PublicJwk[] {
    return [...this.keys.values()].map(({ jwk }) => jwk);
  }

  /** @returns a JWT (RFC 7519) */
  sign(claims: object): string {
    const keys = [...this.keys.values()];
    const { privateKey, jwk } = keys.findLast(({ signsFrom }) => signsFrom <= Date.now()) ?? keys[0]!;
    const text = `${encode({ alg: 'ES256', typ: 'JWT', kid: jwk.kid })}.${encode(claims)}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding }).toString('base64url')}`;
  }

  /** Whether the key of that id, among those in use, has signed the token. */
  isSignedBy(kid: unknown, token: string): boolean {
    const key = this.keys.get(String(kid));
    if (!key) return false;
    const end = token.lastIndexOf('.');
    const signature = Buffer.from(token.slice(end + 1), 'base64url');
    return verify('sha256', Buffer.from(token.slice(0, end)), { key: key.publicKey, dsaEncoding }, signature);
  }

  private async load(): Promise<void> {
    const rows = await this.database.query<{ kid: string; private_key: string; wait_ms: number }[]>(
      `SELECT kid, private_key, (extract(epoch FROM signs_from - now()) * 1000)::float8 AS wait_ms FROM signing_keys
        WHERE retires_at IS NULL OR retires_at > now() ORDER BY signs_from, kid`,
    );
    const now = Date.now();
    const keys = new Map<string, LoadedKey>();
    try {
      await tryEach(rows, async ({ kid, private_key: stored, wait_ms: waitMs }) => {
        const known = this.keys.get(kid) ?? this.open(kid, stored);
        keys.set(kid, { ...known, signsFrom: now + waitMs });
      });
    } finally {
      // Also where a row cannot be decrypted: a compromised key that was deleted must not stay in use.
      this.keys = keys;
    }
  }

  private open(kid: string, stored: string) {
    const privateKey = createPrivateKey(this.cipher.decrypt(kid, PRIVATE_KEY_FIELD, stored));
    return { privateKey, publicKey: createPublicKey(privateKey), jwk: toPublicJwk(privateKey) };
  }
}
