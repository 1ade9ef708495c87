import type { Socket } from 'node:net';
import { AppError } from '../../common/errors.js';

/** How often the pace is checked. */
const PACE_WINDOW_MS = 5000;
/** 32 KiB per second. */
const MIN_WINDOW_BYTES = (32 * 1024 * PACE_WINDOW_MS) / 1000;

/**
 * Waits for `reading` while the client keeps the pace: a slow connection must not block others (slowloris).
 * @throws AppError `request_timeout`
 */
export async function withMinPace<T>(socket: Socket, reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooSlow = new Promise<never>((_, reject) => {
    let seen = socket.bytesRead;
    timer = setInterval(() => {
      if (socket.bytesRead - seen < MIN_WINDOW_BYTES) reject(new AppError('request_timeout'));
      seen = socket.bytesRead;
    }, PACE_WINDOW_MS);
  });
  try {
    return await Promise.race([reading, tooSlow]);
  } finally {
    clearInterval(timer);
    // Errors after a refusal, such as the end of the connection, do not matter.
    reading.catch(() => undefined);
  }
}
