/** Of a token or userinfo response; real ones have a few kilobytes. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** Statuses of 4xx for which a retry may help. */
const TRANSIENT = new Set([408, 425, 429]);

/** The provider answered with an error status or, as some do, with an `error` in a 200. */
export class ProviderRefusal extends Error {
  constructor(
    readonly status: number,
    code: string,
  ) {
    super(`status ${status} ${code}`.trim());
  }

  /** True if a retry would not help, because the code or the client was refused. */
  get final(): boolean {
    return (this.status < 300 || (this.status >= 400 && this.status < 500)) && !TRANSIENT.has(this.status);
  }
}

/**
 * Replaces the HTTP client of the `oauth` package, which has no timeout or size limit and throws on a `null` body.
 * @param deadline aborts the call, even while its response is arriving
 */
export function providerRequest(deadline: AbortSignal, fail: (cause: unknown) => void) {
  return async (
    method: string,
    url: string,
    headers: object | null,
    body: string,
    _token: unknown,
    answered: (error: null, body: string) => void,
  ): Promise<void> => {
    try {
      const response = await fetch(url, {
        method,
        headers: { accept: 'application/json', ...headers },
        body: body === '' ? undefined : body,
        // A redirect could send the access token or the client secret to another host.
        redirect: 'error',
        signal: deadline,
      });
      answered(null, await readBody(response));
    } catch (error) {
      fail(error);
    }
  };
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) throw new Error(`the response is longer than ${MAX_RESPONSE_BYTES} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (!response.ok || hasError(text)) throw new ProviderRefusal(response.status, errorCode(text));
  return text;
}

function hasError(text: string): boolean {
  try {
    return Boolean((JSON.parse(text) as { error?: unknown } | null)?.error);
  } catch {
    return false;
  }
}

/** The error code of RFC 6749 §5.2, which tells a wrong client secret from a used code. */
function errorCode(text: string): string {
  return /"error"\s*:\s*"(?<code>[a-z_]{1,40})"/.exec(text)?.groups?.code ?? '';
}
