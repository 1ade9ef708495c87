import { Gauge } from 'prom-client';
import { PeriodicTask } from '../../common/concurrency/periodic-task.js';
import type { Logger } from '../../common/logging/logger.js';
import { registry } from '../../common/logging/metrics.js';
import type { Settings } from '../../config/settings.js';
import { AuditLeaves, LeaderSession } from './audit-leaves.js';
import { CheckpointSigner } from './checkpoint-signer.js';
import { TileTree } from './tile-tree.js';
import { openBucket, openFolder, WitnessStorage } from './witness-storage.js';

/** Milliseconds from one checkpoint to the next. */
const INTERVAL_MS = 1000;

/** When everything committed was last known to be signed, as `performance.now()` counts; null where another instance signs. */
let completeAt: number | null = null;

export const witnessLag = new Gauge({
  name: 'meetinity_user_audit_witness_lag_seconds',
  help: 'Time since all committed audit entries were signed, on the instance that signs; 0 on the others',
  aggregator: 'max',
  registers: [registry],
  collect() {
    this.set(completeAt === null ? 0 : (performance.now() - completeAt) / 1000);
  },
});

interface State {
  storage: WitnessStorage;
  leaves: AuditLeaves;
  tree: TileTree;
}

/**
 * Appends committed audit entries to a Merkle tree and signs its root, where the owner of the database cannot reach it: a
 * transparency log (C2SP tlog-tiles). One instance at a time, that which leads the relay.
 */
export class AuditWitness {
  private readonly signer: CheckpointSigner;
  private task: PeriodicTask | undefined;
  private state: State | undefined;
  private unpublished: string | undefined;

  /** @param publish puts a checkpoint where others read it; one that fails is tried again, or the next instead */
  constructor(
    private readonly settings: NonNullable<Settings['witness']>,
    private readonly logger: Logger,
    private readonly publish: (checkpoint: string) => Promise<void>,
  ) {
    this.signer = new CheckpointSigner(settings.name, settings.key);
  }

  start(session: LeaderSession): void {
    this.logger.info({ verifier_key: this.signer.verifierKey }, 'this instance signs the audit now');
    completeAt = performance.now();
    this.task = new PeriodicTask(INTERVAL_MS, this.logger, 'the audit could not be signed', () => this.sign(session));
    this.task.start();
  }

  async stop(): Promise<void> {
    await this.task?.stop();
    this.state = undefined;
    completeAt = null;
  }

  private async sign(session: LeaderSession): Promise<void> {
    if (this.task!.stopped) return;
    try {
      const begun = performance.now();
      this.state ??= await this.load(session);
      const isComplete = await this.append(this.state, begun + INTERVAL_MS);
      const { storage, tree } = this.state;
      const tiles = tree.takePartialTiles();
      await Promise.all(tiles.map(({ path, bytes }) => storage.write(path, bytes)));
      if (!session.isLeaseValid) throw new Error('another instance may sign the audit by now');
      if (tiles.length > 0) {
        this.unpublished = this.signer.sign(tree.size, tree.root());
        await storage.write('checkpoint', Buffer.from(this.unpublished));
      }
      if (isComplete) completeAt = begun;
    } catch (error) {
      // What is in memory may be ahead of what is stored.
      this.state = undefined;
      throw error;
    }
    if (!this.unpublished) return;
    await this.publish(this.unpublished);
    this.unpublished = undefined;
  }

  /** @returns false where the time was up before every entry had its leaf */
  private async append({ leaves, tree, storage }: State, end: number): Promise<boolean> {
    await leaves.settle();
    do {
      const { total, more } = await leaves.addBatch();
      if (total < tree.size) throw new Error(`the audit was rolled back: ${total} leaves, ${tree.size} were signed`);
      for (const { leaf_index, leaf } of await leaves.read(tree.size)) {
        if (Number(leaf_index) !== tree.size) throw new Error(`the audit has lost its entry with leaf ${tree.size}`);
        for (const { path, bytes } of tree.append(Buffer.from(leaf))) await storage.write(path, bytes);
      }
      if (!more && tree.size >= total) return true;
    } while (performance.now() < end && !this.task!.stopped);
    return false;
  }

  /** Goes on behind the stored checkpoint. */
  private async load(session: LeaderSession): Promise<State> {
    const { s3, folder } = this.settings;
    const storage = s3 ? await openBucket(s3) : openFolder(folder);
    const note = (await storage.read('checkpoint'))?.toString();
    const signed = Number(note?.split('\n')[1] ?? 0);
    const tree = await TileTree.load(signed, (path) => storage.read(path));
    if (note !== undefined && note !== this.signer.sign(signed, tree.root()))
      throw new Error('the stored checkpoint is not one of this key and these tiles');
    this.unpublished = note;
    return { storage, leaves: new AuditLeaves(session), tree };
  }
}
