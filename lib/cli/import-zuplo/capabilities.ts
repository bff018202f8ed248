import { type ReportWriter, take } from './report.ts';
import { type Json, listOf, objectOf, type Policy, textOf } from './source.ts';

const kinds = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const;
const projections = ['description', 'annotations', 'mimeType', '_meta', 'title'];

/** Nothing exists for anybody: what a rule that cannot be taken over leaves. */
const nothing: Json = { default: 'deny', tools: [], prompts: [], resources: [], resourceTemplates: [] };

function entryOf(entry: unknown, where: string, report: ReportWriter): unknown {
  const object = objectOf(entry);
  const name = textOf(entry) ?? textOf(object.name) ?? textOf(object.uri) ?? textOf(object.uriTemplate);
  if (name === undefined) {
    report.left(where, 'an entry without a name');
    return undefined;
  }
  if (name.includes('*')) report.check(where, `${name} holds a *, which stands for any text here`);
  if (typeof entry === 'string') return name;
  for (const projection of projections)
    if (object[projection] !== undefined)
      report.left(where, `${name}: ${projection} cannot be replaced; change it at the upstream`);
  const known = ['name', 'uri', 'uriTemplate', 'roles', 'groups', ...projections];
  take(object, known, `${where}: ${name}`, report);
  const roles = [...listOf(object.roles), ...listOf(object.groups)];
  const isRestricted = object.roles !== undefined || object.groups !== undefined;
  return isRestricted ? { name, roles } : name;
}

/** What a capability filter comes to. Fails closed where its rule is code. */
export function importCapabilities({ name, options }: Policy, report: ReportWriter): Json {
  const given = take(options, [...kinds, 'accessControl'], name, report);
  const access = objectOf(given.accessControl);
  if (access.mode === 'function') {
    report.left(
      name,
      'its rule is a function: nothing is let through until capabilities is one, see docs/capability-filter.md',
    );
    return nothing;
  }
  const { mode: _, ...claims } = access;
  for (const claim of Object.keys(claims))
    report.left(name, `accessControl.${claim}: name the claim in identity.rolesClaims, if it is not found by itself`);
  const lists = kinds.filter((kind) => given[kind] !== undefined);
  return Object.fromEntries(
    lists.map((kind) => [
      kind,
      listOf(given[kind])
        .map((entry) => entryOf(entry, `${name}: ${kind}`, report))
        .filter((entry) => entry !== undefined),
    ]),
  );
}
