import type { IncomingHttpHeaders } from 'node:http';
import type { Answer } from './misbehaviour.ts';

/** A request as it arrived. */
export interface RecordedRequest {
  readonly method: string;
  /** Origin and path, as the provider's documents spell them. */
  readonly url: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The query as it came over the wire. */
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** `body` read as a form. */
  readonly form: URLSearchParams;
}

export function jsonAnswer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  };
}

export function pageAnswer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', ...headers },
    body: `<!DOCTYPE html><html lang="en"><head><title>Test identity provider</title></head><body>${body}</body></html>`,
  };
}

export function redirectAnswer(
  target: string,
  parameters: Readonly<Record<string, string | undefined>>,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const url = new URL(target);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  return { status: 303, headers: { location: url.href, 'cache-control': 'no-store', ...headers }, body: '' };
}

export function escapeHtml(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
