import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type CommandContext, UsageError } from '../command.ts';
import { readConfig } from '../config.ts';
import type { DeploymentOptions } from './deployment.ts';
import { allChecks, diagnose } from './doctor.ts';
import { ProbeError } from './probe.ts';
import { jsonReport, textReport } from './report.ts';

const parameters = {
  config: { type: 'string' },
  origin: { type: 'string' },
  json: { type: 'boolean' },
  strict: { type: 'boolean' },
  only: { type: 'string' },
  ca: { type: 'string' },
  'token-file': { type: 'string' },
  tool: { type: 'string' },
  'tool-arguments': { type: 'string' },
  'initial-access-token-file': { type: 'string' },
  'web-origin': { type: 'string' },
  'client-document': { type: 'string', multiple: true },
  'latency-ms': { type: 'string' },
  'timeout-ms': { type: 'string' },
} as const;

const streamMs = 5000;

async function readText(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new UsageError(`${path} cannot be read: ${(cause as Error).message}`);
  }
}

function readMs(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be milliseconds, an integer from 1 to 9999999`);
}

function readTool(name: string | undefined, text: string | undefined): DeploymentOptions['tool'] {
  if (name === undefined) return undefined;
  try {
    return { name, arguments: JSON.parse(text ?? '{}') };
  } catch {
    throw new UsageError('--tool-arguments must be JSON');
  }
}

function readOnly(text: string | undefined): readonly string[] | undefined {
  const ids = text?.split(',');
  const unknown = ids?.filter((id) => !allChecks.some((check) => check.id === id)) ?? [];
  if (unknown.length > 0) throw new UsageError(`--only: ${unknown.join(', ')} is no check`);
  return ids;
}

function readUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.hash !== '' || url.username !== '')
    throw new UsageError(`${text} is no http(s) URL of an MCP endpoint or an issuer`);
  return text;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: parameters });
  } catch (cause) {
    throw new UsageError((cause as Error).message);
  }
}

/** `express-mcp-auth doctor`. @returns 0 sound, 1 findings, 2 could not run @throws UsageError */
export async function doctor(args: readonly string[], { out, error }: CommandContext): Promise<number> {
  const { values, positionals } = parse(args);
  const [url] = positionals;
  if (positionals.length > 1 || (url === undefined && values.config === undefined))
    throw new UsageError('doctor needs a URL, or --config, or both');
  const deployment: DeploymentOptions | undefined =
    url === undefined
      ? undefined
      : {
          url: readUrl(url),
          ca: await readText(values.ca),
          accessToken: await readText(values['token-file']),
          initialAccessToken: await readText(values['initial-access-token-file']),
          tool: readTool(values.tool, values['tool-arguments']),
          webOrigin: values['web-origin'],
          clientDocuments: values['client-document'] ?? [],
          latencyMs: readMs('latency-ms', values['latency-ms'], 3000),
          streamMs,
          now: Date.now,
        };
  const only = readOnly(values.only);
  const configuration = values.config === undefined ? undefined : await readConfig(values.config);
  try {
    const diagnosis = await diagnose({
      deployment,
      configuration,
      origin: values.origin,
      timeoutMs: readMs('timeout-ms', values['timeout-ms'], 15_000),
      now: Date.now,
      ...(only && { only }),
    });
    const { findings } = diagnosis;
    const isSound = !findings.some(({ severity }) => severity === 'error' || values.strict === true);
    for (const line of values.json === true ? [jsonReport(diagnosis, isSound)] : textReport(diagnosis)) out(line);
    return isSound ? 0 : 1;
  } catch (cause) {
    if (!(cause instanceof ProbeError)) throw cause;
    error(cause.message);
    return 2;
  }
}
