import type { Socket } from 'node:net';
import { AppError } from '../../common/errors.js';

/** How often the pace is looked at. */
const PACE_WINDOW_MS = 5000;
/** In each window: 32 KiB a second. */
const MIN_WINDOW_BYTES = (32 * 1024 * PACE_WINDOW_MS) / 1000;

/**
 * What `reading` gives, while the client keeps the pace: a connection that drips must not hold a place.
 * @throws AppError `request_timeout`
 */
export async function atPace<T>(socket: Socket, reading: Promise<T>): Promise<T> {
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
    // What comes after a refusal, the connection's end for one, is of no interest.
    reading.catch(() => undefined);
  }
}
