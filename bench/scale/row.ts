import type { Client } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import type { BenchMember } from '../lib/members.js';
import type { Pair, Size } from './stage.js';

/** One size under measurement. */
export interface Site extends Pair {
  size: Size;
  /** For what has no address: the same code as in the service, on connections of its own. */
  database: DataSource;
  runner: QueryRunner;
  client: Client;
  admin: BenchMember;
}

/** Something that is done once and timed. */
export type Task = () => Promise<unknown>;

export interface ScaleRow {
  id: string;
  name: string;
  kind: 'keyed' | 'search' | 'list' | 'job';
  /** How many members a round uses up; each is used once. */
  members?: number;
  /** SQL for a transaction on `runner` that the tasks run in and that is rolled back: every round finds the same. */
  prepare?: string;
  /** What is timed in a round; what has to be done before it is done here, untimed. */
  tasks(site: Site, members: BenchMember[]): Task[] | Promise<Task[]>;
}
