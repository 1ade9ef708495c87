const ISO_8601 = /^(?<day>\d{4}-\d{2}-\d{2})(?<time>T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?(?<zone>Z|[+-]\d{2}:\d{2})?$/;

/** Parses an ISO 8601 date or date-time, UTC unless it has an offset; undefined if it is not valid. */
export function parseIso8601(text: string): Date | undefined {
  const { day, time = 'T00:00', zone = 'Z' } = ISO_8601.exec(text)?.groups ?? {};
  if (day === undefined) return undefined;
  // JavaScript reads 30 February as 2 March.
  const midnight = new Date(`${day}T00:00Z`);
  if (Number.isNaN(+midnight) || midnight.toISOString().slice(0, 10) !== day) return undefined;
  const instant = new Date(`${day}${time}${zone}`);
  return Number.isNaN(+instant) ? undefined : instant;
}
