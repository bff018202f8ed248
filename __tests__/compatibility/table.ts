/** The compatibility table of docs/clients.md, made from the fixtures and from what became of them. */
import { type Fixture, nameOf } from './fixture.ts';

/** `passes`, or what went wrong. */
export type Outcomes = Readonly<Record<string, string>>;

export const passed = 'passes';

const begin = '<!-- compatibility:begin, written by `npm run compatibility` -->';
const end = '<!-- compatibility:end -->';

const identification = { registration: 'registration', 'metadata document': 'document', 'pre-registered': 'typed id' };

/** Options that the client needs, besides none. */
function settingsOf({ identity, allowedOrigins }: Fixture): string {
  const settings = [
    ...(identity.kind === 'pre-registered' ? ['`clients`'] : []),
    ...(identity.kind === 'metadata document' && identity.pinned ? ['`cimd.pinned`'] : []),
    ...(allowedOrigins ? ['`allowedOrigins`'] : []),
  ];
  return settings.join(', ') || 'none';
}

function row(fixture: Fixture, outcomes: Outcomes): string {
  const { basis, sources, identity, redirectUri, authentication, note = '', id } = fixture;
  const links = sources.map((url, index) => `[${index + 1}](${url})`).join(' ');
  const cells = [
    nameOf(fixture),
    identification[identity.kind],
    `\`${redirectUri.replace(/(localhost|127\.0\.0\.1):\d+/, '$1:*')}\``,
    `\`${authentication}\``,
    settingsOf(fixture),
    `${basis} ${links}`,
    outcomes[id] ?? 'not replayed',
    note,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

export function renderTable(fixtures: readonly Fixture[], outcomes: Outcomes): string {
  const head = ['Client', 'Identifies by', 'Redirect URI', 'Authenticates by', 'Settings', 'Basis', 'Replay', 'Remark'];
  const sorted = [...fixtures].sort((one, other) => (nameOf(one).toLowerCase() < nameOf(other).toLowerCase() ? -1 : 1));
  return [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...sorted.map((fixture) => row(fixture, outcomes)),
  ].join('\n');
}

/** The document with another table. @throws Error where the markers are missing */
export function replaceTable(document: string, table: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) throw new Error('docs/clients.md has no markers for the table');
  return `${document.slice(0, from + begin.length)}\n${table}\n${document.slice(to)}`;
}
