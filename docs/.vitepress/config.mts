import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The title of a page is its first heading. */
const titleOf = (path: string) =>
  /^# (.+)$/m.exec(readFileSync(`${root}${path}`, 'utf8'))?.[1]?.replaceAll('`', '') ?? path;
const item = (path: string) => ({ text: titleOf(path), link: `/${path.replace(/\.md$/, '')}` });

const groups: Record<string, readonly string[]> = {
  Start: ['quick-start', 'concepts', 'faq'],
  Use: ['sign-in', 'identity-providers', 'clients', 'gateway', 'capability-filter', 'id-jag', 'pages', 'resource'],
  Run: ['production', 'storage', 'admin', 'telemetry', 'doctor', 'security', 'faults'],
  Reference: ['options', 'errors', 'events', 'parity', 'migrating'],
};
const grouped = Object.values(groups).flat();
const others = readdirSync(`${root}docs`)
  .filter((name) => name.endsWith('.md'))
  .map((name) => name.replace(/\.md$/, ''))
  .filter((name) => !grouped.includes(name));
const run = [...(groups.Run ?? []), ...others];

const examples = readdirSync(`${root}examples`).filter((name) =>
  readdirSync(`${root}examples/${name}`).includes('README.md'),
);

export default defineConfig({
  title: 'express-mcp-auth',
  description: 'OAuth 2.1 for MCP servers in Express',
  // The whole repository is the source, so that pages link to each other here as they do on its host.
  srcDir: '..',
  srcExclude: ['**/node_modules/**', 'docs/api/README.md', '__tests__/**', 'bench/**', 'dist/**'],
  outDir: './.vitepress/dist',
  rewrites: { 'README.md': 'index.md' },
  cleanUrls: true,
  lastUpdated: false,
  // Sources, and the README by its own name, are pages of the repository's host alone.
  ignoreDeadLinks: [/\/README$/, /\/index$/, /\.(?:ts|mjs|py|conf|json|yaml|yml)$/, /LICENSE/],
  // Pages lie outside of this folder, where its packages are.
  vite: {
    resolve: {
      alias: [
        { find: /^vue\/server-renderer$/, replacement: `${root}docs/node_modules/vue/server-renderer/index.mjs` },
        { find: /^vue$/, replacement: `${root}docs/node_modules/vue/index.mjs` },
      ],
    },
    build: { chunkSizeWarningLimit: 4000 },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Quick start', link: '/docs/quick-start' },
      { text: 'Options', link: '/docs/options' },
      { text: 'API', link: '/docs/api/' },
      { text: 'Changes', link: '/CHANGELOG' },
    ],
    sidebar: [
      ...Object.entries({ ...groups, Run: run }).map(([text, names]) => ({
        text,
        items: names.map((name) => item(`docs/${name}.md`)),
      })),
      { text: 'Benchmarks', items: [item('docs/benchmarks/README.md')] },
      { text: 'Examples', collapsed: true, items: examples.map((name) => item(`examples/${name}/README.md`)) },
    ],
  },
});
