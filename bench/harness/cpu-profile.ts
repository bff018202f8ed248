import { fileURLToPath } from 'node:url';

/** What the inspector gives, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds between a sample and the one before. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** A share of the busy time. */
export interface Share {
  readonly name: string;
  readonly percent: number;
}

export interface ProfileSummary {
  readonly busySeconds: number;
  /** By code base: ours by folder, packages by name, Node, the collector. */
  readonly owners: readonly Share[];
  /** Functions of ours with what they call in Node and V8, but not in other packages or functions of ours. */
  readonly functions: readonly Share[];
  /** Functions of ours with everything that they call. */
  readonly inclusive: readonly Share[];
}

const root = new URL('../../', import.meta.url).href;
const idle = new Set(['(idle)', '(program)', '(root)']);

/** A file of this project or a package; undefined for Node and V8, whose time belongs to the caller. */
function fileOf({ callFrame: { url } }: ProfileNode): string | undefined {
  if (!url.startsWith(root)) return undefined;
  return fileURLToPath(url).slice(fileURLToPath(root).length);
}

function ownerOf(file: string): string {
  const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file) ?? [];
  if (name !== undefined) return name;
  const folder = file.split('/').slice(0, file.startsWith('adapters') ? 3 : 2);
  return folder.join('/').replace(/\.ts$/, '');
}

/** Starting and stopping a profile is part of it. */
const isProfiling = (node: ProfileNode) => fileOf(node)?.startsWith('bench/harness/') === true;

const isOurs = (file: string | undefined) => file !== undefined && /^(?:lib|adapters)\//.test(file);

function nameOf(node: ProfileNode): string {
  const { functionName, lineNumber } = node.callFrame;
  return `${fileOf(node)}:${lineNumber + 1} ${functionName || '(anonymous)'}`;
}

function add(sums: Map<string, number>, name: string, value: number): void {
  sums.set(name, (sums.get(name) ?? 0) + value);
}

function toShares(sums: ReadonlyMap<string, number>, total: number): Share[] {
  const shares = [...sums].map(([name, value]) => ({ name, percent: (100 * value) / total }));
  return shares.sort((left, right) => right.percent - left.percent);
}

/** Where the busy time of the main thread went. */
export function summarizeProfile(text: string): ProfileSummary {
  const { nodes, samples, timeDeltas } = JSON.parse(text) as CpuProfile;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  const owners = new Map<string, number>();
  const functions = new Map<string, number>();
  const inclusive = new Map<string, number>();
  let busy = 0;

  for (const [index, id] of samples.entries()) {
    const leaf = byId.get(id) as ProfileNode;
    const time = Math.max(0, timeDeltas[index] ?? 0);
    const stack: ProfileNode[] = [];
    for (let node: ProfileNode | undefined = leaf; node; node = parents.get(node.id)) stack.push(node);
    if (idle.has(leaf.callFrame.functionName) || stack.some(isProfiling)) continue;
    busy += time;
    const owner = stack.find((node) => fileOf(node) !== undefined);
    const file = owner && fileOf(owner);
    const outside = leaf.callFrame.functionName === '(garbage collector)' ? 'garbage collector' : 'node';
    add(owners, file === undefined ? outside : ownerOf(file), time);
    if (owner && isOurs(file)) add(functions, nameOf(owner), time);
    const ours = new Set(stack.filter((node) => isOurs(fileOf(node))).map(nameOf));
    for (const name of ours) add(inclusive, name, time);
  }
  return {
    busySeconds: busy / 1e6,
    owners: toShares(owners, busy),
    functions: toShares(functions, busy),
    inclusive: toShares(inclusive, busy),
  };
}
