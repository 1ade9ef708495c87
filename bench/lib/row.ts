import type { Measured } from './load.js';
import { median } from './quantiles.js';
import type { Stage } from './stage.js';

export interface RunOptions {
  /** Length of one measurement, seconds. */
  seconds: number;
  /** Length of the memory row, minutes. */
  minutes: number;
}

/** One line of the table. */
export interface Row {
  name: string;
  goal: string;
  met: boolean;
  /** Service ÷ reference, the median of the pairs; or the row's own figure, see `note`. */
  ratio: number;
  ratios?: number[];
  service?: Measured;
  reference?: Measured;
  note?: string;
}

export interface RowDefinition {
  /** Name for `--row`. */
  id: string;
  run(stage: Stage, options: RunOptions): Promise<Row[]>;
}

/** A row whose figure is the median of ratios. @param minRatio the goal */
export function rowOfRatios(name: string, ratios: number[], minRatio: number, note?: string): Row {
  const ratio = median(ratios);
  return { name, goal: `≥ ${minRatio}`, met: ratio >= minRatio, ratio, ratios, note };
}
