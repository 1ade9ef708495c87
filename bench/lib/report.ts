import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Measured } from './load.js';
import type { Row } from './row.js';

const number = (value: number, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits) : '–');

function side(measured: Measured | undefined): string[] {
  if (!measured) return ['', '', '', ''];
  const { rate, p50, p99, cpuMicros } = measured;
  return [number(rate, 0), number(p50, 1), number(p99, 1), number(cpuMicros, 0)];
}

const MEASURED = ['requests/s', 'p50 ms', 'p99 ms', 'CPU µs'];
const HEAD = ['row', 'ratio', 'goal', 'met'].concat(MEASURED, 'reference: requests/s', MEASURED.slice(1), 'note');

export function toMarkdown(rows: Row[]): string {
  const lines = rows.map((row) => [
    row.name,
    number(row.ratio),
    row.goal,
    row.met ? 'yes' : '**no**',
    ...side(row.service),
    ...side(row.reference),
    row.note ?? '',
  ]);
  return [HEAD, HEAD.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Bars of service ÷ reference, with the goal as a line; no library, so that the file can be read and diffed. */
export function toSvg(rows: Row[]): string {
  const bars = rows.filter((row) => row.reference ?? row.ratios);
  const [left, width, height] = [330, 420, 34];
  const scale = (value: number) => left + Math.min(1.1, value) * (width / 1.1);
  const items = bars.map((row, index) => {
    const y = 30 + index * height;
    const goal = Number(/[\d.]+/.exec(row.goal)?.[0] ?? 0);
    return [
      `<text x="${left - 10}" y="${y + 16}" text-anchor="end">${row.name.replaceAll('&', '&amp;')}</text>`,
      `<rect x="${left}" y="${y}" width="${(scale(row.ratio) - left).toFixed(1)}" height="22" fill="${row.met ? '#2a7d4f' : '#b3541e'}"/>`,
      `<line x1="${scale(goal)}" y1="${y - 3}" x2="${scale(goal)}" y2="${y + 25}" stroke="#222" stroke-width="2"/>`,
      `<text x="${scale(row.ratio) + 6}" y="${y + 16}">${number(row.ratio)}</text>`,
    ].join('');
  });
  const total = 50 + bars.length * height;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="820" height="${total}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="18" font-weight="bold">Service ÷ bare reference (line: goal)</text>
${items.join('\n')}
</svg>
`;
}

export function writeReport(rows: Row[], seconds: number): void {
  mkdirSync('docs', { recursive: true });
  writeFileSync('docs/benchmarks.svg', toSvg(rows));
  writeFileSync(
    'docs/benchmarks.md',
    `# Benchmarks

Made by \`npm run bench\` on ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}, ${new Date().toISOString().slice(0, 10)}.
Servers, service, reference and load share the machine, so compare ratios, not rates. Each measurement took ${seconds} s, service and
reference in turn, three pairs after a warm-up; the table shows medians. The reference is \`bench/bare/server.ts\`: one Fastify handler a row
with the same reads and writes, and nothing else.

The row \`refused\` sends the worst requests of every route and kind and counts the processor time of the event loop that each takes:
at most 10 ms without a session and 25 ms with one. It also compares the p99 of \`GET /users/profile\` beside 30 such connections with
that of an idle service.

${toMarkdown(rows)}

![Ratios](benchmarks.svg)
`,
  );
}
