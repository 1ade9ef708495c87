import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { install, onPath } from '../../scripts/services/tools.js';
import { EVERY_CORE } from './pin.js';
import { cpuSeconds, Target } from './process.js';

/** Sends prepared requests in turn and prints the results at the end. */
const SCRIPT = `
local requests, place = {}, 0
function init()
  for token in io.lines(os.getenv('BENCH_TOKENS')) do
    requests[#requests + 1] = wrk.format('GET', nil, { authorization = 'Bearer ' .. token })
  end
end
function request()
  place = place % #requests + 1
  return requests[place]
end
function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  io.write(string.format('\\nRESULT %d %d %d\\n', summary.requests, summary.duration, failed))
end
`;

interface WrkResult {
  requests: number;
  seconds: number;
  /** Processor time of wrk itself, seconds. */
  cpu: number;
}

/** wrk needs half of autocannon's CPU time per request, which matters if load and servers share processors. */
export async function requireWrk(log: (line: string) => void): Promise<void> {
  if (!onPath('wrk')) await install({ apt: ['wrk'], apk: ['wrk'], dnf: ['wrk'] }, log);
  if (!onPath('wrk')) throw new Error('this row needs wrk on the PATH (https://github.com/wg/wrk)');
}

/** Repeats GETs of the path with the tokens in turn; fails for a status other than 2xx or 3xx. */
export async function wrk(
  target: Target,
  path: string,
  tokens: string[],
  seconds: number,
  connections: number,
  cores = EVERY_CORE,
): Promise<WrkResult> {
  const folder = mkdtempSync(join(tmpdir(), 'meetinity-wrk-'));
  const [script, list] = [join(folder, 'script.lua'), join(folder, 'tokens')];
  writeFileSync(script, SCRIPT);
  writeFileSync(list, tokens.join('\n'));
  const flags = `--cpu-list ${cores} wrk -t1 -c${connections} -d${seconds}s --timeout 10s -s`.split(' ');
  const child = spawn('taskset', [...flags, script, target.url + path], {
    env: { PATH: process.env.PATH, BENCH_TOKENS: list },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let cpu = 0;
  const watch = setInterval(() => (cpu = Math.max(cpu, cpuSeconds(child.pid!) || 0)), 50);
  const [output, complaints] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  clearInterval(watch);
  rmSync(folder, { recursive: true });
  const [requests, micros, failed] = (/RESULT (\d+) (\d+) (\d+)/.exec(output)?.slice(1) ?? []).map(Number);
  if (!requests || failed !== 0) throw new Error(`${target.name} ${path}: ${failed} failed; ${output}${complaints}`);
  return { requests, seconds: micros! / 1e6, cpu };
}
