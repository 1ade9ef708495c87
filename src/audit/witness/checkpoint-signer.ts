import { createHash, createPrivateKey, createPublicKey, KeyObject, sign } from 'node:crypto';

/** DER before the 32 bytes of a private Ed25519 key (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Signs checkpoints (C2SP tlog-checkpoint) as signed notes. One checkpoint has one signature: Ed25519 draws no numbers. */
export class CheckpointSigner {
  /** Public, in the form that verifiers of signed notes take. */
  readonly verifierKey: string;
  private readonly key: KeyObject;
  private readonly id: Buffer;

  /** @param seed 32 bytes */
  constructor(
    private readonly name: string,
    seed: Buffer,
  ) {
    this.key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
    const raw = createPublicKey(this.key).export({ format: 'der', type: 'spki' }).subarray(-32);
    const typed = Buffer.concat([Buffer.of(1), raw]);
    this.id = createHash('sha256').update(`${name}\n`).update(typed).digest().subarray(0, 4);
    this.verifierKey = `${name}+${this.id.toString('hex')}+${typed.toString('base64')}`;
  }

  sign(size: number, root: Buffer): string {
    const text = `${this.name}\n${size}\n${root.toString('base64')}\n`;
    const signature = Buffer.concat([this.id, sign(null, Buffer.from(text), this.key)]);
    return `${text}\n— ${this.name} ${signature.toString('base64')}\n`;
  }
}
