import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { AppError, errorBody, errorHeaders, type ErrorType } from '../errors.js';

interface ParserError extends Error {
  code?: string | undefined;
  /** The input that failed to parse. */
  rawPacket?: Buffer;
}

const PARSER_ERRORS: Record<string, ErrorType> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** A request line with any method token (RFC 9110, §9.1). */
const REQUEST_LINE = /^[!#$%&'*+.^`|~\w-]+ (\/\S*) HTTP\/1\.[01]\r\n/;

/** @param refusalOf the error for a URL with an unknown method */
function toAppError({ code = '', rawPacket }: ParserError, refusalOf: (url: string) => AppError): AppError {
  // Node refuses methods that it does not know, but they are not malformed requests.
  const [, url] = (code === 'HPE_INVALID_METHOD' && REQUEST_LINE.exec(rawPacket?.toString('latin1') ?? '')) || [];
  return url === undefined ? new AppError(PARSER_ERRORS[code] ?? 'bad_request') : refusalOf(url);
}

/** Answers requests that Node's HTTP parser refuses, and closes the connection. */
export function answerClientError(thrown: ParserError, socket: Socket, refusalOf: (url: string) => AppError): void {
  if (thrown.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const error = toAppError(thrown, refusalOf);
  const id = randomUUID();
  const body = JSON.stringify(errorBody(error, id));
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-Request-ID': id,
    ...errorHeaders(error),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${lines.join('')}\r\n${body}`);
}
