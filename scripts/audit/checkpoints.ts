import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** DER before the 32 bytes of a public Ed25519 key (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const NOTE = /(.+\n(\d{1,15})\n([\w+/]{43}=)\n)\n((?:— .+\n)+)\n*/g;

export interface Checkpoint {
  size: number;
  root: Buffer;
}

/**
 * The checkpoints of a folder (its file `checkpoint`) or of a file with any number of signed notes, one after the other.
 * @throws Error for a checkpoint that the key has not signed, and for what is none
 */
export function readCheckpoints(where: string, verifierKey: string): Checkpoint[] {
  const file = statSync(where).isDirectory() ? path.join(where, 'checkpoint') : where;
  return openCheckpoints(readFileSync(file, 'utf8'), verifierKey);
}

function openCheckpoints(notes: string, verifierKey: string): Checkpoint[] {
  const [, name = '', id, encoded = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(verifierKey) ?? [];
  const typed = Buffer.from(encoded, 'base64');
  const expected = createHash('sha256').update(`${name}\n`).update(typed).digest('hex').slice(0, 8);
  if (typed.length !== 33 || typed[0] !== 1 || id !== expected)
    throw new Error('the key must be name+id+key, as the log of the instance that signs shows it');
  const key = createPublicKey({ key: Buffer.concat([SPKI, typed.subarray(1)]), format: 'der', type: 'spki' });
  const isSigned = (text: string, line: string) => {
    const [, signer, blob = ''] = /^— (\S+) (\S+)$/.exec(line) ?? [];
    const signature = Buffer.from(blob, 'base64');
    if (signer !== name || signature.toString('hex', 0, 4) !== id) return false;
    return verify(null, Buffer.from(text), key, signature.subarray(4));
  };
  const checkpoints: Checkpoint[] = [];
  const rest = notes.replaceAll(NOTE, (_, text: string, size: string, root: string, lines: string) => {
    if (!text.startsWith(`${name}\n`) || !lines.split('\n').some((line) => isSigned(text, line)))
      throw new Error(`a checkpoint of size ${size} is not signed by ${name}`);
    checkpoints.push({ size: Number(size), root: Buffer.from(root, 'base64') });
    return '';
  });
  if (rest.trim() !== '' || checkpoints.length === 0) throw new Error('the file is no list of checkpoints');
  return checkpoints;
}
