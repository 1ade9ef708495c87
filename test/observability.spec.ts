import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { ERRORS } from '../src/common/errors.js';
import { registry } from '../src/common/logging/metrics.js';
import { TestApp } from './support/app.js';
import { describeWith, workerRedisUrl } from './support/environment.js';

const read = (name: string) => readFileSync(path.resolve(import.meta.dirname, '..', name), 'utf8');

interface Rule {
  alert: string;
  expr: string;
}
const { rules } = (parse(read('deploy/alerts/meetinity-user-service.yaml')) as { groups: [{ rules: Rule[] }] })
  .groups[0];
const { tests } = parse(read('deploy/alerts/tests.yaml')) as {
  tests: { alert_rule_test: [{ alertname: string; exp_alerts: unknown[] }] }[];
};

interface Dashboard {
  uid: string;
  title: string;
  panels: { title: string; targets: { expr: string }[] }[];
}
const dashboards = readdirSync('deploy/dashboards')
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name, ...(JSON.parse(read(`deploy/dashboards/${name}`)) as Dashboard) }));

const expressions = [
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
  ...dashboards.flatMap(({ name, panels }) =>
    panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [`${name}: ${title}`, expr] as const)),
  ),
];

/** Name and labels of each selector, such as `meetinity_user_info{version="1"}`. */
const selectors = (expr: string) =>
  [...expr.matchAll(/\b(meetinity_user_\w+|user_profile_sync_total)(\{[^}]*\})?/g)].map(([, name, labels = '']) => ({
    name: name!.replace(/_(bucket|count|sum)$/, ''),
    matchers: [...labels.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label, , value]) => ({
      label: label!,
      value: value!,
    })),
  }));

/** Labels that Prometheus and histograms add. */
const ADDED_LABELS = ['instance', 'le'];

describeWith('redis', 'what dashboards and alerts read', () => {
  let service: TestApp;
  let metrics: string;

  beforeAll(async () => {
    const nowhere = '127.0.0.1:1';
    service = await TestApp.start({
      REDIS_URL: await workerRedisUrl(),
      KAFKA_BOOTSTRAP_SERVERS: nowhere,
      SMTP_URL: `smtp://${nowhere}`,
    });
    ({ text: metrics } = await service.get('/metrics'));
  });
  afterAll(() => service.stopAndDrop());

  it.each(expressions)('exists: metrics, labels and values of %s', (_, expr) => {
    const found = selectors(expr);
    expect(found).not.toEqual([]);
    for (const { name, matchers } of found) {
      expect(metrics).toContain(`\n# TYPE ${name} `);
      const { labelNames } = registry.getSingleMetric(name) as unknown as { labelNames: string[] };
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/, */));
      const used = [...matchers.map(({ label }) => label), ...grouped];
      expect([...labelNames, ...ADDED_LABELS]).toEqual(expect.arrayContaining(used));
      const valuesOf = (label: string) =>
        matchers.filter((matcher) => matcher.label === label).map(({ value }) => value);
      expect(valuesOf('dependency').filter((value) => !metrics.includes(`{dependency="${value}"}`))).toEqual([]);
      const results = name.endsWith('auth_results_total') ? valuesOf('result') : [];
      expect(['ok', ...Object.keys(ERRORS)]).toEqual(expect.arrayContaining(results));
    }
  });
});

it('has a test in which each alert fires, and one in which it stays quiet', () => {
  const tested = (fires: boolean) =>
    tests
      .map((test) => test.alert_rule_test[0])
      .filter(({ exp_alerts }) => exp_alerts.length > 0 === fires)
      .map(({ alertname }) => alertname)
      .filter((name, n, names) => names.indexOf(name) === n);
  const names = rules.map(({ alert }) => alert);
  expect(tested(true)).toEqual(names);
  expect(tested(false)).toEqual(names);
});

it('has a paragraph with steps on each alert, and no other', () => {
  const [, chapter = ''] = read('docs/operations.md').split('\n## Alerts\n');
  const headings = [...chapter.split('\n## ')[0]!.matchAll(/^### (\w+)$/gm)].map(([, name]) => name!);
  expect(headings.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
});

it('has a picture of each dashboard, shown in the documents', () => {
  const shown = read('docs/operations.md');
  for (const { name, uid } of dashboards) {
    const picture = `pictures/${name.replace('.json', '.png')}`;
    expect(uid).toMatch(/^meetinity-user-/);
    expect(shown).toContain(`](${picture})`);
    expect(readdirSync('docs/pictures')).toContain(path.basename(picture));
  }
});
