/** Bytes of a token or userinfo answer; real ones have a few kilobytes. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** Statuses of 4xx that say "later", not "no". */
const TRANSIENT = new Set([408, 425, 429]);

/** The provider answered, and not with success: by the status or, as some do, by an `error` in a 200. */
export class ProviderRefusal extends Error {
  constructor(
    readonly status: number,
    code: string,
  ) {
    super(`status ${status} ${code}`.trim());
  }

  /** True where asking again would not help: the code or the client was refused. */
  get final(): boolean {
    return (this.status < 300 || (this.status >= 400 && this.status < 500)) && !TRANSIENT.has(this.status);
  }
}

/**
 * The HTTP calls of the `oauth` package, which knows neither a time-out nor a limit and dies of an answer that is `null`.
 * @param deadline ends every call, also one whose answer drips
 * @param fail told of a call that fails, and of an answer that the package cannot stand
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
        // Followed, it could carry the access token or the client secret somewhere else.
        redirect: 'error',
        signal: deadline,
      });
      answered(null, await readAnswer(response));
    } catch (error) {
      fail(error);
    }
  };
}

async function readAnswer(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) throw new Error(`the answer is longer than ${MAX_RESPONSE_BYTES} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (!response.ok || namesError(text)) throw new ProviderRefusal(response.status, errorCode(text));
  return text;
}

function namesError(text: string): boolean {
  try {
    return Boolean((JSON.parse(text) as { error?: unknown } | null)?.error);
  } catch {
    return false;
  }
}

/** The error word of RFC 6749, §5.2: it tells an operator a wrong client secret from a spent code. */
function errorCode(text: string): string {
  return /"error"\s*:\s*"(?<code>[a-z_]{1,40})"/.exec(text)?.groups?.code ?? '';
}
