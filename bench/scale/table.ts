import { median, quantile } from '../lib/quantiles.js';
import type { Times } from './measure.js';
import type { ScaleRow } from './row.js';

/** Allowed slowdown of a keyed row compared with the smallest size. */
const MAX_KEYED_RATIO = 1.2;
/** Milliseconds that 95 of 100 searches may take, among so many users. */
const MAX_SEARCH_MS = 50;
const SEARCH_USERS = 1_000_000;

/** Times in milliseconds. */
export interface Figure {
  users: number;
  p50: number;
  p95: number;
  /** Median over the rounds of this size's median ÷ that of the smallest size in the same round. */
  ratio: number;
}

export interface Line {
  row: string;
  name: string;
  goal: string;
  met: boolean;
  figures: Figure[];
}

export function toLines(times: Times): Line[] {
  return [...times].map(([row, bySize]) => {
    const [smallest] = bySize.values();
    const figures = [...bySize].map(([{ users }, rounds]) => ({
      users,
      p50: quantile(rounds.flat(), 0.5),
      p95: quantile(rounds.flat(), 0.95),
      ratio: median(rounds.map((spent, round) => median(spent) / median(smallest![round]!))),
    }));
    return { row: row.id, name: row.name, ...judge(row, figures), figures };
  });
}

function judge({ kind }: ScaleRow, figures: Figure[]): { goal: string; met: boolean } {
  if (kind === 'keyed')
    return { goal: `≤ ${MAX_KEYED_RATIO} ×`, met: figures.every(({ ratio }) => ratio <= MAX_KEYED_RATIO) };
  if (kind !== 'search') return { goal: '–', met: true };
  const asked = figures.filter(({ users }) => users <= SEARCH_USERS);
  return { goal: `p95 ≤ ${MAX_SEARCH_MS} ms at a million`, met: asked.every(({ p95 }) => p95 <= MAX_SEARCH_MS) };
}

const digits = (value: number) => value.toFixed(value < 10 ? 2 : 1);

export function toTable(lines: Line[]): string {
  const sizes = lines[0]!.figures.map(({ users }) => users.toLocaleString('en'));
  const head = ['row', 'goal', 'met', ...sizes.map((size) => `${size}: p50 / p95 ms`)].concat(
    sizes.slice(1).map((size) => `${size} ÷ ${sizes[0]}`),
  );
  const body = lines.map(({ name, goal, met, figures }) => [
    name,
    goal,
    goal === '–' ? '–' : met ? 'yes' : '**no**',
    ...figures.map(({ p50, p95 }) => `${digits(p50)} / ${digits(p95)}`),
    ...figures.slice(1).map(({ ratio }) => ratio.toFixed(2)),
  ]);
  return [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
