import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const lib = fileURLToPath(new URL('../../lib/', import.meta.url));

/** A program that names each module of OpenTelemetry that is looked up, after the library was started. */
const program = (options: string) => `
  import { registerHooks } from 'node:module';
  const asked = [];
  registerHooks({ resolve(name, context, next) { if (name.includes('opentelemetry')) asked.push(name); return next(name, context); } });
  const { mcpOAuth, memoryStorage } = await import('${lib}index.ts');
  await import('${lib}resource.ts');
  const issuer = 'http://127.0.0.1:3000';
  const auth = mcpOAuth({ issuer, browserLogin: { url: issuer + '/oauth/dev-login' }, storage: memoryStorage(), secret: 'x'.repeat(32), ${options} });
  auth.authenticate('/mcp');
  auth.proxy('/other', { target: 'http://127.0.0.1:9/mcp' });
  await auth.ready();
  await auth.close();
  console.log(JSON.stringify({ asked, isGlobal: Object.getOwnPropertySymbols(globalThis).some((s) => String(s).includes('opentelemetry')) }));
`;

async function run(options: string): Promise<{ asked: string[]; isGlobal: boolean }> {
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', program(options)];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  return JSON.parse(stdout);
}

describe('OpenTelemetry', () => {
  it('is not even looked up where nobody asks for it', async () => {
    expect(await run('')).toEqual({ asked: [], isGlobal: false });
  });

  it('is loaded by its name where telemetry is on', async () => {
    const { asked } = await run('telemetry: true');
    expect(asked).toContain('@opentelemetry/api');
  });
});
