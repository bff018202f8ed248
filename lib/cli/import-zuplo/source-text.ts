/** TypeScript that stands in the config file as it is. */
export class Code {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const quoted = (text: string) => `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

/** `$env(X)` of Zuplo's files, and `${env.X}` of its handlers. */
const reference = /\$env\((\w+)\)|\$\{env\.(\w+)\}/g;

/** The value of a variable that must be set. */
export function variable(name: string): Code {
  const member = isName(name) ? `.${name}` : `['${name}']`;
  return new Code(`required('${name}', process.env${member})`);
}

/** Text with its references to the environment. */
function textCode(text: string): string {
  const parts = [...text.matchAll(reference)];
  const [first] = parts;
  if (!first) return quoted(text);
  const nameOf = (part: RegExpExecArray) => part[1] ?? part[2] ?? '';
  if (first[0] === text) return variable(nameOf(first)).text;
  let end = 0;
  let template = '';
  const escaped = (plain: string) =>
    plain
      .replace(/[\\`]|\$\{/g, '\\$&')
      .replaceAll('\n', '\\n')
      .replaceAll('\r', '\\r');
  for (const part of parts) {
    template += `${escaped(text.slice(end, part.index))}\${${variable(nameOf(part)).text}}`;
    end = part.index + part[0].length;
  }
  return `\`${template}${escaped(text.slice(end))}\``;
}

const isName = (name: string) => /^[A-Za-z_$][\w$]*$/.test(name);

/** A value as TypeScript; members that are undefined are left out. */
export function toSource(value: unknown, indent = ''): string {
  if (value instanceof Code) return value.text.replaceAll('\n', `\n${indent}`);
  if (typeof value === 'string') return textCode(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => toSource(item, inner));
    const line = `[${items.join(', ')}]`;
    if (!line.includes('\n') && line.length < 90) return line;
    return `[\n${items.map((item) => `${inner}${item},\n`).join('')}${indent}]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  if (members.length === 0) return '{}';
  const lines = members.map(([name, member]) => {
    if (member instanceof Code && member.text === name) return `${inner}${name},\n`;
    // The member of a preset: its result is spread.
    if (member instanceof Code && name.startsWith('...')) return `${inner}...${toSource(member, inner)},\n`;
    return `${inner}${isName(name) ? name : quoted(name)}: ${toSource(member, inner)},\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}
