import ts from 'typescript5';
import { eventTraits } from '../../lib/shared/events.ts';
import { cell, code, commentOf, type Member, membersOf, readDeclarations } from './declarations.ts';

const source = readDeclarations('lib/shared/events.ts');

function interfaceOf(name: string): ts.InterfaceDeclaration {
  const found = source.interfaces.get(name);
  if (!found) throw new Error(`there is no interface ${name}`);
  return found;
}

/** The members that a type of event adds: of a literal, of a named interface, or of both. */
function addedBy(type: ts.TypeNode): Member[] {
  if (ts.isTypeLiteralNode(type)) return membersOf(type);
  if (ts.isIntersectionTypeNode(type)) return type.types.flatMap(addedBy);
  return ts.isTypeReferenceNode(type) ? membersOf(interfaceOf(type.typeName.getText())) : [];
}

const describe = ({ name, isOptional, type }: Member) =>
  `${code(`${name}${isOptional ? '?' : ''}`)} ${source.print(type)}`;

/** The text of docs/events.md: everything in its tables is read from the types. */
export function renderEvents(): string {
  const common = membersOf(interfaceOf('EventBase')).map(
    ({ name, isOptional, type, text }) =>
      `| ${code(`${name}${isOptional ? '?' : ''}`)} | ${cell(source.print(type))} | ${cell(text)} |`,
  );
  const types = membersOf(interfaceOf('EventMembers')).map(({ name, type, text }) => {
    const [outcome, level] = eventTraits[name as keyof typeof eventTraits];
    const added = addedBy(type).map(describe).join(', ');
    return `| ${code(name)} | ${outcome} | ${level} | ${cell(added)} | ${cell(text)} |`;
  });
  const outcomes = source.aliases.get('McpOAuthEventOutcome');
  return `# Events

<!-- Made by \`node scripts/documentation.ts\` from lib/shared/events.ts. Do not edit. -->

Every security decision is an event, typed, with who asked (\`clientId\`, \`subject\`), for what (\`resource\`), how it went
(\`outcome\`), exactly why (\`reason\`) and in which flow (\`flowId\`). The wire stays vague; what a client or a page shows is in
[errors](errors.md). Later versions add types and members; they rename none.

\`\`\`ts
auth.events.on('login.failed', ({ reason, flowId }) => console.log(flowId, reason)); // one type, narrowed
auth.events.on('*', (event) => console.log(JSON.stringify(event))); // all of them: the audit trail
\`\`\`

\`logger\` gets the same as text, at the level below: the type as message, the members as details. A listener or logger that
throws, or a promise of it that rejects, disturbs no request. No event holds a token, a code, a secret or the query of a URL.

The flow id is that of the grant: the same from the authorization request over approval, sign-in and tokens to each call that is made with
them; it stands on error pages and on answers (\`x-flow-id\`), and \`login.succeeded\` joins an account (\`subject\`) to what the identity
provider calls the person. Before there is an authorization, a client's requests have a flow id of their caller (its address and
software, digested, another one every hour); the events of the authorization name it as \`discoveryId\`. One login from the first 401 to
the first call is what has either id: \`resource.refused\`, \`client.registered\`, \`authorization.started\`, ..., \`resource.admitted\`.

## Every event

| member | type | meaning |
|---|---|---|
| \`type\` | a name of the next table | narrows the rest |
${common.join('\n')}

${outcomes ? commentOf(outcomes).text : ''}

## Types

| type | outcome | level | adds | when |
|---|---|---|---|---|
${types.join('\n')}

## An audit log

\`\`\`ts
import { appendFile } from 'node:fs/promises';

auth.events.on('*', (event) => {
  if (event.outcome !== 'noted') void appendFile('audit.jsonl', \`\${JSON.stringify(event)}\\n\`);
});
\`\`\`

Questions it answers: who let client *C* in (\`consent.granted\` with its \`clientId\`), what one person's clients did (\`subject\`), why one login failed
(the flow id on the page), who was refused where (\`outcome: 'refused'\` by \`resource\`).
`;
}
