import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const root = new URL('../../', import.meta.url);
const entry = new URL('lib/resource.ts', root).href;
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** Packages, and files of lib, that a process of its own has loaded when the script is through. */
async function loadedBy(script: string): Promise<{ packages: string[]; files: string[] }> {
  const recorded = `
    import { registerHooks } from 'node:module';
    const urls = [];
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
    const { mcpResource } = await import(${JSON.stringify(entry)});
    const least = { issuer: 'http://127.0.0.1:1', origin: 'http://127.0.0.1:2' };
    ${script}
    process.stdout.write(JSON.stringify(urls));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', recorded], {
    cwd: fileURLToPath(root),
  });
  const urls = (JSON.parse(stdout) as string[]).filter((url) => url.startsWith('file:'));
  const packages = urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []);
  return {
    packages: [...new Set(packages)],
    files: urls.filter((url) => !url.includes('/node_modules/')).map((url) => url.slice(root.href.length)),
  };
}

const verifyJwt = `
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = [encode({ alg: 'ES256', typ: 'at+jwt' }), encode({ iss: least.issuer }), 'AAAA'].join('.');
  await resource.verify(token, '/mcp').catch(({ code }) => {
    if (code !== 'temporarily_unavailable') throw new Error(code);
  });`;

describe('express-mcp-auth/resource', () => {
  it('loads no package at all', async () => {
    const { packages, files } = await loadedBy('');

    expect(packages).toEqual([]);
    expect(files).toContain('lib/resource.ts');
    expect(
      files.filter(
        (file) => !/^lib\/(?:[^/]+|protected-resource\/[^/]+|shared\/[^/]+|telemetry\/[^/]+)\.ts$/.test(file),
      ),
    ).toEqual([
      'lib/storage/storage.ts', // The port, for the error that a store's outage is.
    ]);
  });

  it('loads jose with the first JWT and nothing else: not oidc-provider, koa, openid-client or http-proxy-middleware', async () => {
    const declared = "const resource = mcpResource(least); resource.authenticate('/mcp');";

    expect((await loadedBy(declared)).packages).toEqual([]);
    expect((await loadedBy(declared + verifyJwt)).packages).toEqual(['jose']);
  });

  it('never loads jose for introspection', async () => {
    const { packages } = await loadedBy(`
      const introspection = { clientId: 'a', clientSecret: 'b' };
      const resource = mcpResource({ ...least, verification: 'introspection', introspection });
      resource.authenticate('/mcp');${verifyJwt}`);

    expect(packages).toEqual([]);
  });

  it('is an entry of the package', () => {
    expect(manifest.exports['./resource']).toEqual({
      types: './dist/lib/resource.d.ts',
      default: './dist/lib/resource.js',
    });
  });
});
