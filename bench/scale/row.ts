import type { Client } from 'pg';
import type { DataSource, QueryRunner } from 'typeorm';
import type { BenchMember } from '../lib/members.js';
import type { Pair, Size } from './stage.js';

/** One size under measurement. */
export interface Site extends Pair {
  size: Size;
  /** For work without a route: the service's code on separate connections. */
  database: DataSource;
  runner: QueryRunner;
  client: Client;
  admin: BenchMember;
}

/** A timed task. */
export type Task = () => Promise<unknown>;

export interface ScaleRow {
  id: string;
  name: string;
  kind: 'keyed' | 'search' | 'list' | 'job';
  /** Members that a round consumes. */
  members?: number;
  /** SQL that starts the transaction of the tasks, which is rolled back, so that every round finds the same data. */
  prepare?: string;
  /** Prepares a round, untimed, and returns its timed tasks. */
  tasks(site: Site, members: BenchMember[]): Task[] | Promise<Task[]>;
}
