import { describe, expect, test } from '@jest/globals';
import { postgresStorage } from '../../adapters/storage/postgres.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';

describe('what the driver throws', () => {
  const failing = (error: unknown) => postgresStorage({ query: () => Promise.reject(error) });
  const withCode = (code: string) => Object.assign(new Error('INSERT INTO secrets VALUES (hunter2)'), { code });

  test.each([
    ...['08000', '08006', '08P01', '40003', '53100', '53200', '57P01', '57P03', '58030', 'XX000', 'XX002'],
    ...['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'CERT_HAS_EXPIRED', 'CONNECT_TIMEOUT'],
  ])('%s is an outage, told without statement and values', async (code) => {
    const error = await failing(withCode(code))
      .get('Token', 'a')
      .catch((error) => error);
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toBe(`PostgreSQL cannot answer (${code})`);
    expect(error.cause).toMatchObject({ code });
  });

  test('without a code is an outage, told without statement and values', async () => {
    const call = failing(new Error('Failed query: INSERT INTO secrets VALUES (hunter2)')).get('Token', 'a');
    await expect(call).rejects.toMatchObject({ message: 'PostgreSQL cannot answer (the connection failed)' });
  });

  test('42703, a column of a later release, asks for its migrations', async () => {
    await expect(failing(withCode('42703')).get('Token', 'a')).rejects.toThrow('tables of this release (42703)');
  });

  test.each(['22P02', '23502', '25P02', '42501', '42601', '54000', '0A000'])(
    '%s is a mistake and stays what it is',
    async (code) => {
      const error = withCode(code);
      await expect(failing(error).get('Token', 'a')).rejects.toBe(error);
    },
  );

  test('a TypeError is a mistake and stays what it is, thrown or rejected', async () => {
    const error = new TypeError('values.map is not a function');
    await expect(failing(error).get('Token', 'a')).rejects.toBe(error);
    const query = () => {
      throw error;
    };
    await expect(postgresStorage({ query }).get('Token', 'a')).rejects.toBe(error);
  });
});
