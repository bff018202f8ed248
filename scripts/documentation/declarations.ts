import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript5';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** A member of an interface, as it is written. */
export interface Member {
  readonly name: string;
  readonly isOptional: boolean;
  readonly type: ts.TypeNode;
  /** Text of its comment, in one line, without tags. */
  readonly text: string;
  /** Of its `@defaultValue`. */
  readonly defaultValue: string | undefined;
}

export interface SourceText {
  readonly interfaces: ReadonlyMap<string, ts.InterfaceDeclaration>;
  readonly aliases: ReadonlyMap<string, ts.TypeAliasDeclaration>;
  /** Type nodes as text in one line. */
  print(node: ts.Node): string;
}

/** The declarations of one file below the root, by name. */
export function readDeclarations(path: string): SourceText {
  const file = ts.createSourceFile(path, readFileSync(`${root}${path}`, 'utf8'), ts.ScriptTarget.Latest, true);
  const interfaces = new Map<string, ts.InterfaceDeclaration>();
  const aliases = new Map<string, ts.TypeAliasDeclaration>();
  for (const statement of file.statements) {
    if (ts.isInterfaceDeclaration(statement)) interfaces.set(statement.name.text, statement);
    if (ts.isTypeAliasDeclaration(statement)) aliases.set(statement.name.text, statement);
  }
  return {
    interfaces,
    aliases,
    print: (node) =>
      node
        .getText(file)
        .replace(/\/\*\*.*?\*\//gs, '')
        .replace(/\breadonly /g, '')
        .replace(/\s+/g, ' ')
        .replace(/;? \}/g, ' }')
        .replace(/^\| /, ''),
  };
}

const inOneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

/** The text of the comment before a declaration, and its default. */
export function commentOf(node: ts.Node): { text: string; defaultValue: string | undefined } {
  const comments = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = comments.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join(' ');
  const tag = ts.getJSDocTags(node).find(({ tagName }) => tagName.text === 'defaultValue');
  return {
    text: inOneLine(text),
    defaultValue: tag && inOneLine(ts.getTextOfJSDocComment(tag.comment) ?? ''),
  };
}

/** The properties and methods of an interface or of a literal type. */
export function membersOf(node: ts.InterfaceDeclaration | ts.TypeLiteralNode): Member[] {
  return node.members.flatMap((member) => {
    if (!ts.isPropertySignature(member) || !member.type) return [];
    const name = ts.isStringLiteral(member.name) ? member.name.text : member.name.getText();
    return [{ name, isOptional: member.questionToken !== undefined, type: member.type, ...commentOf(member) }];
  });
}

/** A cell of a Markdown table. */
export const cell = (text: string) => text.replaceAll('|', '\\|');
export const code = (text: string) => `\`${text}\``;
