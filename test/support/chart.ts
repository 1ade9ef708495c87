import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';

interface Variable {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef: { name: string; key: string; optional?: boolean } };
}

interface Container {
  command?: string[];
  env: Variable[];
  ports?: { name: string; containerPort: number }[];
  securityContext: Record<string, unknown>;
  volumeMounts?: { mountPath: string }[];
  startupProbe: { httpGet: { path: string; port: string } };
  livenessProbe: Container['startupProbe'];
  readinessProbe: Container['startupProbe'];
}

export interface Manifest {
  kind: string;
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  // The fields differ by kind.
  spec: any;
}

interface PodSpec {
  securityContext: { runAsUser: number; runAsGroup: number; runAsNonRoot: boolean };
  containers: [Container];
}

const root = path.resolve(import.meta.dirname, '../..');

/** What the chart renders for `default` or `meetinity`; `deploy/check/chart.sh` keeps the copies fresh. */
export function renderedChart(name: string): Manifest[] {
  const text = readFileSync(path.join(root, `deploy/helm/rendered/${name}.yaml`), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

export const podOf = (manifests: Manifest[], kind: 'Deployment' | 'Job') =>
  manifests.find((manifest) => manifest.kind === kind)!.spec.template.spec as PodSpec;

/** As Kubernetes resolves it. @throws Error where a Secret lacks a key that is not optional */
export function resolveEnvironment({ env }: Container, secrets: Record<string, string>): Record<string, string> {
  const resolved: Record<string, string> = {};
  for (const { name, value, valueFrom } of env) {
    const reference = valueFrom?.secretKeyRef;
    const found = reference ? secrets[`${reference.name}/${reference.key}`] : value;
    if (found !== undefined) resolved[name] = found;
    else if (!reference?.optional) throw new Error(`${name}: no ${reference?.name}/${reference?.key}`);
  }
  return resolved;
}

/** Variables and start command of the image. */
export function readDockerfile(): { env: Record<string, string>; user: string; command: string[] } {
  const text = readFileSync(path.join(root, 'Dockerfile'), 'utf8');
  const last = text.slice(text.lastIndexOf('\nFROM '));
  const pairs = [...last.matchAll(/^ENV (.*)$/gm)]
    .flatMap(([, line]) => [...line!.matchAll(/(\w+)=(?:"(.*?)"|(\S+))/g)])
    .map(([, name, quoted, plain]) => [name!, quoted ?? plain!] as const)
    // An argument of the build has a value there only.
    .filter(([, value]) => !value.includes('${'));
  return {
    env: Object.fromEntries(pairs),
    user: /^USER (\S+)$/m.exec(last)![1]!,
    command: JSON.parse(/^CMD (\[.*\])$/m.exec(last)![1]!) as string[],
  };
}
