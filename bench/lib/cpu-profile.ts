import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface CallFrame {
  functionName: string;
  url: string;
  lineNumber: number;
}

/** Output of V8's sampling profiler (Chrome DevTools Protocol, `Profiler.Profile`). Times in microseconds. */
interface Profile {
  nodes: { id: number; callFrame: CallFrame; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

/** Microseconds per request. */
export type Costs = Map<string, number>;

/** Frames below these belong to the start, not to a request. */
const LOADER = /node:internal\/(modules|main|process\/esm)/;

const functionOf = ({ functionName, url, lineNumber }: CallFrame) =>
  `${functionName || '(anonymous)'} ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`;

function packageOf({ functionName, url }: CallFrame): string {
  const [, dependency] = url.split(/.*node_modules\//);
  if (dependency) return /^(@[^/]+\/)?[^/]+/.exec(dependency)![0];
  return url.startsWith('file:') ? 'own code' : url || functionName || '(anonymous)';
}

/** Self time of each function. */
function selfTimes({ nodes, samples, timeDeltas }: Profile): [CallFrame, number][] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const ofStart = new Set<number>();
  // Parents come before their children.
  for (const { id, callFrame, children = [] } of nodes)
    if (ofStart.has(id) || LOADER.test(callFrame.url)) for (const child of children) ofStart.add(child);
  const times = new Map<number, number>();
  samples.forEach((id, index) => times.set(id, (times.get(id) ?? 0) + timeDeltas[index]!));
  return [...times]
    .filter(([id]) => !ofStart.has(id) && byId.get(id)!.callFrame.functionName !== '(idle)')
    .map(([id, time]) => [byId.get(id)!.callFrame, time]);
}

/**
 * Reads the profile of a process's main thread.
 * @param cpuMicros CPU time per request by the kernel's count, which the profile distributes
 */
export function readCosts(folder: string, cpuMicros: number): { functions: Costs; packages: Costs } {
  const file = readdirSync(folder).find((name) => /\.0\.\d+\.cpuprofile$/.test(name))!;
  const times = selfTimes(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile);
  const total = times.reduce((sum, [, time]) => sum + time, 0);
  const [functions, packages]: Costs[] = [new Map(), new Map()];
  for (const [frame, time] of times) {
    const cost = (time / total) * cpuMicros;
    for (const [costs, key] of [
      [functions!, functionOf(frame)],
      [packages!, packageOf(frame)],
    ] as const)
      costs.set(key, (costs.get(key) ?? 0) + cost);
  }
  return { functions: functions!, packages: packages! };
}
