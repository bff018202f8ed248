import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const binary = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));

/** The URL of a module of the project, as source text. */
export const moduleUrl = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);

export interface Workplace {
  readonly folder: string;
  /** Starts the program there as a person does. */
  command(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Writes a config file. @returns its path */
  config(name: string, text: string): Promise<string>;
  remove(): Promise<void>;
}

/** An empty folder with the program at hand. */
export async function openWorkplace(): Promise<Workplace> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-oauth-cli-'));
  return {
    folder,
    command(...args) {
      const nodeArgs = ['--disable-warning=ExperimentalWarning', binary, ...args];
      return new Promise((resolve) => {
        execFile(process.execPath, nodeArgs, { cwd: folder }, (error, stdout, stderr) => {
          resolve({ exitCode: error ? Number(error.code) : 0, stdout, stderr });
        });
      });
    },
    async config(name, text) {
      const file = join(folder, name);
      await writeFile(file, text);
      return file;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
