import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../', import.meta.url));

function readManifest(path: string): { readonly version?: string; readonly dependencies?: Record<string, string> } {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function installedVersion(name: string): string | undefined {
  try {
    return readManifest(`${folder}node_modules/${name}/package.json`).version;
  } catch {
    return undefined;
  }
}

/** Peers of `bench/package.json` with their pinned versions. */
export function peers(): Readonly<Record<string, string>> {
  return readManifest(`${folder}package.json`).dependencies ?? {};
}

/** Installs the peers where one is missing or has another version than the pinned one. */
export function installPeers(say: (line: string) => void): void {
  const missing = Object.entries(peers()).filter(([name, version]) => installedVersion(name) !== version);
  if (missing.length === 0) return;
  say(`installing ${missing.map((pair) => pair.join('@')).join(', ')} into bench/node_modules`);
  const flags = ['--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts'];
  const { status } = spawnSync('npm', ['install', ...flags], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('npm could not install the peers of bench/package.json');
}

/** A peer's module. Not typed by the package: it is not installed where only the types are checked. */
export async function importPeer<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module;
}
