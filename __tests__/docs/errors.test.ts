import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  ConfigurationError,
  McpOAuthError,
  OAuthError,
  type OAuthErrorCode,
  StorageUnavailableError,
} from '../../lib/index.ts';

/** Every code of the type: a code that is missing here, or is none, does not compile. */
const wireCodes = Object.keys({
  access_denied: true,
  insufficient_scope: true,
  invalid_client_metadata: true,
  invalid_grant: true,
  invalid_redirect_uri: true,
  invalid_request: true,
  invalid_scope: true,
  invalid_target: true,
  invalid_token: true,
  server_error: true,
  temporarily_unavailable: true,
  unauthorized_client: true,
} satisfies Record<OAuthErrorCode, true>);

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** The cells of each row of the table under a heading, without its head. */
function rowsUnder(heading: string): string[][] {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const codesUnder = (heading: string) => rowsUnder(heading).map(([code]) => code);

describe('docs/errors.md', () => {
  test('has one row for each code that this library puts on the wire, in alphabetical order', () => {
    expect(codesUnder('On the wire')).toEqual(wireCodes.map((code) => `\`${code}\``).sort());
  });

  test('has one row for each error that this library throws, with its class', () => {
    const thrown = [new ConfigurationError('s', []), new StorageUnavailableError('m')];
    expect(rowsUnder('Thrown by the library').map(([code, name]) => [code, name])).toEqual(
      thrown.map((error) => [`\`${error.code}\``, `\`${error.name}\``]),
    );
  });

  test('says in each row when it happens and what helps', () => {
    const rows = [...rowsUnder('Thrown by the library'), ...rowsUnder('On the wire')];
    expect(rows).toHaveLength(wireCodes.length + 2);
    expect(rows.filter((cells) => cells.length !== 4 || cells.some((cell) => cell === ''))).toEqual([]);
  });
});

describe('errors', () => {
  test('are of one family, each with name, code and cause', () => {
    const cause = new Error('why');
    const errors = [
      new ConfigurationError('mcpOAuth(options)', [{ option: 'a', message: 'b' }], { cause }),
      new OAuthError('invalid_token', 401, 'the token is not valid', { cause }),
    ];
    for (const error of errors) {
      expect(error).toBeInstanceOf(McpOAuthError);
      expect(error).toMatchObject({ name: error.constructor.name, cause });
    }
    expect(errors.map(({ code }) => code)).toEqual(['configuration', 'invalid_token']);
  });

  test('of a peer are the body of the answer as JSON: the code and the public words alone (RFC 6749 section 5.2)', () => {
    const error = new OAuthError('invalid_target', 400, 'resource is not served here', { cause: new Error('secret') });
    expect(JSON.stringify(error)).toBe('{"error":"invalid_target","error_description":"resource is not served here"}');
  });
});
