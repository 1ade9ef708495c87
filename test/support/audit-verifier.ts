import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const SOURCE = path.resolve(import.meta.dirname ?? __dirname, '../audit-verifier');
const CACHE = path.resolve(SOURCE, '../../node_modules/.cache');

/** Null if the independent verifier can be built, else the reason; the first call downloads two Go modules. */
export function auditVerifierMissing(): string | null {
  const program = programPath();
  if (existsSync(program)) return null;
  mkdirSync(CACHE, { recursive: true });
  const aside = `${program}.${process.pid}`;
  const { status, error, stderr } = spawnSync('go', ['build', '-o', aside, '.'], { cwd: SOURCE, encoding: 'utf8' });
  if (status === 0) {
    renameSync(aside, program);
    return null;
  }
  const reason = `no audit verifier: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
  if (process.env.CI === 'true') throw new Error(reason);
  return reason;
}

/** Named after the modification time of its source, so that a change is built. */
const programPath = () => path.join(CACHE, `audit-verifier-${Math.floor(statSync(`${SOURCE}/main.go`).mtimeMs)}`);

export interface VerifierResult {
  code: number;
  stdout: string;
}

export async function runAuditVerifier(args: string[]): Promise<VerifierResult> {
  try {
    const { stdout } = await promisify(execFile)(programPath(), args);
    return { code: 0, stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout: stdout + stderr };
  }
}
