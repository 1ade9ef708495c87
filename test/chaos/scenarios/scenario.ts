import type { Stage } from '../stage.js';

export interface ScenarioOptions {
  minutes: number;
  log: (line: string) => void;
}

export interface ScenarioResult {
  /** For standard output. */
  text: string;
  /** For `--json`. */
  data: Record<string, unknown>;
  failed: boolean;
}

export interface Scenario {
  /** Minutes of the disturbance, unless told otherwise. */
  minutes: number;
  run(stage: Stage, options: ScenarioOptions): Promise<ScenarioResult>;
}
