import type { TestApp } from './app.js';

/**
 * Makes PostgreSQL refuse a statement with the message `no`.
 * @param on `DELETE ON users`
 * @param condition which rows it refuses, by default all
 * @returns stops refusing
 */
export async function refuseRows(service: TestApp, on: string, condition = 'true'): Promise<() => Promise<unknown>> {
  await service.sql(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'`);
  await service.sql(`CREATE TRIGGER refuse BEFORE ${on} FOR EACH ROW WHEN (${condition}) EXECUTE FUNCTION refuse()`);
  return () => service.sql('DROP FUNCTION refuse CASCADE');
}
