/** Every TypeScript snippet of README and docs/ compiles as a reader's project would have it. Those of examples are parts of files that compile. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { root } from '../../scripts/documentation/declarations.ts';

/** Has its own test, with the same rule for each preset. */
const checkedElsewhere = ['docs/identity-providers.md'];

/** What snippets take for granted; those that declare a name themselves have their own. */
const ambient = `
import type { Express, RequestHandler } from 'express';
import * as gateway from 'express-mcp-auth';
import * as presets from 'express-mcp-auth/identity';
import * as jose from 'jose';
declare global {
  const app: Express;
  const auth: gateway.McpOAuth;
  const options: gateway.McpOAuthOptions;
  const mcpHandler: RequestHandler;
  const mcpOAuth: typeof gateway.mcpOAuth;
  const userOAuth: typeof gateway.userOAuth;
  const idJag: typeof gateway.idJag;
  const okta: typeof presets.okta;
  const entra: typeof presets.entra;
  const createRemoteJWKSet: typeof jose.createRemoteJWKSet;
  const jwtVerify: typeof jose.jwtVerify;
  const upstream: gateway.UpstreamCredential;
  const clientId: string, clientSecret: string, privateKeyPem: string, header: string;
  const tenantId: string, partnerId: string, partnerSecret: string;
  const publicKey: { kty: string };
  const toolsOf: (iss: string, sub: string) => Promise<string[]>;
  const isEmployee: (sub: string) => Promise<boolean>;
  const req: gateway.AuthenticatedRequest;
  const myPage: (model: object) => ReturnType<typeof import('express-mcp-auth/pages').pageDocument>;
  const myStorage: (options: { readonly now: () => number }) => gateway.Storage;
}
`;

interface Snippet {
  readonly name: string;
  readonly code: string;
}

/** Options alone, as they stand between others. */
const isOptions = (code: string) => /^(?:\/\/.*\n)*\w+: /.test(code);

function asModule(code: string): string {
  if (!isOptions(code)) return `${code}\nexport {};\n`;
  const type = "Partial<import('express-mcp-auth').McpOAuthOptions> | Partial<import('express-mcp-auth').ProxyOptions>";
  return `export const some: ${type} = {\n${code.trimEnd().replace(/,?$/, ',')}\n};\n`;
}

async function snippets(): Promise<Snippet[]> {
  const docs = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
  const files = ['README.md', ...docs].filter((path) => !checkedElsewhere.includes(path));
  const found = await Promise.all(
    files.map(async (path) => {
      const text = await readFile(join(root, path), 'utf8');
      const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
      return blocks.map((code, index) => ({ name: `${path.replaceAll(/\W/g, '-')}-${index + 1}.ts`, code }));
    }),
  );
  return found.flat();
}

/** By the names that a reader imports. */
async function entries(): Promise<Record<string, string[]>> {
  const { name, exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  return Object.fromEntries(
    Object.entries<{ types?: string }>(exports).flatMap(([entry, { types }]) =>
      types ? [[entry.replace('.', name), [join(root, types.replace('./dist/', '').replace(/\.d\.ts$/, '.ts'))]]] : [],
    ),
  );
}

it('every snippet of README and docs/ compiles', async () => {
  const all = await snippets();
  expect(all.length).toBeGreaterThan(25);
  const folder = await mkdtemp(join(tmpdir(), 'snippets-'));
  try {
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
    for (const { name, code } of all) await writeFile(join(folder, name), asModule(code));
    await writeFile(join(folder, 'ambient.ts'), ambient);
    const compilerOptions = {
      paths: await entries(),
      exactOptionalPropertyTypes: false,
      noUnusedLocals: false, // What a snippet makes, its reader uses.
    };
    const project = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.ts'], exclude: [] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(project));
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = await promisify(execFile)(process.execPath, [compiler, '-p', folder]).catch((error) => error);
    expect(stdout).toBe('');
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);
